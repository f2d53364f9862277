// Live events: the streams that bring them, shared by all that is listened to.

import { Backoff } from "./backoff.js";
import { HearkenError, OverflowError } from "./errors.js";
import { Event } from "./event.js";
import { bundles, isCovered } from "./patterns.js";
import { Scope, sleep } from "./time.js";

/**
 * How long a stream goes on when another takes over: what was on its way when that began has
 * come by then.
 */
const GRACE = 1000;

/** A stream that was open for longer than so many milliseconds was no failed attempt. */
const LASTED = 5000;

/** All that a client listens to. */
export class Live {
  #groups = new Map();
  #ready = false;

  /** `tell` is given what becomes of streams: `ready`, `overflow`, or `error` and a pause. */
  constructor(http, retry, tell) {
    this.http = http;
    this.retry = retry;
    this.tell = tell;
  }

  /** Listens; `own` is for what ends soon, and is not worth another stream for the others. */
  add(subscription, own = false) {
    const key = JSON.stringify([subscription.filter.subject, subscription.filter.channel, subscription.filter.localOnly]);
    const shared = this.#groups.get(JSON.stringify([undefined, subscription.filter.channel, subscription.filter.localOnly]));
    const joins = own && shared?.covers(subscription.pattern);
    const name = joins ? shared.name : own ? Symbol(key) : key;
    let group = this.#groups.get(name);
    if (!group) {
      const { subject, channel, localOnly } = subscription.filter;
      group = new Group(this, name, { subject, channel, local_only: localOnly ? "true" : undefined });
      this.#groups.set(name, group);
    }
    group.add(subscription);
    return () => group.remove(subscription);
  }

  /** Waits until all that is listened to is, or an attempt at it has failed. */
  async settled() {
    await Promise.all([...this.#groups.values()].map((group) => group.settled()));
  }

  get isReady() {
    return this.#ready;
  }

  forget(name) {
    this.#groups.delete(name);
  }

  /** Looks whether all streams are open. */
  look() {
    const groups = [...this.#groups.values()];
    const ready = groups.length > 0 && groups.every((group) => group.isOpen);
    const became = ready && !this.#ready;
    this.#ready = ready;
    if (became) this.tell("ready");
  }

  close() {
    for (const group of this.#groups.values()) group.close();
    this.#groups.clear();
  }
}

/** What is listened to with the same filter but for the type. */
class Group {
  #subscriptions = new Set();
  #streams = new Set();
  #planned;
  #apart = false;

  constructor(live, name, query) {
    this.live = live;
    this.name = name;
    this.query = query;
  }

  add(subscription) {
    this.#subscriptions.add(subscription);
    this.#plan();
  }

  remove(subscription) {
    if (this.#subscriptions.delete(subscription)) this.#plan();
  }

  get isOpen() {
    return !this.#planned && [...this.#streams].every((stream) => stream.isOpen || stream.retires);
  }

  covers(pattern) {
    return isCovered(pattern, [...this.#subscriptions].map((subscription) => subscription.pattern));
  }

  async settled() {
    await this.#planned;
    await Promise.all([...this.#streams].map((stream) => stream.attempt));
  }

  close() {
    this.#subscriptions.clear();
    for (const stream of this.#streams) stream.close();
    this.#streams.clear();
  }

  /** Soon, so that what is asked for together becomes one stream. */
  #plan() {
    this.#planned ??= Promise.resolve().then(() => {
      this.#planned = undefined;
      this.#arrange();
    });
  }

  #arrange() {
    if (this.#subscriptions.size === 0) {
      this.close();
      this.live.forget(this.name);
      this.live.look();
      return;
    }
    const wanted = bundles([...this.#subscriptions].map(({ pattern }) => pattern), this.#apart);
    const streams = wanted.map((bundle) => this.#find(bundle) ?? this.#open(bundle));
    for (const stream of this.#streams) stream.retires = !streams.includes(stream);
    for (const subscription of this.#subscriptions) {
      const stream = streams[wanted.findIndex(({ patterns }) => isCovered(subscription.pattern, patterns))];
      subscription.goTo(stream);
      if (subscription.next?.isOpen) stream.takeOver();
    }
    this.#release();
    this.live.look();
  }

  #find({ type, patterns }) {
    const found = [...this.#streams].find((stream) => stream.type === type);
    if (found) found.patterns = patterns;
    return found;
  }

  #open(bundle) {
    const stream = new Stream(this, bundle);
    this.#streams.add(stream);
    return stream;
  }

  /** Ends streams that nobody listens to any more. */
  #release() {
    for (const stream of this.#streams) {
      if (!stream.retires || this.#isNeeded(stream)) continue;
      stream.close();
      this.#streams.delete(stream);
    }
  }

  #isNeeded(stream) {
    return [...this.#subscriptions].some(({ home, next }) => home === stream || next === stream);
  }

  opened(stream) {
    if ([...this.#subscriptions].some(({ next }) => next === stream)) stream.takeOver();
    this.live.look();
  }

  /** The time of the streams before it is over. */
  moved(stream) {
    for (const subscription of this.#subscriptions) if (subscription.next === stream) subscription.move();
    this.#release();
  }

  took(event, stream) {
    for (const subscription of this.#subscriptions) subscription.take(event, stream);
    this.#release();
  }

  /** A stream has ended that was open; it is not opened again if it retires. */
  lost(stream) {
    for (const subscription of this.#subscriptions) {
      if (stream.retires || subscription.next) subscription.lose(stream, !stream.retires);
    }
    this.#release();
    this.live.look();
  }

  /** The node does not give this stream; whichever of its patterns is at fault is told. */
  async refused(stream, error) {
    let found = stream.patterns.length === 1;
    if (found) this.#refuse(stream.patterns[0], error);
    else {
      for (const pattern of stream.patterns) {
        try {
          const opened = await this.live.http.stream("/v1/events", { query: { ...this.query, type: pattern } });
          opened.close();
        } catch (reason) {
          if (reason.temporary || this.live.http.signal.aborted) return false;
          found = true;
          this.#refuse(pattern, reason);
        }
      }
    }
    // Each for itself is taken, but not together.
    if (!found) this.#apart = true;
    for (const subscription of this.#subscriptions) subscription.lose(stream);
    this.#streams.delete(stream);
    this.#plan();
    return true;
  }

  #refuse(pattern, error) {
    for (const subscription of [...this.#subscriptions]) {
      if (subscription.pattern !== pattern) continue;
      this.#subscriptions.delete(subscription);
      subscription.refuse(error);
    }
  }
}

/** One stream, opened again when it breaks. */
class Stream {
  isOpen = false;
  /** Whether others have taken over what it brings, or will. */
  retires = false;
  #scope = new Scope();
  #backoff;
  #timer;
  #settle;

  constructor(group, { type, patterns }) {
    this.group = group;
    this.type = type;
    this.patterns = patterns;
    this.#backoff = new Backoff(group.live.retry);
    this.#begin();
    this.#run();
  }

  /** Settled when the attempt to open it that is under way is over. */
  attempt;

  #begin() {
    this.attempt = new Promise((resolve) => { this.#settle = resolve; });
  }

  close() {
    clearTimeout(this.#timer);
    this.isOpen = false;
    this.#settle();
    this.#scope.abort();
  }

  /** Takes over from the streams before, in a while at the latest. */
  takeOver() {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.group.moved(this);
    }, GRACE);
  }

  async #run() {
    const { signal } = this.#scope;
    while (!signal.aborted) {
      const error = await this.#once(signal);
      if (signal.aborted || this.group.live.http.signal.aborted) break;
      const wasOpen = this.isOpen;
      this.isOpen = false;
      clearTimeout(this.#timer);
      this.#timer = undefined;
      if (wasOpen) this.group.lost(this);
      if (this.retires && wasOpen) break;
      if (!error.temporary && await this.group.refused(this, error)) break;
      const pause = this.#backoff.next(error.retryAfter);
      this.#settle();
      this.group.live.tell("error", error, pause);
      await sleep(pause, signal).catch(() => {});
      this.#begin();
    }
    this.#settle();
  }

  /** Opens it, and takes what it brings; returns why it has ended. */
  async #once(signal) {
    const { http } = this.group.live;
    let opened;
    try {
      const query = { ...this.group.query, type: this.type };
      const { pieces } = await http.stream("/v1/events", { query, signal });
      this.isOpen = true;
      opened = Date.now();
      this.#settle();
      this.group.opened(this);
      for await (const messages of pieces) for (const message of messages) this.#take(message);
      throw new HearkenError("protocol", "the stream has ended", { temporary: true });
    } catch (error) {
      // One that is opened and breaks at once is no success.
      if (opened !== undefined && Date.now() - opened > LASTED) this.#backoff.reset();
      if (error instanceof HearkenError || signal.aborted) return error;
      return new HearkenError("protocol", `the stream cannot be read: ${error?.message}`, { cause: error, temporary: true });
    }
  }

  #take({ event, data }) {
    if (this.#scope.signal.aborted || data === undefined) return;
    const read = JSON.parse(data);
    if (event === "overflow") {
      const error = new OverflowError(read.dropped);
      this.group.live.tell("overflow", error);
      throw error;
    }
    if (event === "access-ended") throw new HearkenError("access-ended", read.reason, { temporary: true });
    this.group.took(new Event(read), this);
  }
}
