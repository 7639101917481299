// The keyboard: one table, from which both the keys and their help are made.

/** By group: [chords, what the help says, command, argument]. A chord has "Shift+" where shift makes a difference. */
export const KEYS = {
  "Cases and answers": [
    [["Digit"], "Answer the current question, go to the next", "choose"],
    [["Backspace"], "Take the answer back, or go to the question before", "back"],
    [["c"], "Write into the text question; Escape leaves it", "write"],
    [["Enter"], "Save, and go to the next case", "save"],
    [["ArrowRight"], "Next case", "move", 1],
    [["ArrowLeft"], "Previous case, where the protocol allows it", "move", -1],
    [["g"], "Reference slices, if there are any", "gallery"],
    [["p"], "Pause: hide the slice, stop the clock", "pause"],
    [["t"], "Dark or light page", "theme"],
    [["?"], "This help", "help"],
  ],
  "The slice": [
    [["Shift+Digit"], "Window preset", "preset"],
    [["w"], "Narrower window", "width", 1 / 1.1],
    [["Shift+w"], "Wider window", "width", 1.1],
    [["l"], "Lower level: brighter", "level", -0.05],
    [["Shift+l"], "Higher level: darker", "level", 0.05],
    [["i"], "Invert", "invert"],
    [["x"], "Smooth, or single pixels", "pixels"],
    [["+", "="], "Zoom in", "zoom", 1.25],
    [["-"], "Zoom out", "zoom", 0.8],
    [["Shift+ArrowLeft"], "Move left", "panX", -40],
    [["Shift+ArrowRight"], "Move right", "panX", 40],
    [["Shift+ArrowUp"], "Move up", "panY", -40],
    [["Shift+ArrowDown"], "Move down", "panY", 40],
    [["f"], "Fit to the screen", "fit"],
    [["r"], "Reset window, zoom and place", "reset"],
  ],
};

/** While another key is held down these go on; the rest happen once. */
const REPEATING = new Set(["width", "level", "zoom", "panX", "panY"]);

const COMMAND_OF = new Map(
  Object.values(KEYS)
    .flat()
    .flatMap(([chords, , command, argument]) => chords.map((chord) => [chord, { command, argument }])),
);

/** {chord, digit}: digits go by their place, so that they need no shift on any keyboard. */
function chordOf(event) {
  const digit = /^(?:Digit|Numpad)([1-9])$/.exec(event.code)?.[1];
  const key = digit ? "Digit" : event.key.length === 1 ? event.key.toLowerCase() : event.key;
  const shiftMatters = digit || key.length > 1 || key !== key.toUpperCase();
  return { chord: event.shiftKey && shiftMatters ? `Shift+${key}` : key, digit: Number(digit) };
}

/** Escape leaves a text box for the slice; Enter saves from within it, and shift+Enter begins a line. */
function commandInText(event) {
  if (event.key === "Escape") return { command: "leave" };
  if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
    return { command: event.target.type === "number" ? "leave" : "save" };
  }
  return undefined;
}

/**
 * The command of a key pressed, or undefined when the key belongs to the browser or to what has the focus.
 * Without `shortcuts` only Enter is ours, and the arrows are those of the radio buttons.
 */
export function commandOf(event, shortcuts) {
  if (event.ctrlKey || event.metaKey || event.altKey) return undefined;
  if (event.target.matches("textarea, input[type=number]")) return commandInText(event);
  if (event.key === "Enter" && event.target.matches("button, summary, a")) return undefined;
  const { chord, digit } = chordOf(event);
  const found = COMMAND_OF.get(chord);
  if (found === undefined || (event.repeat && !REPEATING.has(found.command))) return undefined;
  if (!shortcuts && found.command !== "save") return undefined;
  return { command: found.command, argument: found.argument ?? digit };
}
