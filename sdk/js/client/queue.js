// Events that wait for whoever goes through them with `for await`.

import { ClosedError, OverflowError } from "./errors.js";

/** A bounded queue: what is beyond its bound ends it with an error that says how many. */
export class Queue {
  #events = [];
  #dropped = 0;
  #failure;
  /** Of those who wait: `next` may be called while it has not answered. */
  #wakes = [];

  constructor(limit) {
    this.limit = limit;
  }

  push(event) {
    if (this.#dropped > 0 || this.#events.length >= this.limit) this.#dropped += 1;
    else this.#events.push(event);
    this.#wake();
  }

  /** Ends it once it is empty. */
  fail(error) {
    this.#failure ??= error;
    this.#wake();
  }

  async next() {
    for (;;) {
      if (this.#events.length > 0) return this.#events.shift();
      if (this.#dropped > 0) throw new OverflowError(this.#dropped);
      if (this.#failure !== undefined) throw this.#failure;
      await new Promise((resolve) => { this.#wakes.push(resolve); });
    }
  }

  #wake() {
    for (const wake of this.#wakes.splice(0)) wake();
  }

  /** Goes through it, until it fails or is ended; what is closed ends, and is no error. */
  iterator(end) {
    const ended = { done: true, value: undefined };
    let over = false;
    const stop = () => {
      over = true;
      end();
      return ended;
    };
    return {
      next: async () => {
        if (over) return ended;
        try {
          return { done: false, value: await this.next() };
        } catch (error) {
          stop();
          if (error instanceof ClosedError) return ended;
          throw error;
        }
      },
      return: async () => {
        this.fail(new ClosedError());
        return stop();
      },
      [Symbol.asyncIterator]() {
        return this;
      },
    };
  }
}
