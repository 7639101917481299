// Where the reader stands: what the server has, and what waits on this computer.

export class Progress {
  #count;
  #backAllowed;
  #answered;

  constructor({ count, back_allowed, answered }, waiting) {
    this.#count = count;
    this.#backAllowed = back_allowed;
    this.update(answered, waiting);
  }

  /** Take over what the server says, together with the reads it has not had yet. */
  update(answered, waiting) {
    this.#answered = new Set([...answered, ...waiting.map((read) => read.n)]);
  }

  add(n) {
    this.#answered.add(n);
  }

  /** Case n was not accepted after all, unless another read of it is among those that wait. */
  remove(n, waiting) {
    if (!waiting.some((read) => read.n === n)) this.#answered.delete(n);
  }

  get done() {
    return this.#answered.size;
  }

  isAnswered(n) {
    return this.#answered.has(n);
  }

  /** The first case without an answer; null when all have one. */
  get next() {
    for (let n = 1; n <= this.#count; n += 1) if (!this.#answered.has(n)) return n;
    return null;
  }

  /** The next case without an answer after n, else the first without one; null when all have one. */
  after(n) {
    for (let later = n + 1; later <= this.#count; later += 1) if (!this.#answered.has(later)) return later;
    return this.next;
  }

  /** Whether the protocol lets case n be shown now: any, or only the next one where going back is not allowed. */
  allows(n) {
    return n >= 1 && n <= this.#count && (this.#backAllowed || n === this.next);
  }
}
