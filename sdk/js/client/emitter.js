// An event emitter as that of Node, small, and for browsers too.

import { HandlerError } from "./errors.js";

/** What others listen to. Subclasses say what a name means for which nothing is emitted. */
export class Emitter {
  #listeners = new Map();

  on(name, listener) {
    if (typeof listener !== "function") throw new TypeError(`a listener of \`${String(name)}\` is a function`);
    const listeners = this.#listeners.get(name);
    // Never changed: whoever goes through it while listeners come and go has those of before.
    this.#listeners.set(name, [...(listeners ?? []), listener]);
    return this;
  }

  addListener(name, listener) {
    return this.on(name, listener);
  }

  off(name, listener) {
    const listeners = this.#listeners.get(name) ?? [];
    const at = listeners.findLastIndex?.((one) => is(one, listener)) ?? listeners.map((one) => is(one, listener)).lastIndexOf(true);
    if (at < 0) return this;
    const left = listeners.filter((_, index) => index !== at);
    if (left.length > 0) this.#listeners.set(name, left);
    else this.#listeners.delete(name);
    return this;
  }

  removeListener(name, listener) {
    return this.off(name, listener);
  }

  removeAllListeners(name) {
    for (const one of name === undefined ? this.eventNames() : [name])
      for (const listener of this.listeners(one)) this.off(one, listener);
    return this;
  }

  listeners(name) {
    return [...(this.#listeners.get(name) ?? [])];
  }

  listenerCount(name) {
    return this.#listeners.get(name)?.length ?? 0;
  }

  eventNames() {
    return [...this.#listeners.keys()];
  }

  /** Has a listener called once. */
  onceOnly(name, listener) {
    const once = (...given) => {
      this.off(name, once);
      return listener(...given);
    };
    once.listener = listener;
    return this.on(name, once);
  }

  /** Tells something of the emitter itself. */
  tell(name, ...given) {
    const listeners = this.#listeners.get(name) ?? [];
    for (const listener of listeners) {
      try {
        settle(listener(...given), (error) => raise(error));
      } catch (error) {
        raise(error);
      }
    }
    return listeners.length > 0;
  }

  /**
   * Tells an error. Where nobody listens to errors, one that passes by itself is warned of, and
   * another is thrown, as it is of any emitter.
   */
  fail(error, retryIn) {
    if (retryIn !== undefined) error.retryIn = retryIn;
    const passes = retryIn !== undefined && !(error instanceof HandlerError);
    if (this.tell("error", error)) return;
    if (passes) console.warn(`hearken: ${error.message}${retryIn > 0 ? `; trying again in ${retryIn} ms` : ""}`);
    else raise(error);
  }

  /** Hands an event to a function, and tells what that throws. */
  hand(listener, event) {
    const failed = (error) => this.fail(new HandlerError(event, error));
    try {
      settle(listener.call(this, event), failed);
    } catch (error) {
      failed(error);
    }
  }
}

function is(one, listener) {
  return one === listener || one.listener === listener;
}

function settle(answer, failed) {
  if (typeof answer?.then === "function") answer.then(undefined, failed);
}

/** Throws where nothing catches it: what runs now goes on. */
function raise(error) {
  if (typeof globalThis.reportError === "function") globalThis.reportError(error);
  else queueMicrotask(() => { throw error; });
}
