// A channel: what is appended to it, and what is read from it.

import { Backoff } from "./backoff.js";
import { Emitter } from "./emitter.js";
import { ClosedError, HandlerError } from "./errors.js";
import { Event } from "./event.js";
import { bundles, check, compile } from "./patterns.js";
import { beginning, inLog, position } from "./position.js";
import { known } from "./publish.js";
import { Reader } from "./reader.js";
import { Scope, before } from "./time.js";

/** What a channel tells of itself; every other name is a pattern. */
const OWN = new Set(["ready", "error", "gap", "damaged", "cycle", "drain"]);

/** A channel of a node. */
export class Channel extends Emitter {
  #http;
  #retry;
  #client;
  #path;
  #options;
  #forget;
  #patterns = new Map();
  #run;
  /** Those who go through it with `for await`. */
  #iterations = new Set();
  #closed = false;
  /** What ends those who await something, and under which name that will be told. */
  #awaited = new Map();
  /** Where the last run has ended, from which the next goes on. */
  #position;

  constructor({ http, retry, client }, name, options, forget) {
    super();
    if (typeof name !== "string" || name === "") throw new TypeError("a channel has a name");
    known(options, ["client", "from", "limit", "subject"]);
    this.name = name;
    this.#http = http;
    this.#retry = retry;
    this.#client = client;
    this.#path = `/v1/channels/${encodeURIComponent(name)}`;
    this.#options = { ...options, from: beginning(options.from) };
    this.#forget = forget;
  }

  on(name, listener) {
    super.on(name, listener);
    if (OWN.has(name) || this.#patterns.has(name)) return this;
    try {
      check(name);
      if (this.#closed || this.#client.closed) throw new ClosedError();
    } catch (error) {
      super.off(name, listener);
      throw error;
    }
    this.#patterns.set(name, compile(name));
    this.#change();
    return this;
  }

  off(name, listener) {
    super.off(name, listener);
    if (this.listenerCount(name) === 0 && this.#patterns.delete(name)) this.#change();
    return this;
  }

  once(name, listener) {
    if (listener !== undefined) return this.onceOnly(name, listener);
    let end;
    const awaited = new Promise((resolve, reject) => {
      end = (error) => {
        this.off(name, resolve);
        reject(error);
      };
      this.onceOnly(name, resolve);
    });
    this.#awaited.set(end, name);
    const over = () => this.#awaited.delete(end);
    awaited.then(over, over);
    return awaited;
  }

  append(type, options = {}) {
    if (Array.isArray(type)) return this.#client.emitAll(type, { ...options, channel: this.name });
    return this.#client.emit(type, { ...options, channel: this.name });
  }

  async read(options = {}) {
    known(options, ["after", "since", "limit", "type", "subject", "signal"]);
    const { after, since, limit, type, subject, signal } = options;
    const query = {
      after: after === undefined ? undefined : position(after, "`after`"),
      since: since instanceof Date ? since.toISOString() : since,
      limit,
      type,
      subject,
    };
    return page(await this.#http.json("GET", `${this.#path}/events`, { query, signal }));
  }

  async latest(limit, { signal } = {}) {
    return page(await this.#http.json("GET", `${this.#path}/latest`, { query: { limit }, signal }));
  }

  async event(sequence, { signal } = {}) {
    return new Event(await this.#http.json("GET", `${this.#path}/events/${sequence}`, { signal }));
  }

  async position({ signal } = {}) {
    try {
      return await this.#http.json("GET", this.#cursor(), { signal });
    } catch (error) {
      if (error.code === "no-cursor") return undefined;
      throw error;
    }
  }

  async seek(after, { signal } = {}) {
    const body = JSON.stringify({ after: inBody(position(after)) });
    const headers = { "content-type": "application/json" };
    const moved = await this.#http.json("PUT", this.#cursor(), { body, headers, signal });
    // Whoever listens next begins there.
    this.#position = undefined;
    return moved;
  }

  async *events(options = {}) {
    known(options, ["type", "signal"]);
    const { type, signal } = options;
    const fail = (error, pause) => this.fail(error, pause);
    const reader = new Reader(this.#http, this.#path, { ...this.#options, type }, this.#retry, fail);
    const scope = new Scope(signal);
    const iteration = { scope, reader };
    this.#iterations.add(iteration);
    try {
      for await (const { items, next } of reader.pages(scope.signal, () => {})) {
        for (const item of items) {
          if (!item.event) this.#tellOf(item);
          else {
            yield item.event;
            // The next was asked for, so this one is handled.
            reader.position = item.position;
          }
        }
        reader.position = next;
      }
      signal?.throwIfAborted();
    } finally {
      this.#iterations.delete(iteration);
      scope.end();
      scope.abort();
      await this.#keep(reader);
    }
  }

  [Symbol.asyncIterator]() {
    return this.events();
  }

  /** Ends what is read at once; what was handled is kept. */
  async close() {
    this.#closed = true;
    this.#forget();
    const run = this.#run;
    run?.scope.abort();
    await Promise.all([run?.over, ...[...this.#iterations].map(({ scope, reader }) => {
      scope.abort();
      return this.#keep(reader);
    })]);
    this.#end(new ClosedError(), () => true);
  }

  /** The client tells what nobody here listens to. */
  fail(error, retryIn) {
    error.channel = this.name;
    if (this.listenerCount("error") > 0) super.fail(error, retryIn);
    else this.#client.fail(error, retryIn);
  }

  /** Ends what is awaited under such names. */
  #end(error, concerns) {
    for (const [end, name] of [...this.#awaited]) if (concerns(name)) end(error);
  }

  #cursor() {
    const { client } = this.#options;
    if (client === undefined) throw new TypeError("the channel was opened without the name of a client: channel(name, { client })");
    return `${this.#path}/cursors/${encodeURIComponent(client)}`;
  }

  /** Has the reading fit what is listened to. */
  #change() {
    const run = this.#run;
    if (run) {
      // A page that is handed over comes to its end first.
      if (!run.hands) run.again.abort();
      return;
    }
    if (this.#patterns.size === 0) return;
    this.#run = { scope: new Scope(), again: new Scope(), hands: false };
    this.#run.over = Promise.resolve().then(() => this.#read(this.#run));
  }

  /** Reads while there are listeners. */
  async #read(run) {
    let failure;
    try {
      while (this.#patterns.size > 0 && !run.scope.signal.aborted && !this.#http.signal.aborted && failure === undefined) {
        run.again = new Scope(run.scope.signal);
        failure = await this.#readAs(run, this.#type());
        run.again.end();
      }
      // Else the next page is asked for, which has the node keep it.
      if (run.reader) await this.#keep(run.reader);
    } finally {
      this.#run = undefined;
    }
    if (failure !== undefined && !this.#client.closed) {
      // Nobody is called any more, until they listen anew.
      const patterns = [...this.#patterns.keys()];
      this.#patterns.clear();
      for (const pattern of patterns) this.removeAllListeners(pattern);
      this.#end(failure, (name) => !OWN.has(name));
      this.fail(failure);
    }
    this.tell("drain", { channel: this.name });
    if (this.#patterns.size > 0 && !this.#closed && !this.#http.signal.aborted) this.#change();
  }

  /** Reads events of one pattern until something else is listened to; returns an error that stays. */
  async #readAs(run, type) {
    const fail = (error, pause) => this.fail(error, pause);
    const { signal } = run.again;
    const reader = new Reader(this.#http, this.#path, { ...this.#options, type }, this.#retry, fail);
    if (this.#position !== undefined) reader.goOn(this.#position);
    run.reader = reader;
    try {
      for await (const page of reader.pages(signal, () => this.tell("ready"))) {
        run.hands = true;
        const all = await this.#handOver(run, reader, page.items);
        run.hands = false;
        if (all) {
          reader.position = page.next;
          const { after, next, last, items } = page;
          const events = items.filter((item) => item.event).length;
          this.tell("cycle", { channel: this.name, after, next, last, events });
        }
        // What was not handed over is read again.
        if (!all || signal.aborted || this.#patterns.size === 0 || type !== this.#type()) break;
      }
    } catch (error) {
      if (!run.scope.signal.aborted) return error;
    } finally {
      run.hands = false;
      this.#position = reader.position;
    }
    return undefined;
  }

  /** The pattern of all that is listened to, if it is one; else all events are looked at. */
  #type() {
    const all = bundles([...this.#patterns.keys()]);
    return all.length === 1 && all[0].type !== "*" ? all[0].type : undefined;
  }

  /** Hands over a page; returns whether that came to its end. */
  async #handOver(run, reader, items) {
    const { signal } = run.scope;
    for (const item of items) {
      if (signal.aborted || this.#patterns.size === 0) return false;
      if (!item.event) this.#tellOf(item);
      else {
        if (!(await before(this.#handle(item.event, signal), signal))) return false;
        reader.position = item.position;
      }
    }
    return true;
  }

  /** Has each listener that wants the event handle it, until it has. */
  async #handle(event, signal) {
    for (const [pattern, expression] of [...this.#patterns]) {
      if (!expression.test(event.type)) continue;
      for (const listener of this.listeners(pattern)) {
        const backoff = new Backoff(this.#retry);
        while (!signal.aborted && this.listeners(pattern).includes(listener)) {
          try {
            await listener.call(this, event);
            break;
          } catch (error) {
            const pause = backoff.next();
            this.fail(new HandlerError(event, error), pause);
            await this.#http.sleep(pause, signal).catch(() => {});
          }
        }
      }
    }
  }

  #tellOf({ gap, damaged }) {
    if (gap) this.tell("gap", gap);
    else this.tell("damaged", damaged);
  }

  async #keep(reader) {
    try {
      await reader.keep();
    } catch (error) {
      // It is handed over again what was handled; nothing is lost.
      if (!this.#http.signal.aborted) this.fail(error, 0);
    }
  }
}

function page({ channel, epoch, events, next, last, gap, damaged }) {
  return { channel, epoch, events: events.map((json) => new Event(json)), next: inLog(epoch, next), last, gap, damaged };
}

/** In a body a bare number is a number. */
function inBody(text) {
  return text.includes("-") ? text : Number(text);
}
