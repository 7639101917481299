// What follows from the server's answer to a read: see Outbox for the outcomes.

import { getStudy, putRead } from "./api.js";
import { alreadyAnswered, notAccepted } from "./messages.js";

const BAD_READ = [400, 404, 413, 422];

export class Delivery {
  #study;
  #storage;
  #progress;
  #page;

  /** @param page {progressed, refused(status), otherReader, giveBack(read, sentence), say}: what the page does about an answer */
  constructor(study, storage, progress, page) {
    [this.#study, this.#storage, this.#progress, this.#page] = [study, storage, progress, page];
  }

  send(read) {
    return putRead(read, this.#study.csrf);
  }

  async settle(read, { status, body }) {
    if (status === 200) {
      this.#progress.update(body.answered, await this.#others(read));
      this.#page.progressed();
      return "done";
    }
    if (status === 401 || status === 410) {
      this.#page.refused(status);
      return "stop";
    }
    if (status === 403) return this.#renew();
    if (status === 409) return this.#conflict(read);
    if (BAD_READ.includes(status)) {
      this.#progress.remove(read.n, await this.#others(read));
      await this.#page.giveBack(read, notAccepted(read.n, body?.error));
      return "done";
    }
    return "later";
  }

  async #others(read) {
    return (await this.#storage.reads()).filter(({ order }) => order !== read.order);
  }

  /** A new CSRF token, if this browser still holds this reader's link. */
  async #renew() {
    const { status, body } = await getStudy();
    if (status === 401 || status === 410) {
      this.#page.refused(status);
      return "stop";
    }
    if (status !== 200) return "later";
    if (body.reader !== this.#study.reader) {
      this.#page.otherReader();
      return "stop";
    }
    this.#study.csrf = body.csrf;
    return "later";
  }

  /** Either the case had been answered elsewhere, or one before it is missing on the server and must go first. */
  async #conflict(read) {
    const { status, body } = await getStudy();
    if (status !== 200) return "later";
    if (!body.answered.includes(read.n)) {
      this.#progress.update(body.answered, await this.#storage.reads());
      return "behind";
    }
    this.#page.say(alreadyAnswered(read.n));
    return "done";
  }
}
