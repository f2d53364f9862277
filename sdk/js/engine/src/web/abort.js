// `AbortController` and what it is made of.
((native) => {
  class Event {
    #type;
    #prevented = false;

    constructor(type, { cancelable = false } = {}) {
      this.#type = String(type);
      this.cancelable = Boolean(cancelable);
      this.target = null;
    }

    get type() {
      return this.#type;
    }

    get defaultPrevented() {
      return this.#prevented;
    }

    preventDefault() {
      if (this.cancelable) this.#prevented = true;
    }
  }

  class EventTarget {
    #listeners = new Map();

    addEventListener(type, listener, options) {
      if (listener === null || listener === undefined) return;
      const listeners = this.#listeners.get(type) ?? [];
      if (listeners.some((other) => other.listener === listener)) return;
      this.#listeners.set(type, [...listeners, { listener, once: Boolean(options?.once) }]);
    }

    removeEventListener(type, listener) {
      const listeners = this.#listeners.get(type) ?? [];
      this.#listeners.set(type, listeners.filter((other) => other.listener !== listener));
    }

    dispatchEvent(event) {
      event.target = this;
      this[`on${event.type}`]?.call(this, event);
      for (const { listener, once } of this.#listeners.get(event.type) ?? []) {
        if (once) this.removeEventListener(event.type, listener);
        if (typeof listener === "function") listener.call(this, event);
        else listener.handleEvent(event);
      }
      return !event.defaultPrevented;
    }
  }

  const made = Symbol("made by its controller");

  class AbortSignal extends EventTarget {
    #reason = undefined;
    #aborted = false;
    onabort = null;

    constructor(token) {
      if (token !== made) throw new TypeError("signals are made by AbortController");
      super();
    }

    get aborted() {
      return this.#aborted;
    }

    get reason() {
      return this.#reason;
    }

    throwIfAborted() {
      if (this.#aborted) throw this.#reason;
    }

    static [made](signal, reason) {
      if (signal.#aborted) return;
      signal.#aborted = true;
      signal.#reason = reason === undefined ? new DOMException("it was aborted", "AbortError") : reason;
      signal.dispatchEvent(new Event("abort"));
    }

    static abort(reason) {
      const signal = new AbortSignal(made);
      AbortSignal[made](signal, reason);
      return signal;
    }

    static timeout(milliseconds) {
      const signal = new AbortSignal(made);
      const late = () => AbortSignal[made](signal, new DOMException("it took too long", "TimeoutError"));
      native.quietly(late, milliseconds);
      return signal;
    }

    static any(signals) {
      const all = [...signals];
      const signal = new AbortSignal(made);
      const first = all.find((other) => other.aborted);
      if (first) AbortSignal[made](signal, first.reason);
      else for (const other of all) other.addEventListener("abort", () => AbortSignal[made](signal, other.reason), { once: true });
      return signal;
    }
  }

  class AbortController {
    #signal = new AbortSignal(made);

    get signal() {
      return this.#signal;
    }

    abort(reason) {
      AbortSignal[made](this.#signal, reason);
    }
  }

  return { AbortController, AbortSignal, EventTarget, Event };
})
