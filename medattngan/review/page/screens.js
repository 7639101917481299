// The screens that are no case: the instructions, a pause, the end, and what went wrong.

import { CURTAINS, waitingSentence } from "./messages.js";
import { say, told } from "./words.js";

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
    const button = TO_BE_OPENED_AGAIN.includes(kind) ? { button: say("try_again"), act: () => location.reload() } : {};
    this.#curtain.show(kind, { ...CURTAINS[kind](this.#unsent), ...button });
  }

  /** What the server refused to give. */
  refused(status) {
    this.stop({ 404: "broken", 410: "closed" }[status] ?? "expired");
  }

  start({ title, instructions, count, depth, questions, back_allowed }, { done, next }, begin) {
    const paragraphs = told(instructions ?? "").split(/\n\s*\n/).filter((paragraph) => paragraph.trim());
    const extent = say("extent", {
      cases: say("cases", { count }),
      questions: say("questions", { count: questions.length }),
      rules: say(back_allowed ? "may_go_back" : "no_change"),
    });
    const hands = say(matchMedia("(pointer: coarse)").matches ? "how_touch" : "how_keys");
    const how = depth > 1 ? [say("how_stack"), hands] : [hands];
    const button = done > 0 ? say("go_on_with", { n: next }) : say("begin");
    this.#curtain.show("start", { title, text: [...paragraphs, extent, ...how], button, act: () => this.#lift(begin) });
  }

  pause(goOn) {
    const text = [say("paused_text")];
    this.#curtain.show("pause", { title: say("paused"), text, button: say("go_on"), act: () => this.#lift(goOn) });
  }

  /** The end. Shown anew as what waits is sent. Enter has just saved the last case: it must not begin the first anew. */
  finished(again) {
    const text =
      this.#unsent === 0
        ? [say("finished")]
        : [say("finished_waiting", { what: waitingSentence(this.#unsent, true, this.#lasting) })];
    const button = this.#backAllowed ? { button: say("over_again"), act: () => this.#lift(again) } : {};
    this.#curtain.show("finished", { title: say("all_read"), text, quiet: true, ...button });
  }

  #lift(then) {
    this.#curtain.lift();
    then();
  }
}
