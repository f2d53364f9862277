// The client library of a Hearken node, for Node and browsers.

import type { Delivered, Duration } from "../event.js";

export type { Duration };

declare global {
  // As the library of later versions of TypeScript has it.
  interface SymbolConstructor {
    readonly asyncDispose: unique symbol;
  }
}

/** An event that the node has sent. */
export interface Event<T = unknown> extends Delivered<T, unknown> {}

export interface ClientOptions {
  /** A key or a token, or what answers one: it is asked for each request, so that it can change. */
  key?: (string | (() => string | Promise<string>)) | undefined;
  /** Source of what is published, a URI reference; by default the node says whose it is. */
  source?: string | undefined;
  /** Closes the client when it is aborted. */
  signal?: AbortSignal | undefined;
  /** How long a request may take, attempts to repeat it included; 30 s. */
  timeout?: Duration | undefined;
  /**
   * Pauses before something is tried again: each is random, up to a bound that doubles from
   * `min`, 100 ms, to `max`, 30 s. What the node asks for by `Retry-After` is waited beside it.
   */
  retry?: { min?: Duration; max?: Duration } | undefined;
  /** After so long without a sign of life a stream is opened again; 45 s. */
  silence?: Duration | undefined;
  /** What is called instead of the global `fetch`. */
  fetch?: typeof fetch | undefined;
}

export interface EmitOptions {
  /** The thing that the event is about. */
  subject?: string | undefined;
  /** Written as JSON; a `Uint8Array` as it is. */
  data?: unknown;
  /** Sends it to every node of the cluster. */
  distributed?: boolean | undefined;
  /** The channel that it is appended to. */
  channel?: string | undefined;
  /** Unique for the source; made by the client for what goes to a channel, else by the node. */
  id?: string | undefined;
  /** Who has made it; the client's `source` if absent. */
  source?: string | undefined;
  /** When it happened, if that was not just now. */
  time?: Date | string | undefined;
  /** Media type of the data; `application/json`. */
  datacontenttype?: string | undefined;
  /** CloudEvents extension attributes: names of 1 to 20 lower-case letters and digits. */
  extensions?: { [name: string]: string | number | boolean } | undefined;
}

export interface CallOptions {
  /**
   * How long it may take, attempts to repeat it included, from when it is its turn; the client's
   * `timeout` if absent.
   */
  timeout?: Duration | undefined;
  /** Gives it up. What was sent may have been published. */
  signal?: AbortSignal | undefined;
}

export interface Expecting {
  /** Only if the channel's last event has this number, perhaps with its epoch: `41`, `"EPOCH-41"`. */
  expect?: number | string | undefined;
}

/** What an event was given. */
export interface Published {
  id: string;
  /** When it was recorded; RFC 3339. */
  time: string;
  /** The channel that it is stored in. */
  channel?: string;
  /** Its number there. */
  sequence?: number;
  /** Which log the channel is. */
  epoch?: string;
  /** Whether it had been stored before, and was not again. */
  duplicate?: boolean;
}

/** What an event that is in a channel was given. */
export type Stored = Published & Required<Pick<Published, "channel" | "sequence" | "epoch">>;

export type Listener<T = any> = (event: Event<T>) => unknown;

export interface Filter {
  /** Only events with exactly this subject. */
  subject?: string | undefined;
  /** Only events of this channel, as they are published. */
  channel?: string | undefined;
  /** Only events that were published on the node that is asked. */
  localOnly?: boolean | undefined;
}

interface ClientEvents {
  /** All that is listened to is heard; once more after a break, and after more is listened to. */
  ready: [];
  /**
   * Something has failed. With `retryIn` it goes on by itself, in so many milliseconds, and is
   * warned of on the console where nobody listens to errors; without, it does not, and is thrown.
   */
  error: [HearkenError];
  /** The node has dropped events, since they came faster than they were taken. */
  overflow: [OverflowError];
  /** It is over. */
  close: [];
}

/** An emitter as that of Node: every name that is not one of its own is a pattern. */
interface Emitting<Own extends { [name: string]: unknown[] }> {
  on<Name extends keyof Own & string>(name: Name, listener: (...given: Own[Name]) => unknown): this;
  /** Listens to events whose types match: `*` is any run of characters, `{a,b}` is either. */
  on<T = any>(pattern: string, listener: Listener<T>): this;
  addListener(name: string, listener: (...given: any[]) => unknown): this;
  off(name: string, listener: (...given: any[]) => unknown): this;
  removeListener(name: string, listener: (...given: any[]) => unknown): this;
  removeAllListeners(name?: string): this;
  listeners(name: string): ((...given: any[]) => unknown)[];
  listenerCount(name: string): number;
  eventNames(): string[];
}

/**
 * A client of a node. It connects when there is something to do, and again when the connection
 * breaks. Live events that are published meanwhile are missed; those of channels are not.
 */
export class Client {
  /** @param url Where the node is, e.g. `http://127.0.0.1:7070`. */
  constructor(url: string | URL, options?: ClientOptions);

  /**
   * Publishes an event, which arrives under `custom.`. Events are published in the order of the
   * calls, as far as they go to the same channel or to none. One to a channel is sent again until
   * it is known to be stored, and is stored once; another only if it was certainly not published.
   */
  emit(type: string, options: EmitOptions & { channel: string } & CallOptions & Expecting): Promise<Stored>;
  emit(type: string, options?: EmitOptions & CallOptions): Promise<Published>;
  /** Publishes up to 1,000 events, all or none. */
  emitAll(
    events: (Omit<EmitOptions, "channel"> & { type: string })[],
    options?: { channel?: string } & CallOptions & Expecting,
  ): Promise<Published[]>;

  /** The next event with this type and subject, from now on: what is emitted after it may bring it. */
  once<T = any>(type: string, subject?: string, options?: Omit<Filter, "subject"> & CallOptions): Promise<Event<T>>;
  once<T = any>(type: string, options: Omit<Filter, "subject"> & CallOptions): Promise<Event<T>>;
  once<Name extends keyof ClientEvents>(name: Name, listener: (...given: ClientEvents[Name]) => unknown): this;
  once<T = any>(pattern: string, listener: Listener<T>): this;

  /**
   * Events as they are published, for `for await`. Up to `limit` (1,024) wait; more end it with an
   * `OverflowError`.
   */
  events<T = any>(pattern: string, options?: Filter & { signal?: AbortSignal; limit?: number }): AsyncIterableIterator<Event<T>>;

  /** A channel; the same each time for the same name and options. */
  channel(name: string, options?: ChannelOptions): Channel;

  /** Who the node says that this is, and what they may. */
  whoami(): Promise<{ principal: string; roles: string[]; rights: { [right: string]: string[] | boolean } }>;

  /** Whether all that is listened to is heard. */
  readonly isReady: boolean;
  readonly closed: boolean;

  /** Ends everything: streams, requests, and what waits. What was handled of channels is kept. */
  close(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}
export interface Client extends Emitting<{ [Name in keyof ClientEvents]: ClientEvents[Name] }> {}

export interface ChannelOptions {
  /**
   * Name under which the node keeps how far its events were handled: they are handed over at least
   * once, also across restarts. At most one reads under a name at a time. Without it what comes is
   * followed from `from` on for as long as the client lives.
   */
  client?: string | undefined;
  /**
   * Where to begin, for a client of whom the node has no position: the first event that is kept,
   * the next that comes, behind a position, or at a time. `"first"`; without `client`, `"new"`.
   */
  from?: "first" | "new" | number | string | Date | undefined;
  /** Most events of a page; 100. */
  limit?: number | undefined;
  /** Only events with exactly this subject. */
  subject?: string | undefined;
}

/** Numbers of events that follow each other. */
export interface Numbers {
  first: number;
  last: number;
}

/** A page was handed over. */
export interface Cycle {
  channel: string;
  /** Position behind which it was read; absent at the beginning. */
  after?: string;
  /** Position behind its last event. */
  next: string;
  /** Number of the channel's last event, where pages are asked for. */
  last?: number;
  /** How many events it had. */
  events: number;
}

interface ChannelEvents {
  /** It is read; once more after each break. */
  ready: [];
  /**
   * As that of the client, which tells those to which nobody listens here. After one without
   * `retryIn` it is read no more.
   */
  error: [HearkenError];
  /** Numbers that are not kept any more, and were not handed over. */
  gap: [Numbers];
  /** Numbers of events that are no longer what was written, and were not handed over. */
  damaged: [Numbers];
  /** A page was handed over, and the next is not asked for yet. */
  cycle: [Cycle];
  /** Nobody listens any more, and no request is under way. */
  drain: [{ channel: string }];
}

export interface Page<T = any> {
  channel: string;
  epoch: string;
  /** Ascending. */
  events: Event<T>[];
  /** What `after` takes for the next page. */
  next: string;
  /** Number of the channel's last event. */
  last: number;
  gap?: Numbers;
  damaged?: Numbers;
}

export interface Cursor {
  client: string;
  /** Number of the last event that was handled. */
  after: number;
  epoch: string;
  /** How many events are behind it. */
  lag: number;
  owner: string;
}

/**
 * A channel. What listens to it is called with one event at a time, in order, and waited for. An
 * event of which it fails is handed to it again; those behind wait.
 */
export class Channel {
  private constructor();
  readonly name: string;

  /** As `emit` with this channel. */
  append(type: string, options?: Omit<EmitOptions, "channel"> & CallOptions & Expecting): Promise<Stored>;
  /** Up to 1,000 events, all or none. */
  append(events: (Omit<EmitOptions, "channel"> & { type: string })[], options?: CallOptions & Expecting): Promise<Stored[]>;

  once<Name extends keyof ChannelEvents>(name: Name): Promise<ChannelEvents[Name][0]>;
  once<Name extends keyof ChannelEvents>(name: Name, listener: (...given: ChannelEvents[Name]) => unknown): this;
  once<T = any>(pattern: string): Promise<Event<T>>;
  once<T = any>(pattern: string, listener: Listener<T>): this;

  /** Its events for `for await`. One counts as handled when the next is asked for. */
  events<T = any>(options?: { type?: string; signal?: AbortSignal }): AsyncGenerator<Event<T>, void, undefined>;
  [Symbol.asyncIterator](): AsyncGenerator<Event<any>, void, undefined>;

  /** One page, whoever reads otherwise. */
  read<T = any>(options?: {
    /** The beginning, if absent. */
    after?: number | string;
    since?: Date | string;
    /** 1 to 1,000; 100. */
    limit?: number;
    type?: string;
    subject?: string;
    signal?: AbortSignal;
  }): Promise<Page<T>>;
  /** The newest events, ascending; 10. */
  latest<T = any>(limit?: number, options?: { signal?: AbortSignal }): Promise<Page<T>>;
  /** One event. */
  event<T = any>(sequence: number, options?: { signal?: AbortSignal }): Promise<Event<T>>;
  /** How far the client has handled it, if it has begun. */
  position(options?: { signal?: AbortSignal }): Promise<Cursor | undefined>;
  /** Has the client go on behind this position; to be called while it does not read. */
  seek(after: number | string, options?: { signal?: AbortSignal }): Promise<Cursor>;

  /** Ends reading at once. What was handled is kept, what is being handled is handed over again. */
  close(): Promise<void>;
}
export interface Channel extends Emitting<{ [Name in keyof ChannelEvents]: ChannelEvents[Name] }> {}

/** What all errors of a client are. */
export class HearkenError extends Error {
  /** Stable: the kind of a problem such as `forbidden`, else e.g. `connection`, `timeout` or `closed`. */
  readonly code: string;
  /** Whether the same may succeed later. */
  readonly temporary: boolean;
  /** Whether what was asked for may have been done. */
  readonly unknown: boolean;
  /** Milliseconds after which it goes on by itself, where it does. */
  readonly retryIn?: number;
  /** The pattern that was listened to, where the node refuses it. */
  readonly pattern?: string;
  /** The channel that was read. */
  readonly channel?: string;
}

/** The node has answered that it does not do what was asked for. */
export class ProblemError extends HearkenError {
  readonly status: number;
  /** What it said (RFC 9457); empty if that was no problem. */
  readonly problem: {
    type?: string;
    title?: string;
    status?: number;
    detail?: string;
    /** The right that is missing. */
    right?: string;
    last?: number;
    epoch?: string;
    damaged?: Numbers;
    errors?: { detail: string; parameter?: string; header?: string; pointer?: string }[];
  };
  /** Milliseconds that the node asks to wait. */
  readonly retryAfter?: number;
  /** Number of the channel's last event, where another was expected. */
  readonly last?: number;
}

/** There was no answer, or it broke off. */
export class ConnectionError extends HearkenError {}

/** What was waited for has not come in time. */
export class TimeoutError extends HearkenError {}

/** The client, or what was asked of it, was closed. */
export class ClosedError extends HearkenError {}

/** Events came faster than they were taken. */
export class OverflowError extends HearkenError {
  /** How many were dropped, as far as that is known. */
  readonly dropped?: number;
}

/** A listener has failed; `cause` is what it has thrown. */
export class HandlerError extends HearkenError {
  readonly event: Event<any>;
}
