// Reading cases one after another: show, answer, keep, go on.

import { getCase } from "./api.js";
import { newReadId } from "./outbox.js";
import { say, told } from "./words.js";

const DRAFT_EVERY_MS = 5000;
const RETRY_MS = [1000, 2000, 4000, 8000];

export class Reading {
  #study;
  #progress;
  #storage;
  #outbox;
  #cases;
  #viewer;
  #form;
  #clock;
  #page;
  #n = null;
  #answers = new Map(); // what has been answered in this window, by case
  #ready = false; // the case is on the screen and may be answered
  #saving = false;
  #changed = false;
  #base = ""; // of the draft: the answer that the case had when it was begun
  #paused = false;

  /** @param page {say, shown(n), finished(), refused(status)}: what the page does when something happens here */
  constructor({ study, progress, storage, outbox, cases, viewer, form, clock, page, waiting }) {
    [this.#study, this.#progress, this.#storage, this.#outbox] = [study, progress, storage, outbox];
    [this.#cases, this.#viewer, this.#form, this.#clock, this.#page] = [cases, viewer, form, clock, page];
    for (const { n, answers, milliseconds } of waiting) this.#answers.set(n, { answers, milliseconds });
    setInterval(() => this.#clock.running && this.keepDraft(), DRAFT_EVERY_MS);
    document.addEventListener("visibilitychange", () => this.keepDraft());
    addEventListener("pagehide", () => this.keepDraft());
  }

  get n() {
    return this.#n;
  }

  /** Show case n with the answers it has so far. */
  async show(n) {
    await this.#leave();
    this.#n = n;
    this.#viewer.show(null);
    this.#form.disabled = true;
    this.#page.shown(n);
    const given = await this.#given(n);
    const codes = await this.#pixels(n);
    if (this.#n !== n || codes === null) return;
    this.#form.disabled = given.locked === true;
    this.#form.answers = given.answers ?? {};
    this.#viewer.show(codes);
    this.#changed = given.draft === true;
    this.#base = given.base ?? "";
    this.#ready = true;
    this.#clock.start(given.milliseconds ?? 0);
    if (this.#paused) this.#clock.stop(); // the pause began while the case was on its way
    this.#form.focus(0);
    this.#cases.fetchAhead(n);
  }

  async #leave() {
    const kept = this.keepDraft();
    this.#ready = false;
    this.#clock.stop();
    await kept;
  }

  /**
   * The draft on this computer, where nothing newer was answered elsewhere since it was begun, else the newest answers.
   * `base` is the answer that the case had when the draft was begun.
   */
  async #given(n) {
    const draft = await this.#storage.draft(n);
    if (draft === undefined && !this.#answers.has(n) && !this.#progress.isAnswered(n)) return {};
    const newest = this.#answers.get(n) ?? (await this.#onServer(n));
    const base = newest === null ? draft?.base : versionOf(newest);
    const goesOn = draft !== undefined && (newest === null || draft.returned === true || (draft.base ?? "") === base);
    // What the server gave back is newer than all it has.
    if (goesOn) return { ...draft, locked: newest?.locked, base: draft.returned ? base : draft.base, draft: true };
    return { ...newest, base };
  }

  /** What the server has of case n; null when it cannot be asked. */
  async #onServer(n) {
    const { status, body } = await getCase(n);
    if (status === 200) return body;
    if (this.#progress.isAnswered(n)) this.#page.say(say("answers_offline", { n }));
    return null;
  }

  /** The codes of case n, asked for until they come; null when the reader has gone elsewhere or may not have them. */
  async #pixels(n) {
    for (let attempt = 0; this.#n === n; attempt += 1) {
      const { status, codes } = await this.#cases.get(n);
      if (codes !== null) return codes;
      if ([401, 403, 404, 410].includes(status)) {
        this.#page.refused(status);
        return null;
      }
      this.#page.say(say("case_offline", { n }));
      await untilOnline(RETRY_MS[Math.min(attempt, RETRY_MS.length - 1)]);
    }
    return null;
  }

  /** The reader changed an answer. */
  touched() {
    this.#changed = true;
    this.#page.say("");
    this.#form.markMissing([]);
    this.keepDraft();
  }

  /**
   * Keep answers and time on this computer. A case already answered gets a draft only when something was changed.
   * The browser writes drafts in the order asked for, even those asked for as the page goes away.
   */
  async keepDraft() {
    if (!this.#ready || this.#saving || (this.#progress.isAnswered(this.#n) && !this.#changed)) return;
    try {
      await this.#storage.keepDraft(this.#n, this.#form.answers, this.#clock.elapsed(), { base: this.#base });
    } catch {
      this.#page.say(say("cannot_keep"));
    }
  }

  /** Save the case and go on: to the next one without an answer, or one further when going over the cases again. */
  async save() {
    const again = this.#progress.isAnswered(this.#n);
    if (!(await this.#keep())) return;
    if (again && this.#progress.allows(this.#n + 1)) await this.show(this.#n + 1);
    else await this.goOn();
  }

  /** Put the read into the outbox. False when something is missing, with a word about it. */
  async #keep() {
    if (!this.#ready || this.#saving) return false;
    const missing = this.#form.missing();
    if (missing.length > 0) {
      this.#form.markMissing(missing);
      this.#form.focus(missing[0]);
      this.#page.say(say("answer_first", { question: told(this.#form.question(missing[0])) }));
      return false;
    }
    this.#saving = true;
    const n = this.#n;
    const given = { answers: this.#form.answers, milliseconds: this.#clock.elapsed() };
    try {
      await this.#outbox.put({ n, read_id: newReadId(), ...given });
    } catch {
      this.#page.say(say("disk_full"));
      return false;
    } finally {
      this.#saving = false;
    }
    if (this.#n === n) this.#ready = false;
    this.#answers.set(n, given);
    this.#progress.add(n);
    return true;
  }

  /** The next case without an answer, or the end. */
  async goOn() {
    const next = this.#progress.after(this.#n ?? 0);
    if (next !== null) {
      await this.show(next);
      return;
    }
    await this.#leave();
    this.#n = null;
    this.#page.finished();
  }

  /** One case forwards or backwards, as far as the protocol allows. A change to an answered case is saved on the way. */
  async move(step) {
    const target = this.#n + step;
    if (target < 1 || this.#saving) return;
    if (!this.#study.back_allowed) {
      this.#page.say(say(step < 0 ? "no_back" : "save_first"));
      return;
    }
    const change = this.#ready && this.#changed && this.#progress.isAnswered(this.#n);
    if (change && !(await this.#keep())) return;
    if (this.#progress.allows(target)) await this.show(target);
    else await this.goOn();
  }

  /** Hide the case; the clock stands. */
  async pause() {
    this.#paused = true;
    this.#clock.stop();
    await this.keepDraft();
  }

  resume() {
    this.#paused = false;
    if (!this.#ready) return;
    this.#clock.start();
    this.#form.focus(Math.min(this.#form.current, this.#study.questions.length - 1));
  }

  /** The server did not take case n: its answers come back to be mended, with `sentence` beside them. */
  async giveBack({ n, answers, milliseconds }, sentence) {
    this.#answers.delete(n);
    await this.#storage.keepDraft(n, answers, milliseconds, { returned: true });
    this.show(n).then(() => this.#page.say(sentence));
  }
}

/** Tells answers of a case from others that it was given; empty where it has none. */
function versionOf({ answers, milliseconds }) {
  if (!answers) return "";
  return JSON.stringify([Object.entries(answers).sort(([a], [b]) => (a < b ? -1 : 1)), milliseconds]);
}

function untilOnline(milliseconds) {
  return new Promise((resolve) => {
    setTimeout(resolve, milliseconds);
    addEventListener("online", resolve, { once: true });
  });
}
