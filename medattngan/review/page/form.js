// The protocol's questions as a form. Nothing here knows what is asked.

import { element } from "./element.js";
import { say, told } from "./words.js";

const TEXT_LIMIT = 2000; // the server's
const [MOST_IN_A_ROW, LONGEST_IN_A_ROW] = [5, 13]; // options beside each other, and letters of a word in one of them

export class Form {
  #questions;
  #listener;
  #done;
  #sets;
  #current = 0;
  #byPointer = false;

  /** Build the questions into `place`; `changed` is called with every change of an answer, `done` when the last is passed. */
  constructor(place, questions, { changed, done }) {
    this.#questions = questions;
    this.#listener = changed;
    this.#done = done;
    this.#sets = questions.map((question, index) => this.#build(question, index));
    place.replaceChildren(...this.#sets);
    place.addEventListener("pointerdown", () => (this.#byPointer = true));
    place.addEventListener("keydown", () => (this.#byPointer = false));
    this.current = 0;
  }

  #build(question, index) {
    const name = `question-${index}`;
    const set = element("fieldset", { className: `question ${question.kind}`, id: name, tabIndex: -1 });
    const optional = question.required ? [] : [element("span", { className: "optional" }, say("optional"))];
    set.append(element("legend", {}, told(question.text), ...optional));
    set.append(question.kind === "choice" ? this.#options(question, index, name) : this.#text(question, index, name));
    set.addEventListener("focusin", () => (this.current = index));
    return set;
  }

  #options(question, index, name) {
    const options = question.options.map(({ label }, at) => {
      const input = element("input", { type: "radio", name, value: String(at), required: question.required });
      input.addEventListener("change", () => this.#changed(index));
      const key = element("kbd", { "aria-hidden": "true" }, at < 9 ? String(at + 1) : "");
      return element("label", { className: "option" }, input, key, element("span", {}, told(label)));
    });
    const words = question.options.flatMap(({ label }) => told(label).split(/\s+/));
    const scale = options.length <= MOST_IN_A_ROW && Math.max(...words.map(({ length }) => length)) <= LONGEST_IN_A_ROW;
    return element("div", { className: scale ? "options scale" : "options" }, ...options);
  }

  #text(question, index, name) {
    const input = element("textarea", { name, rows: 2, "aria-label": told(question.text), required: question.required });
    input.placeholder = told(question.text) + (question.required ? "" : say("optional")); // in sight where the legend is not
    input.maxLength = TEXT_LIMIT;
    input.addEventListener("input", () => this.#listener());
    return input;
  }

  #changed(index) {
    this.#listener();
    if (this.#byPointer) this.#goTo(index + 1);
    this.#byPointer = false;
  }

  get current() {
    return this.#current;
  }

  /** The question that the number keys answer. */
  set current(index) {
    this.#current = index;
    this.#sets.forEach((set, at) => set.classList.toggle("current", at === index));
  }

  /** Answer the current question with its option number `position` (from 1), and go on to the next one. */
  choose(position) {
    const question = this.#questions[this.#current];
    const input = this.#inputs(this.#current)[position - 1];
    if (question?.kind !== "choice" || input === undefined || input.matches(":disabled")) return;
    input.checked = true;
    this.#listener();
    this.#goTo(this.#current + 1);
  }

  /** Take back the current answer; where there is none, go to the question before. */
  back() {
    if (this.#current >= this.#sets.length || this.#answer(this.#current) === undefined) {
      this.focus(Math.max(0, this.#current - 1));
      return;
    }
    if (this.#questions[this.#current].kind !== "choice" || this.#sets[this.#current].disabled) return;
    for (const input of this.#inputs(this.#current)) input.checked = false;
    this.#listener();
  }

  /** Focus question `index`: the set for choices, so that no key of a radio button gets in the way; the box for text. */
  focus(index) {
    this.current = index;
    this.#sets[index].focus({ preventScroll: true });
    this.#sets[index].scrollIntoView({ block: "nearest" });
  }

  /** A comment that need not be given is passed over: the hand stays on the keys that save. */
  #goTo(index) {
    let next = index;
    while (this.#questions[next]?.kind === "text" && !this.#questions[next].required) next += 1;
    if (next >= this.#questions.length) {
      this.current = this.#questions.length;
      this.#done();
    } else if (this.#questions[next].kind === "text") {
      this.#inputs(next)[0].focus();
    } else {
      this.focus(next);
    }
  }

  /** Put the caret into the next text question. */
  write() {
    const at = this.#questions.findIndex((question) => question.kind === "text");
    if (at >= 0) this.#inputs(at)[0].focus();
  }

  #inputs(index) {
    return this.#sets[index]?.querySelectorAll("input, textarea") ?? [];
  }

  #answer(index) {
    const inputs = this.#inputs(index);
    const { kind, options } = this.#questions[index];
    if (kind === "text") return inputs[0].value.trim() || undefined;
    const chosen = [...inputs].findIndex((input) => input.checked);
    return chosen < 0 ? undefined : options[chosen].value;
  }

  /** {question id: value} of what has been answered. */
  get answers() {
    const given = {};
    this.#questions.forEach(({ id }, index) => {
      const answer = this.#answer(index);
      if (answer !== undefined) given[id] = answer;
    });
    return given;
  }

  set answers(answers) {
    this.#questions.forEach(({ id, kind, options }, index) => {
      const inputs = this.#inputs(index);
      if (kind === "text") inputs[0].value = answers[id] ?? "";
      else inputs.forEach((input, at) => (input.checked = id in answers && options[at].value === answers[id]));
    });
    this.markMissing([]);
  }

  /** The required questions without an answer, by index. */
  missing() {
    return this.#questions.flatMap(({ required }, index) =>
      required && this.#answer(index) === undefined ? [index] : [],
    );
  }

  markMissing(indices) {
    this.#sets.forEach((set, index) => set.classList.toggle("missing", indices.includes(index)));
  }

  question(index) {
    return this.#questions[index].text;
  }

  set disabled(disabled) {
    for (const set of this.#sets) set.disabled = disabled;
  }
}
