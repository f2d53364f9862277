// Durations, pauses, and what ends either.

const UNITS = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

/** Longest timer: a longer one would end at once. */
const LONGEST = 2 ** 31 - 1;

/** Milliseconds of a number or a text such as `"2s"`. */
export function milliseconds(duration, what = "a duration") {
  if (typeof duration === "number" && duration >= 0) return Math.min(duration, LONGEST);
  const [, number, unit] = /^(\d+(?:\.\d+)?)(ms|s|m|h)$/.exec(duration) ?? [];
  if (unit === undefined) throw new TypeError(`${what} is milliseconds, or a text such as "2s", not ${JSON.stringify(duration)}`);
  return Math.min(Number(number) * UNITS[unit], LONGEST);
}

/** Waits; rejects with the reason when the signal is aborted. */
export function sleep(pause, signal) {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) {
      reject(signal.reason);
      return;
    }
    const end = () => {
      clearTimeout(timer);
      reject(signal.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", end);
      resolve();
    }, pause);
    signal?.addEventListener("abort", end, { once: true });
  });
}

/** Waits for a promise, but not for longer than that. */
export async function within(time, promise) {
  let timer;
  const late = new Promise((resolve) => { timer = setTimeout(resolve, time); });
  await Promise.race([promise, late]);
  clearTimeout(timer);
}

/** Whether a promise is fulfilled before the signal is aborted. */
export function before(promise, signal) {
  return new Promise((resolve, reject) => {
    const end = () => resolve(false);
    if (signal.aborted) end();
    signal.addEventListener("abort", end, { once: true });
    // A race with what lasts would keep what is over.
    promise.then(() => resolve(true), reject).finally(() => signal.removeEventListener("abort", end));
  });
}

/** What a promise is fulfilled with; rejects with the reason when the signal is aborted before. */
export function unless(signal, promise) {
  return new Promise((resolve, reject) => {
    const end = () => reject(signal.reason);
    if (signal.aborted) end();
    signal.addEventListener("abort", end, { once: true });
    Promise.resolve(promise).then(resolve, reject).finally(() => signal.removeEventListener("abort", end));
  });
}

/** A signal that is aborted when another is, or by its `abort`; to be ended with `end`. */
export class Scope {
  #controller = new AbortController();
  #ends = [];
  #timer;

  constructor(signal, ended) {
    if (ended) this.#ends.push(ended);
    const abort = () => this.abort(signal.reason);
    if (signal?.aborted) abort();
    signal?.addEventListener("abort", abort, { once: true });
    this.#ends.push(() => signal?.removeEventListener("abort", abort));
  }

  get signal() {
    return this.#controller.signal;
  }

  abort(reason) {
    this.#controller.abort(reason);
  }

  /** Aborts it with what `late` makes, unless this is called again before. */
  within(time, late) {
    clearTimeout(this.#timer);
    if (time !== undefined) this.#timer = setTimeout(() => this.abort(late()), time);
  }

  end() {
    clearTimeout(this.#timer);
    for (const end of this.#ends) end();
  }
}
