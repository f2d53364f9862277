// A client of a node.

import { Backoff } from "./backoff.js";
import { Channel } from "./channel.js";
import { Emitter } from "./emitter.js";
import { ClosedError, TimeoutError } from "./errors.js";
import { Http } from "./http.js";
import { Live } from "./live.js";
import { check } from "./patterns.js";
import { Publisher, known } from "./publish.js";
import { Queue } from "./queue.js";
import { Subscription } from "./subscription.js";
import { milliseconds } from "./time.js";

/** What a client tells of itself; every other name is a pattern. */
const OWN = new Set(["ready", "error", "overflow", "close"]);

/** Events that wait for a `for await`, unless told. */
const WAITING = 1024;

const OPTIONS = ["key", "source", "signal", "timeout", "retry", "fetch", "silence"];

/** A client of a node: publishes, listens, and reads channels. */
export class Client extends Emitter {
  #http;
  #live;
  #publisher;
  #channels = new Map();
  #subscriptions = new Map();
  #waiting = new Set();
  #greeting;
  #isReady = false;
  #closed = false;

  constructor(url, options = {}) {
    super();
    known(options, OPTIONS);
    const { key, source, signal, timeout, retry = {}, fetch, silence } = options;
    this.#http = new Http(url, {
      key,
      fetch,
      signal,
      timeout: timeout === undefined ? undefined : milliseconds(timeout, "a timeout"),
      silence: silence === undefined ? undefined : milliseconds(silence, "silence"),
    });
    const pauses = {
      min: retry.min === undefined ? undefined : milliseconds(retry.min, "a pause"),
      max: retry.max === undefined ? undefined : milliseconds(retry.max, "a pause"),
    };
    this.retry = pauses;
    this.#live = new Live(this.#http, pauses, (what, ...given) => this.#told(what, ...given));
    this.#publisher = new Publisher(this.#http, pauses, source, () => this.#live.settled());
    this.#http.signal.addEventListener("abort", () => this.#end(this.#http.signal.reason), { once: true });
    if (this.#http.signal.aborted) this.#end(this.#http.signal.reason);
  }

  on(name, listener) {
    super.on(name, listener);
    if (name === "ready") this.#greet();
    if (OWN.has(name) || this.#subscriptions.has(name)) return this;
    try {
      check(name);
      this.#assertOpen();
    } catch (error) {
      super.off(name, listener);
      throw error;
    }
    this.#subscribe(name);
    return this;
  }

  off(name, listener) {
    super.off(name, listener);
    if (this.listenerCount(name) === 0) {
      this.#subscriptions.get(name)?.();
      this.#subscriptions.delete(name);
    }
    return this;
  }

  once(name, ...given) {
    if (typeof given.at(-1) === "function") return this.onceOnly(name, given.at(-1));
    if (name === "ready" && this.#isReady) return Promise.resolve();
    const [subject, options = {}] = typeof given[0] === "object" ? [undefined, given[0]] : given;
    return this.#wait(name, subject, options);
  }

  emit(type, options = {}) {
    return this.#publishing(() => this.#publisher.one(type, options));
  }

  emitAll(events, options = {}) {
    return this.#publishing(() => this.#publisher.many(events, options));
  }

  events(pattern, options = {}) {
    known(options, ["subject", "channel", "localOnly", "signal", "limit"]);
    check(pattern);
    this.#assertOpen();
    const { subject, channel, localOnly, signal, limit = WAITING } = options;
    const queue = new Queue(limit);
    const ends = [this.#waitingFor((error) => queue.fail(error), signal)];
    const filter = { subject, channel, localOnly };
    const deliver = (event) => queue.push(event);
    ends.push(this.#live.add(new Subscription(pattern, filter, deliver, (error) => queue.fail(error))));
    return queue.iterator(() => ends.forEach((end) => end()));
  }

  channel(name, options = {}) {
    this.#assertOpen();
    const { client, from, limit, subject } = options;
    const key = JSON.stringify([name, client, from, limit, subject]);
    const there = this.#channels.get(key);
    if (there) return there;
    const owner = { http: this.#http, retry: this.retry, client: this };
    const channel = new Channel(owner, name, options, () => this.#channels.delete(key));
    this.#channels.set(key, channel);
    return channel;
  }

  whoami() {
    return this.#http.json("GET", "/v1/whoami");
  }

  get isReady() {
    return this.#isReady;
  }

  get closed() {
    return this.#closed;
  }

  async close() {
    if (this.#closed) return;
    // Before their requests are ended, so that what was handled is kept.
    await Promise.all([...this.#channels.values()].map((channel) => channel.close()));
    this.#http.close();
  }

  async [Symbol.asyncDispose ?? Symbol.for("Symbol.asyncDispose")]() {
    await this.close();
  }

  #subscribe(pattern) {
    const deliver = (event) => {
      for (const listener of this.listeners(pattern)) this.hand(listener, event);
    };
    const refuse = (error) => {
      error.pattern = pattern;
      this.#subscriptions.delete(pattern);
      this.removeAllListeners(pattern);
      this.fail(error);
    };
    const stop = this.#live.add(new Subscription(pattern, {}, deliver, refuse));
    this.#subscriptions.set(pattern, stop);
  }

  #wait(name, subject, options) {
    const awaited = new Promise((resolve, reject) => {
      known(options, ["timeout", "signal", "channel", "localOnly"]);
      const { timeout, signal, channel, localOnly } = options;
      const ends = [];
      const end = (settle) => (what) => {
        for (const one of ends) one();
        settle(what);
      };
      const done = end(resolve);
      const failed = end(reject);
      this.#assertOpen();
      if (!OWN.has(name)) check(name);
      const time = timeout === undefined ? undefined : milliseconds(timeout, "a timeout");
      ends.push(this.#waitingFor(failed, signal));
      if (time !== undefined) {
        const late = setTimeout(() => failed(new TimeoutError(`no ${name} came within ${time} ms`)), time);
        ends.push(() => clearTimeout(late));
      }
      if (OWN.has(name)) {
        this.on(name, done);
        ends.push(() => this.off(name, done));
      } else {
        const filter = { subject, channel, localOnly };
        ends.push(this.#live.add(new Subscription(name, filter, done, failed), true));
      }
    });
    // Whoever gives it up before it is awaited is told nothing by the end of the client.
    awaited.catch(() => {});
    return awaited;
  }

  /** Has something fail when the client is closed or the signal aborted, until it is ended. */
  #waitingFor(fail, signal) {
    signal?.throwIfAborted();
    const abort = () => fail(signal.reason);
    signal?.addEventListener("abort", abort, { once: true });
    this.#waiting.add(fail);
    return () => {
      this.#waiting.delete(fail);
      signal?.removeEventListener("abort", abort);
    };
  }

  async #publishing(publish) {
    this.#assertOpen();
    return publish();
  }

  #assertOpen() {
    if (this.#closed) throw new ClosedError();
  }

  /** Asks the node who this is, where nothing else shows that it is there. */
  #greet() {
    this.#greeting ??= Promise.resolve().then(async () => {
      const backoff = new Backoff(this.retry);
      while (this.#subscriptions.size === 0 && !this.#closed) {
        try {
          await this.whoami();
          this.#told("ready");
          return;
        } catch (error) {
          if (this.#closed) return;
          const pause = error.temporary ? backoff.next(error.retryAfter) : undefined;
          this.fail(error, pause);
          if (pause === undefined) return;
          await this.#http.sleep(pause).catch(() => {});
        }
      }
    });
  }

  #told(what, error, pause) {
    if (what === "error") {
      this.#isReady = this.#live.isReady;
      this.fail(error, pause);
      return;
    }
    if (what === "ready") this.#isReady = true;
    this.tell(what, ...(error === undefined ? [] : [error]));
  }

  #end(reason) {
    if (this.#closed) return;
    this.#closed = true;
    this.#isReady = false;
    this.#live.close();
    this.tell("close");
    for (const fail of [...this.#waiting]) fail(reason);
  }
}
