// What somebody listens to, and its way from one stream to the next without a loss.

import { compile } from "./patterns.js";

/** Events of which is remembered that the stream before has brought them. */
const REMEMBERED = 10_000;

/** One pattern, and what gets its events. */
export class Subscription {
  /** The stream whose events are delivered. */
  home;
  /** The one that takes over. */
  next;
  /** What that has brought already. */
  #held = [];
  /** What `home` has brought since `next` was asked for. */
  #seen = new Set();
  /** What was delivered of the stream before. */
  #skipped = new Set();

  /** `deliver` is given each event, `refuse` the error after which none comes. */
  constructor(pattern, filter, deliver, refuse) {
    this.pattern = pattern;
    this.filter = filter;
    this.deliver = deliver;
    this.refuse = refuse;
    this.expression = compile(pattern);
  }

  wants(event) {
    const { subject } = this.filter;
    return this.expression.test(event.type) && (subject === undefined || event.subject === subject);
  }

  /** Has another stream take over, once it brings what this one does. */
  goTo(stream) {
    if (this.home === stream) {
      this.stay();
    } else if (this.home === undefined || !this.home.isOpen) {
      this.stay();
      this.home = stream;
    } else if (this.next !== stream) {
      this.stay();
      this.next = stream;
    }
  }

  /** Nothing takes over. */
  stay() {
    this.next = undefined;
    this.#held = [];
    this.#seen = new Set();
  }

  /** Takes what a stream has brought. */
  take(event, stream) {
    if (!this.wants(event)) return;
    const key = `${event.source}\n${event.id}`;
    if (stream === this.home) {
      if (this.#skipped.delete(key)) return;
      if (this.next && this.#seen.size < REMEMBERED) this.#seen.add(key);
      this.deliver(event);
    } else if (stream === this.next) {
      this.#held.push([key, event]);
      // From here on the other brings nothing that this one does not.
      if (this.#seen.has(key)) this.move();
    }
  }

  /** The next stream is the one now. */
  move() {
    if (!this.next) return;
    const held = this.#held;
    const seen = this.#seen;
    this.home = this.next;
    this.stay();
    this.#skipped = seen;
    for (const [key, event] of held) if (!this.#skipped.delete(key)) this.deliver(event);
  }

  /** A stream is gone; what takes over may come back. */
  lose(stream, comesBack = false) {
    if (this.next === stream) {
      if (comesBack) this.#held = [];
      else this.stay();
    }
    if (this.home !== stream) return;
    if (this.next) this.move();
    else this.home = undefined;
  }
}
