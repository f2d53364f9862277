// Reads a channel from a position on: in pages that the node is asked for, where it keeps the
// position, else as a stream that is resumed.

import { Backoff } from "./backoff.js";
import { ConnectionError, HearkenError, ProblemError } from "./errors.js";
import { Event } from "./event.js";
import { find, inLog } from "./position.js";

/** How long the node waits for an event. */
const WAIT_SECONDS = 30;

/** How long whoever closes a reader waits in milliseconds until the node has its position. */
const KEEPING = 5000;

/**
 * A reader. `position` is behind the last event that was handled, and moved by whoever handles
 * them: from there it goes on when the connection breaks, and when the next page is asked for.
 */
export class Reader {
  position;
  /** What the node has of it, where it keeps it. */
  kept;
  #begun = false;

  /** `fail` is told of errors after which it goes on by itself. */
  constructor(http, path, { client, from, limit, type, subject }, retry, fail) {
    this.http = http;
    this.path = path;
    this.client = client;
    this.from = from ?? (client === undefined ? "new" : "first");
    this.query = { limit, type, subject };
    this.fail = fail;
    this.backoff = new Backoff(retry);
  }

  /** Begins where another reader has ended. */
  goOn(position) {
    this.position = position;
    this.#begun = true;
  }

  /** Pages `{items, after, next}`, until the signal is aborted: then it ends. Errors that stay are thrown. */
  async *pages(signal, opened) {
    while (!signal.aborted) {
      try {
        await this.#begin(signal);
        const pages = this.client === undefined ? this.#streamed(signal, opened) : this.#asked(signal, opened);
        for await (const page of pages) {
          this.backoff.reset();
          yield page;
          if (signal.aborted) return;
        }
      } catch (error) {
        if (signal.aborted || this.http.signal.aborted) return;
        if (!error.temporary) throw error;
        const pause = this.backoff.next(error.retryAfter);
        this.fail(error, pause);
        await this.http.sleep(pause, signal).catch(() => {});
      }
    }
  }

  /** Has the node keep the position, where it does. */
  async keep() {
    if (this.client === undefined || this.position === undefined || this.position === this.kept) return;
    const body = JSON.stringify({ after: this.position });
    const headers = { "content-type": "application/json" };
    const kept = this.position;
    await this.http.json("PUT", this.#cursor(), { body, headers, timeout: KEEPING });
    this.kept = kept;
  }

  async #begin(signal) {
    if (this.#begun) return;
    if (this.client !== undefined) {
      try {
        const { epoch, after } = await this.http.json("GET", this.#cursor(), { signal });
        this.position = inLog(epoch, after);
        this.kept = this.position;
        this.#begun = true;
        return;
      } catch (error) {
        if (error.code !== "no-cursor") throw error;
      }
    }
    this.position = await find(this.http, this.path, this.from, signal);
    this.#begun = true;
  }

  #cursor() {
    return `${this.path}/cursors/${encodeURIComponent(this.client)}`;
  }

  /** Each page is asked for when the one before is handled, which that tells the node. */
  async *#asked(signal, opened) {
    const timeout = WAIT_SECONDS * 1000 + this.http.timeout;
    let wait = 0;
    for (;;) {
      const after = this.position;
      const query = { ...this.query, client: this.client, after, wait: wait ? `${wait}s` : undefined };
      let page;
      try {
        page = await this.http.json("GET", `${this.path}/events`, { query, signal, timeout });
      } catch (error) {
        if (!(error instanceof ProblemError && error.problem.damaged)) throw error;
        const { first, last } = error.problem.damaged;
        const epoch = after?.includes("-") ? after.split("-")[0] : undefined;
        yield { items: [{ damaged: { first, last } }], after, next: inLog(epoch, last) };
        continue;
      }
      this.kept = after;
      // The first tells that it can be read.
      if (wait === 0) opened();
      wait = WAIT_SECONDS;
      const { epoch, next, last, gap } = page;
      const items = gap ? [{ gap }] : [];
      for (const json of page.events) items.push({ event: new Event(json), position: inLog(epoch, json.sequence) });
      yield { items, after, next: inLog(epoch, next), last };
    }
  }

  /** What comes is read as fast as it is handled, and no faster. */
  async *#streamed(signal, opened) {
    const resumed = this.position?.includes("-");
    const headers = resumed ? { "last-event-id": this.position } : {};
    const after = resumed ? undefined : (this.position ?? "0");
    const { type, subject } = this.query;
    const { pieces, close } = await this.http.stream(`${this.path}/events`, { query: { after, type, subject }, headers, signal });
    opened();
    try {
      for await (const messages of pieces) {
        const page = { items: [], after: this.position, next: this.position };
        let end;
        for (const { id, event, data } of messages) {
          const json = data === undefined ? undefined : parsed(data);
          if (event === "gap") page.items.push({ gap: json });
          else if (event === "damaged") page.items.push({ damaged: json });
          else if (["removed", "failed", "access-ended"].includes(event)) end = ended(event, json);
          else {
            if (json) page.items.push({ event: new Event(json), position: id });
            page.next = id ?? page.next;
          }
        }
        yield page;
        if (end) throw end;
      }
      throw new ConnectionError("the stream has ended");
    } finally {
      close();
    }
  }
}

function parsed(data) {
  try {
    return JSON.parse(data);
  } catch (error) {
    throw new HearkenError("protocol", "a message of the stream is no JSON", { cause: error, temporary: true });
  }
}

function ended(code, { reason }) {
  return new HearkenError(code, reason, { temporary: code !== "removed" });
}
