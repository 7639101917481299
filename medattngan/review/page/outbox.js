// The queue of reads: each is kept on this computer before it is sent, sent in order, and dropped when the server has it.

const FIRST_WAIT_MS = 1000;
const LONGEST_WAIT_MS = 30000;

/** A version 4 UUID. crypto.randomUUID would do, but only exists on https and localhost. */
export function newReadId() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
}

export class Outbox {
  #storage;
  #delivery;
  #show;
  #wait = FIRST_WAIT_MS;
  #timer = null;
  #sending = false;
  #again = false;
  #reached = true; // the server answered when last asked

  /**
   * @param storage  where reads are kept
   * @param delivery send(read) → answer {status, body}; settle(read, answer) → "done": drop it; "later": try all again;
   *                 "behind": others must go first, try it again; "stop": keep it, and wait for a person
   * @param show     (count waiting, reached: was the server there) → void
   */
  constructor(storage, delivery, show) {
    [this.#storage, this.#delivery, this.#show] = [storage, delivery, show];
    addEventListener("online", () => this.flush());
    document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && this.flush());
  }

  /** Resolves when the read is safe on this computer; sending it follows. */
  async put(read) {
    await this.#storage.keepRead(read);
    await this.#tell();
    this.flush();
  }

  /** Send what waits. Called at any time; two at once would send nothing twice, since the server knows each read_id. */
  async flush() {
    if (this.#sending) {
      this.#again = true;
      return;
    }
    this.#sending = true;
    clearTimeout(this.#timer);
    try {
      do {
        this.#again = false;
        await this.#sendAll();
      } while (this.#again);
    } finally {
      this.#sending = false;
    }
  }

  async #sendAll() {
    for (const read of await this.#storage.reads()) {
      const answer = await this.#delivery.send(read);
      this.#reached = answer.status !== 0;
      const outcome = await this.#delivery.settle(read, answer);
      if (outcome === "done") {
        await this.#storage.dropRead(read.order);
        this.#wait = FIRST_WAIT_MS;
      } else if (outcome !== "stop") {
        this.#tryLater();
      }
      await this.#tell();
      if (outcome === "later" || outcome === "stop") break;
    }
    await this.#tell();
  }

  async #tell() {
    this.#show((await this.#storage.reads()).length, this.#reached);
  }

  /** Twice as long after each failure, with a random share so that many readers do not come back at one moment. */
  #tryLater() {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.flush(), this.#wait * (0.75 + Math.random() / 2));
    this.#wait = Math.min(2 * this.#wait, LONGEST_WAIT_MS);
  }
}
