// How long to wait before the next attempt.

/** Pauses that grow: each is random up to a bound that doubles ("full jitter"). */
export class Backoff {
  #bound;

  constructor({ min = 100, max = 30_000, random = Math.random } = {}) {
    this.min = min;
    this.max = max;
    this.random = random;
    this.#bound = min;
  }

  /** Milliseconds until the next attempt; not less than what the node has asked for. */
  next(atLeast = 0) {
    const pause = this.random() * this.#bound;
    this.#bound = Math.min(this.#bound * 2, this.max);
    // What many were told at once they do not do at once.
    return Math.round(atLeast > 0 ? atLeast + pause : pause);
  }

  /** An attempt has succeeded. */
  reset() {
    this.#bound = this.min;
  }
}
