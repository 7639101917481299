// The screens that are no case: the instructions, a pause, the end, and what went wrong.

import { CURTAINS, plural, waitingSentence } from "./messages.js";

const TO_BE_OPENED_AGAIN = ["expired", "otherReader"];

export class Screens {
  #curtain;
  #unsent = 0;
  #lasting = true;
  #backAllowed = false;

  /** @param curtain what they are written on */
  constructor(curtain) {
    this.#curtain = curtain;
  }

  /** What the server and the browser allow, once known. */
  open({ back_allowed }, lasting) {
    this.#backAllowed = back_allowed;
    this.#lasting = lasting;
  }

  /** No more can be done here before the link is opened again. */
  get barred() {
    return TO_BE_OPENED_AGAIN.includes(this.#curtain.kind);
  }

  set unsent(count) {
    this.#unsent = count;
  }

  get unsent() {
    return this.#unsent;
  }

  /** A screen of CURTAINS; there is no way on but to load the page anew. */
  stop(kind) {
    const button = TO_BE_OPENED_AGAIN.includes(kind) ? { button: "Try again", act: () => location.reload() } : {};
    this.#curtain.show(kind, { ...CURTAINS[kind](this.#unsent), ...button });
  }

  /** What the server refused to give. */
  refused(status) {
    this.stop({ 404: "broken", 410: "closed" }[status] ?? "expired");
  }

  start({ title, instructions, count, questions, back_allowed }, { done, next }, begin) {
    const paragraphs = (instructions ?? "").split(/\n\s*\n/).filter((paragraph) => paragraph.trim());
    const rules = back_allowed ? "You may go back and change an answer." : "An answer once saved cannot be changed.";
    const extent = `${plural(count, "case", "cases")}, ${plural(questions.length, "question", "questions")} each. ${rules}`;
    const keys = "Number keys answer, Enter saves, drag the slice to window it. Press ? for all keys.";
    const button = done > 0 ? `Go on with case ${next}` : "Begin";
    this.#curtain.show("start", { title, text: [...paragraphs, extent, keys], button, act: () => this.#lift(begin) });
  }

  pause(goOn) {
    const text = ["The clock stands still. Your answers so far are kept."];
    this.#curtain.show("pause", { title: "Paused", text, button: "Go on", act: () => this.#lift(goOn) });
  }

  /** The end. Shown anew as what waits is sent. */
  finished(again) {
    const text =
      this.#unsent === 0
        ? ["All your answers are saved. Thank you; you may close this window."]
        : [`${waitingSentence(this.#unsent, true, this.#lasting)}. Please leave this window open until all are saved.`];
    const button = this.#backAllowed ? { button: "Go over the cases again", act: () => this.#lift(again) } : {};
    this.#curtain.show("finished", { title: "All cases are read", text, ...button });
  }

  #lift(then) {
    this.#curtain.lift();
    then();
  }
}
