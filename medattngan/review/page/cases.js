// Pixels of the cases: the current one, and the next few ahead so that reading goes on while the network is away.
// What is fetched ahead depends on the position alone.

import { getPixels } from "./api.js";

const AHEAD_BYTES = 32e6;

/** Of a whole case: side by side, each from its first slice to its last. */
function pixelsOf({ sides, depth, width, height }) {
  return sides * depth * width * height;
}

export class Cases {
  #study;
  #held = new Map();
  #ahead;
  #last = 0;
  #fetching = false;

  constructor(study) {
    this.#study = study;
    const bytes = 2 * pixelsOf(study);
    this.#ahead = Math.min(Math.max(Math.floor(AHEAD_BYTES / bytes), 2), 12);
  }

  /** {status, codes} of case n. A failure is not held, so the next call asks again. */
  get(n) {
    if (!this.#held.has(n)) {
      const asked = getPixels(`/api/cases/${n}/pixels`, pixelsOf(this.#study)).then((answer) => {
        if (answer.codes === null) this.#held.delete(n);
        return answer;
      });
      this.#held.set(n, asked);
    }
    return this.#held.get(n);
  }

  /** Fetch the cases after n one at a time, and let go of those far behind. */
  async fetchAhead(n) {
    this.#last = Math.min(n + this.#ahead, this.#study.count);
    for (const held of this.#held.keys()) if (Math.abs(held - n) > this.#ahead) this.#held.delete(held);
    if (this.#fetching) return;
    this.#fetching = true;
    for (let next = n + 1; next <= this.#last; next += 1) {
      if ((await this.get(next)).codes === null) break;
    }
    this.#fetching = false;
  }
}
