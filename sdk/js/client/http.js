// Requests to a node.

import { ClosedError, ConnectionError, HearkenError, TimeoutError, problemOf } from "./errors.js";
import { Parser } from "./sse.js";
import { Scope, sleep, unless } from "./time.js";

/** An idle stream carries a comment every 15 seconds: one without for so long is dead. */
const SILENCE = 45_000;

/** Asks a node, with the credential of its client. */
export class Http {
  #base;
  #key;
  #fetch;
  #closed = new AbortController();
  /** Of all that is under way. A signal of its own each, since thousands may be. */
  #scopes = new Set();

  constructor(url, { key, fetch = globalThis.fetch, signal, timeout = 30_000, silence = SILENCE }) {
    this.#base = base(url);
    if (key !== undefined && typeof key !== "string" && typeof key !== "function") {
      throw new TypeError("a key is a text, or a function that answers one");
    }
    this.#key = key;
    this.#fetch = fetch;
    this.timeout = timeout;
    this.silence = silence;
    if (signal?.aborted) this.close(signal.reason);
    else signal?.addEventListener("abort", () => this.close(signal.reason), { once: true });
  }

  /** Aborted when the client is closed. */
  get signal() {
    return this.#closed.signal;
  }

  close(reason = new ClosedError()) {
    this.#closed.abort(reason);
    for (const scope of [...this.#scopes]) scope.abort(reason);
  }

  /** Waits; rejects when the client is closed or the signal aborted. */
  async sleep(pause, signal) {
    const scope = this.#scope(signal);
    try {
      await sleep(pause, scope.signal);
    } finally {
      scope.end();
    }
  }

  /** Asks, and reads the answer as JSON; nothing of an answer without a body. */
  async json(method, path, { query, headers, body, signal, timeout = this.timeout } = {}) {
    const scope = this.#scope(signal);
    scope.within(timeout, () => new TimeoutError(`no answer came within ${timeout} ms`));
    try {
      const response = await this.#ask(scope, method, path, { query, headers, body });
      return read(await response.text());
    } catch (error) {
      throw told(error, scope.signal);
    } finally {
      scope.end();
    }
  }

  /**
   * Opens a stream; returns, once the node has answered, `pieces`, an iterator over lists of the
   * messages that have come together. It never ends by itself, but with an error.
   */
  async stream(path, { query, headers, signal }) {
    const scope = this.#scope(signal);
    scope.within(this.timeout, () => new TimeoutError(`no answer came within ${this.timeout} ms`));
    try {
      const accept = { accept: "text/event-stream", ...headers };
      const response = await this.#ask(scope, "GET", path, { query, headers: accept });
      const type = response.headers.get("content-type") ?? "";
      if (!type.startsWith("text/event-stream")) {
        throw new HearkenError("protocol", `the answer is ${type || "of no type"}, and no stream of events`);
      }
      // Its head was waited for; what comes has a time of its own.
      scope.within(undefined);
      return { pieces: this.#pieces(scope, response.body.getReader()), close: () => { scope.end(); scope.abort(new ClosedError()); } };
    } catch (error) {
      const what = told(error, scope.signal);
      scope.end();
      scope.abort(what);
      throw what;
    }
  }

  async *#pieces(scope, reader) {
    const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
    const parser = new Parser();
    const silent = () => new ConnectionError(`nothing has come for ${this.silence} ms`);
    try {
      for (;;) {
        scope.within(this.silence, silent);
        const { done, value } = await reader.read();
        if (done) throw new ConnectionError("the stream has ended");
        // Whoever takes their time with it is not the node's silence.
        scope.within(undefined);
        const messages = parser.push(decoder.decode(value, { stream: true }));
        if (messages.length > 0) yield messages;
      }
    } catch (error) {
      throw told(error, scope.signal);
    } finally {
      scope.end();
      scope.abort(new ClosedError());
      reader.cancel().catch(() => {});
    }
  }

  async #credential(signal) {
    let key = this.#key;
    if (typeof key === "function") {
      try {
        key = await unless(signal, key());
      } catch (error) {
        const isLate = signal.aborted && signal.reason instanceof TimeoutError;
        if (signal.aborted && !isLate) throw signal.reason;
        // Nothing was sent.
        const why = isLate ? "its function has not answered in time" : error?.message ?? error;
        throw new HearkenError("no-key", `there is no key: ${why}`, { cause: error, temporary: true });
      }
    }
    if (key === undefined) return undefined;
    // One that was read from a file may end with a line.
    const trimmed = String(key).trim();
    if (!/^[\x21-\x7e]+$/.test(trimmed)) throw new HearkenError("bad-key", "the key has characters that no key has");
    return trimmed;
  }

  #scope(signal) {
    const scope = new Scope(signal, () => this.#scopes.delete(scope));
    this.#scopes.add(scope);
    if (this.signal.aborted) scope.abort(this.signal.reason);
    return scope;
  }

  async #ask(scope, method, path, { query, headers, body }) {
    scope.signal.throwIfAborted();
    const url = new URL(this.#base + path);
    for (const [name, value] of Object.entries(query ?? {})) {
      if (value !== undefined) url.searchParams.set(name, value);
    }
    const key = await this.#credential(scope.signal);
    scope.signal.throwIfAborted();
    const all = { ...headers };
    if (key !== undefined) all.authorization = `Bearer ${key}`;
    const options = { method, headers: all, body, signal: scope.signal, credentials: "omit", cache: "no-store" };
    const response = await this.#fetch.call(globalThis, url, options);
    if (!response.ok) throw await problemOf(response);
    return response;
  }
}

function read(text) {
  if (text === "") return undefined;
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new HearkenError("protocol", "the answer is no JSON", { cause: error });
  }
}

/** What an error means: why it was aborted, else that there is no connection. */
function told(error, signal) {
  if (error instanceof HearkenError) return error;
  if (signal.aborted) return signal.reason;
  const cause = error?.cause?.message ?? error?.message ?? String(error);
  // As Node calls what is wrong with certificates: it does not pass by itself.
  if (/CERT|SIGNATURE|ISSUER/.test(error?.cause?.code)) {
    return new HearkenError("certificate", `the node's certificate is not trusted: ${cause}`, { cause: error });
  }
  return new ConnectionError(`the node does not answer: ${cause}`, error);
}

function base(url) {
  const parsed = new URL(url);
  if (!/^https?:$/.test(parsed.protocol)) throw new TypeError(`${url} is no URL of a node, such as "http://127.0.0.1:7070"`);
  if (parsed.search || parsed.hash) throw new TypeError(`the URL of a node has neither a query nor a fragment, as ${url} has`);
  return parsed.href.replace(/\/+$/, "");
}
