// What stands in the place of the slice and the questions: the instructions, a pause, the end, and what went wrong.

import { element } from "./element.js";

export class Curtain {
  #place;
  #main;
  #kind = null;

  constructor(place, main) {
    this.#place = place;
    this.#main = main;
  }

  /** The kind of the curtain that is down, or null. */
  get kind() {
    return this.#kind;
  }

  /** Let it down. `act` follows the button, when there is one; `quiet`: only who looks for the button presses it. */
  show(kind, { title, text, button, act, quiet = false }) {
    const again = this.#kind === kind;
    this.#kind = kind;
    const heading = element("h1", { tabIndex: -1 }, title);
    const parts = [heading, ...text.map((paragraph) => element("p", {}, paragraph))];
    const pressed = button && element("button", { type: "button", className: quiet ? "" : "primary", onclick: act }, button);
    if (pressed) parts.push(pressed);
    this.#place.replaceChildren(element("div", { className: "sheet" }, ...parts));
    this.#place.hidden = false;
    this.#main.hidden = true;
    if (!again || !document.activeElement?.matches("button")) (quiet ? heading : (pressed ?? heading)).focus();
  }

  /** Press its button, if it has one. */
  press() {
    this.#place.querySelector("button")?.click();
  }

  lift() {
    this.#kind = null;
    this.#place.hidden = true;
    this.#main.hidden = false;
  }
}
