// What keys and buttons do.

import { commandOf } from "./keys.js";
import { toggleTheme } from "./settings.js";

/** Bind the keys of KEYS and the buttons around the slice to the parts of the page. */
export function bindCommands({ find, study, viewer, toolbar, gestures, gallery, form, reading, help, curtain, screens }) {
  const pause = async () => {
    await reading.pause();
    screens.pause(() => reading.resume());
  };
  const commands = {
    choose: (position) => form.choose(position),
    back: () => form.back(),
    write: () => form.write(),
    leave: () => find("#slice").focus(),
    save: () => reading.save(),
    move: (step) => reading.move(step),
    preset: (position) => toolbar.preset(position),
    width: (factor) => (viewer.window = { ...viewer.window, width: viewer.window.width * factor }),
    level: (share) => (viewer.window = { ...viewer.window, center: viewer.window.center + share * viewer.window.width }),
    invert: () => (viewer.invert = !viewer.invert),
    pixels: () => toolbar.togglePixels(),
    zoom: (factor) => viewer.zoomBy(factor),
    panX: (distance) => viewer.panBy(distance, 0),
    panY: (distance) => viewer.panBy(0, distance),
    fit: () => viewer.fit(),
    reset: () => viewer.reset(),
    scroll: (layers) => (viewer.layer += layers),
    nothing: () => {},
    gallery: () => {
      if (study.reference_count === 0) return;
      gallery.toggle();
      find("#gallery-button").setAttribute("aria-pressed", String(gallery.open));
    },
    help: () => help.toggle(),
    theme: toggleTheme,
    pause: () => (curtain.kind === "pause" ? curtain.press() : pause()),
  };

  /** While a case is hidden or a dialog is open, only what belongs there works. */
  function allowed(command) {
    const dialog = find("dialog[open]");
    if (dialog !== null) return ["theme", "help"].includes(command);
    if (curtain.kind === null) return command !== "scroll" || study.depth > 1;
    return ["theme", "help"].includes(command) || (command === "pause" && curtain.kind === "pause");
  }

  document.addEventListener("keydown", (event) => {
    if (event.key === " " && !event.target.matches("button, input, textarea")) {
      gestures.spaceHeld = true;
      event.preventDefault();
      return;
    }
    const found = commandOf(event, help.shortcuts);
    if (found === undefined || !allowed(found.command)) return;
    event.preventDefault();
    commands[found.command](found.argument);
  });
  document.addEventListener("keyup", (event) => event.key === " " && (gestures.spaceHeld = false));
  addEventListener("blur", () => (gestures.spaceHeld = false));

  find("#save").onclick = commands.save;
  find("#previous").onclick = () => reading.move(-1);
  find("#next").onclick = () => reading.move(1);
  find("#previous").hidden = find("#next").hidden = !study.back_allowed;
  find("#pause").onclick = () => curtain.kind === null && pause();
  find("#gallery-button").onclick = commands.gallery;
  find("#gallery-button").hidden = study.reference_count === 0;
  find("form").onsubmit = (event) => event.preventDefault();
}
