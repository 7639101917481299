// How long a case has been looked at: time counts while it runs and the page is in view.

export class Clock {
  #before = 0;
  #since = null;
  #running = false;

  constructor() {
    document.addEventListener("visibilitychange", () => this.#follow());
  }

  /** Start at `milliseconds` already counted. */
  start(milliseconds = this.elapsed()) {
    this.#before = milliseconds;
    this.#since = null;
    this.#running = true;
    this.#follow();
  }

  stop() {
    this.#running = false;
    this.#follow();
  }

  get running() {
    return this.#running;
  }

  elapsed() {
    return Math.round(this.#before + (this.#since === null ? 0 : performance.now() - this.#since));
  }

  #follow() {
    const counts = this.#running && document.visibilityState === "visible";
    if (counts && this.#since === null) this.#since = performance.now();
    if (!counts && this.#since !== null) {
      this.#before += performance.now() - this.#since;
      this.#since = null;
    }
  }
}

/** 75300 → "1:15". */
export function minutes(milliseconds) {
  const seconds = Math.floor(milliseconds / 1000);
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
}
