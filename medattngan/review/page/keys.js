// The keyboard: one table, from which both the keys and their help are made.

/** By group: [chords, key of what the help says, command, argument]. A chord has "Shift+" where shift makes a difference. */
export const KEYS = {
  group_cases: [
    [["Digit"], "key_choose", "choose"],
    [["Backspace"], "key_back", "back"],
    [["c"], "key_write", "write"],
    [["Enter"], "key_save", "save"],
    [["ArrowRight"], "key_next", "move", 1],
    [["ArrowLeft"], "key_previous", "move", -1],
    [["g"], "key_gallery", "gallery"],
    [["p"], "key_pause", "pause"],
    [["t"], "key_theme", "theme"],
    [["?"], "key_help", "help"],
  ],
  group_slice: [
    [["ArrowUp"], "key_up", "scroll", -1],
    [["ArrowDown"], "key_down", "scroll", 1],
    [["PageUp"], "key_page_up", "scroll", -5],
    [["PageDown"], "key_page_down", "scroll", 5],
    [["Shift+Digit"], "key_preset", "preset"],
    [["w"], "key_narrow", "width", 1 / 1.1],
    [["Shift+w"], "key_wide", "width", 1.1],
    [["l"], "key_lower", "level", -0.05],
    [["Shift+l"], "key_higher", "level", 0.05],
    [["i"], "key_invert", "invert"],
    [["x"], "key_pixels", "pixels"],
    [["+", "="], "key_zoom_in", "zoom", 1.25],
    [["-"], "key_zoom_out", "zoom", 0.8],
    [["Shift+ArrowLeft"], "key_pan_left", "panX", -40],
    [["Shift+ArrowRight"], "key_pan_right", "panX", 40],
    [["Shift+ArrowUp"], "key_pan_up", "panY", -40],
    [["Shift+ArrowDown"], "key_pan_down", "panY", 40],
    [["f"], "key_fit", "fit"],
    [["r"], "key_reset", "reset"],
  ],
};

/** While another key is held down these go on; the rest happen once. */
const REPEATING = new Set(["width", "level", "zoom", "panX", "panY", "scroll"]);

const COMMAND_OF = new Map(
  Object.values(KEYS)
    .flat()
    .flatMap(([chords, , command, argument]) => chords.map((chord) => [chord, { command, argument }])),
);

/** {chord, digit}: digits go by their place, so that they need no shift on any keyboard. */
function chordOf(event) {
  const steers = event.code.startsWith("Numpad") && !/^[1-9]$/.test(event.key); // without Num Lock these are arrows
  const digit = steers ? undefined : /^(?:Digit|Numpad)([1-9])$/.exec(event.code)?.[1];
  const key = digit ? "Digit" : event.key.length === 1 ? event.key.toLowerCase() : event.key;
  const shiftMatters = digit || key.length > 1 || key !== key.toUpperCase();
  return { chord: event.shiftKey && shiftMatters ? `Shift+${key}` : key, digit: Number(digit) };
}

/**
 * Enter saves wherever the focus is. It stays the browser's while a character is composed, begins a line with shift in a
 * text, and first takes over a number that was typed. Who turned the shortcuts off presses buttons by it.
 */
function commandOfEnter(event, shortcuts) {
  const { target } = event;
  if (event.isComposing || (event.shiftKey && target.matches("textarea"))) return undefined;
  if (!shortcuts && target.matches("button, summary, a")) return undefined;
  if (event.repeat) return { command: "nothing" };
  return { command: target.matches("input[type=number]") && target.dataset.typed ? "leave" : "save" };
}

/**
 * The command of a key pressed, or undefined when the key belongs to the browser or to what has the focus.
 * Without `shortcuts` only Enter is ours, and the arrows are those of the radio buttons.
 */
export function commandOf(event, shortcuts) {
  if (event.ctrlKey || event.metaKey || event.altKey) return undefined;
  if (event.key === "Enter") return commandOfEnter(event, shortcuts);
  if (event.target.matches("textarea, input[type=number]")) return event.key === "Escape" ? { command: "leave" } : undefined;
  if (!shortcuts || (event.target.matches("input[type=range]") && /^(Arrow|Page)/.test(event.key))) return undefined;
  const { chord, digit } = chordOf(event);
  const found = COMMAND_OF.get(chord);
  if (found === undefined || (event.repeat && !REPEATING.has(found.command))) return undefined;
  return { command: found.command, argument: found.argument ?? digit };
}
