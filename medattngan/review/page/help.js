// The help: what the mouse, the fingers and each key do.

import { element } from "./element.js";
import { KEYS } from "./keys.js";
import { keepSetting, setting } from "./settings.js";
import { say } from "./words.js";

const HANDS = ["hand_drag", "hand_wheel", "hand_pan", "hand_stack"];

const SIGNS = { ArrowLeft: "←", ArrowRight: "→", ArrowUp: "↑", ArrowDown: "↓", Digit: "1 – 9" };

function shown(chord) {
  const shift = chord.startsWith("Shift+");
  const key = chord.replace("Shift+", "");
  const sign = SIGNS[key] ?? (key.length === 1 ? key.toUpperCase() : key);
  const parts = shift ? [element("kbd", {}, "Shift"), " ", element("kbd", {}, sign)] : [element("kbd", {}, sign)];
  return element("span", { className: "chord" }, ...parts);
}

function spaced(chords) {
  return chords.flatMap((chord, at) => (at === 0 ? [shown(chord)] : [" ", shown(chord)]));
}

function table(caption, rows) {
  const body = rows.map(([what, says]) => element("tr", {}, element("th", { scope: "row" }, ...what), element("td", {}, says)));
  return element("table", {}, element("caption", {}, caption), element("tbody", {}, ...body));
}

export class Help {
  #dialog;
  #shortcuts;

  constructor(dialog) {
    this.#dialog = dialog;
    const groups = Object.entries(KEYS).map(([caption, keys]) => table(say(caption), keys.map(([chords, says]) => [spaced(chords), say(says)])));
    const hands = table(say("group_hands"), HANDS.map((what) => [[say(what)], say(`${what}_says`)]));
    dialog.querySelector(".tables").replaceChildren(...groups, hands);
    this.#shortcuts = dialog.querySelector("#shortcuts");
    this.#shortcuts.checked = setting("shortcuts", ["on", "off"]) === "on";
    this.#shortcuts.addEventListener("change", () => keepSetting("shortcuts", this.#shortcuts.checked ? "on" : "off"));
    dialog.querySelector("button").addEventListener("click", () => dialog.close());
  }

  /** Whether single keys are shortcuts; a reader who dictates or uses switches may turn them off (WCAG 2.1.4). */
  get shortcuts() {
    return this.#shortcuts.checked;
  }

  toggle() {
    if (this.#dialog.open) this.#dialog.close();
    else this.#dialog.showModal();
  }
}
