// What a Hearken plugin in JavaScript or TypeScript imports from "hearken".

import type { Delivered, Duration } from "./event.js";

export type { Duration };

/** Anything that can be written as JSON. */
export type Json = string | number | boolean | null | Json[] | { [key: string]: Json | undefined };

/** An event that was delivered. Data that is not the JSON that it says rejects the event. */
export interface Event<T = unknown> extends Delivered<T, string> {}

/** What is called with an event. What it throws is reported in `plugin.failed`. */
export type Handler<T> = (event: Event<T>) => void | Promise<void>;

export interface ListenOptions {
  /** Only events with exactly this subject. */
  subject?: string | undefined;
  /** Only events that were published on this node. */
  localOnly?: boolean | undefined;
  /**
   * The events of this durable channel, at least once and in order for each subject, also those
   * that came while the plugin was not there. With `*` in it, which is any run of characters, what
   * is published to any channel that matches, as if `live` were said: `"chat:*"`.
   */
  channel?: string | undefined;
  /** With `channel`, which may be one of sessions: as they are published, each at most once. */
  live?: boolean | undefined;
  /** Where to begin in a channel of which the plugin has handled nothing yet; `"first"`. */
  from?: "first" | "new" | number | undefined;
}

/**
 * Calls a function with each event that matches. To be called at the top of the file. The
 * listener is called as the function is, or by the place where it is registered.
 *
 * @param pattern Glob on the type: `*` matches any run of characters, `{a,b}` is either.
 */
export function listen<T = any>(pattern: string | string[], handler: Handler<T>): void;
export function listen<T = any>(pattern: string | string[], options: ListenOptions, handler: Handler<T>): void;

export interface SendOptions {
  /** The thing that the event is about. */
  subject?: string | undefined;
  /** Written as JSON; a `Uint8Array` as it is; with a `datacontenttype` of text a string as it is. */
  data?: unknown;
  /** Sends it to every node of the cluster. */
  distributed?: boolean | undefined;
  /** A durable channel that it is appended to, or one of sessions that it is published to. */
  channel?: string | undefined;
  /** Unique for this plugin; given by the node if absent. */
  id?: string | undefined;
  /** When it happened, if that was not just now: a `Date`, or RFC 3339. */
  time?: Date | string | undefined;
  /** Media type of the data; `application/json`. */
  datacontenttype?: string | undefined;
  /** CloudEvents extension attributes: names of 1 to 20 lower-case letters and digits. */
  extensions?: { [name: string]: string | number | boolean } | undefined;
}

/**
 * Publishes an event and returns its id. It is delivered under `custom.`: `cart.added` arrives as
 * `custom.cart.added`. Never waits for a listener.
 *
 * @throws An error with `name` `"SendError"` and a `code`.
 */
export function send(type: string, options?: SendOptions): string;

export interface WaitOptions {
  /** Only an event with exactly this subject. */
  subject?: string | undefined;
  /** How long; 2 s. It counts towards the handler's deadline. */
  timeout?: Duration | undefined;
  /** Only an event of this channel; with `*` in it, of any that matches. */
  channel?: string | undefined;
  /** Only an event that was published on this node. */
  localOnly?: boolean | undefined;
}

/**
 * The next event that matches, from when this is called: so call it before you send what is to
 * be answered, and `await` it afterwards. Several can be awaited at once.
 *
 * @throws An error with `name` `"TimeoutError"` when none has come in time.
 */
export function wait<T = any>(pattern: string, options?: WaitOptions): Promise<Event<T>>;

/** Where an event was stored. */
export interface Stored {
  id: string;
  /** Its number in the channel. */
  sequence: number;
  /** Which log the channel is. */
  epoch: string;
  /** When it was recorded; RFC 3339. */
  time: string;
  /** Whether it had been stored before, and was not again. */
  duplicate: boolean;
}

export interface AppendOptions extends Omit<SendOptions, "channel"> {
  /** Only if the channel's last event has this number; 0 if it has had none. */
  expect?: number | undefined;
}

/**
 * Appends an event to a durable channel. What a handler appends while it handles an event of a
 * channel is stored once, however often that is tried. Needs `[allow] append`.
 *
 * @throws An error with `name` `"AppendError"` and a `code`; of `"conflict"` `last` is the number
 * of the last event.
 */
export function append(channel: string, type: string, options?: AppendOptions): Promise<Stored>;
/** Appends up to 1,000 events, all or none. */
export function append(
  channel: string,
  events: (Omit<SendOptions, "channel"> & { type: string })[],
  options?: { expect?: number },
): Promise<Stored[]>;

/** A position in a channel: behind the event of this number. */
export interface Position {
  epoch?: string;
  sequence: number;
}

export interface Page<T = any> {
  /** Ascending by number. */
  events: Event<T>[];
  /** What `after` takes for the next page. */
  next: Position;
  /** Number of the channel's last event; 0 if it has had none. */
  last: number;
  epoch: string;
  /** Numbers behind the position that are not kept any more. */
  gap?: { first: number; last: number };
}

/** Reads events of a channel. Needs `[allow] read`. */
export function read<T = any>(
  channel: string,
  options?: { /** 0, the beginning. */ after?: number | Position; /** 1 to 1,000; 100. */ limit?: number },
): Promise<Page<T>>;

/** How far a channel reaches. Needs `[allow] read`. */
export function bounds(channel: string): Promise<{ epoch: string; first: number; last: number }>;

/** A bucket of the node's key-value store. */
export interface Bucket {
  readonly name: string;
  /** The value, read as JSON; `undefined` if there is none. */
  get<T = any>(key: string): T | undefined;
  getBytes(key: string): Uint8Array | undefined;
  /** Writes a value as JSON, a `Uint8Array` as it is. */
  set(key: string, value: unknown): void;
  delete(key: string): void;
  has(key: string): boolean;
  /** A page of keys: the first, or the one that `next` of another names. */
  keys(next?: number): { keys: string[]; next?: number };
  /** Adds to the number under the key in one step, from 0 if there is none; returns the sum. */
  increment(key: string, by?: number): number;
  /** Those of the values that there are. */
  getMany<T = any>(keys: string[]): { [key: string]: T };
  setMany(entries: { [key: string]: unknown }): void;
  deleteMany(keys: string[]): void;
}

/** Opens a bucket, which need not exist before. Needs `[allow] keyvalue`. */
export function bucket(name: string): Bucket;

/** The manifest's `[config]`. */
export const config: {
  get(key: string): string | undefined;
  all(): { [key: string]: string };
};

/** What the manifest's `[secrets]` names. Ask anew each time: secrets are replaced. */
export const secrets: {
  get(key: string): string;
  bytes(key: string): Uint8Array;
};

/** Writes to the node's log under the plugin's name, as `console` does. */
export const log: {
  trace(...values: unknown[]): void;
  debug(...values: unknown[]): void;
  info(...values: unknown[]): void;
  warn(...values: unknown[]): void;
  error(...values: unknown[]): void;
};

/** Thrown by a handler: a channel's event is to be tried again. So is any other error. */
export class Retry extends Error {
  constructor(message?: string, options?: { /** Not sooner; at most `max_backoff`. */ after?: Duration; cause?: unknown });
}

/** Thrown by a handler: the event will never be handled, and goes to the dead letters at once. */
export class Reject extends Error {
  constructor(message?: string, options?: { cause?: unknown });
}

/** Thrown by a hook: the client is answered with an error and goes on. */
export class Refusal extends Error {
  constructor(
    message: string,
    options?: {
      /** 100 to 113 as the protocol has them, or 400 to 1999; 103, permission denied. */
      code?: number;
      /** Whether the client may try the same again later. */
      temporary?: boolean;
    },
  );
}

/** Thrown by a hook: the connection is closed. */
export class Disconnect extends Error {
  constructor(reason: string, options?: { /** 3000 to 3999, or 4000 to 4999; 4000. */ code?: number });
}

/** The session that asks. */
export interface Session {
  client: string;
  /** Empty for nobody. */
  user: string;
  /** What the node keeps of it for plugins. */
  meta?: any;
}

/** What differs for one subscription from what its namespace says. */
export interface Grant {
  /** What others are shown of it. */
  info?: unknown;
  /** What the client gets with the answer. */
  data?: unknown;
  overrides?: {
    presence?: boolean;
    joinLeave?: boolean;
    forceRecovery?: boolean;
    forcePositioning?: boolean;
    forcePushJoinLeave?: boolean;
  };
}

type Answer<T> = T | true | void | Promise<T | true | void>;
/** A `Date`, or seconds since the Unix epoch. */
type Moment = Date | number;

/** What answers sessions. `false` is a refusal with 103; nothing and `true` are a yes. */
export interface SessionHooks {
  connect?(
    request: Session & {
      transport: string;
      protocol: string;
      encoding: string;
      name: string;
      version: string;
      address: string;
      data?: any;
      claims?: any;
      token?: string;
      headers: { [name: string]: string };
    },
  ): Answer<
    | false
    | {
        /** As its token says, if absent. */
        user?: string;
        expireAt?: Moment;
        info?: unknown;
        data?: unknown;
        meta?: unknown;
        subscriptions?: string[] | { [channel: string]: Grant };
      }
  >;
  refresh?(session: Session, token?: string): Answer<false | { expireAt?: Moment; info?: unknown }>;
  subscribe?(session: Session, request: { channel: string; data?: any }): Answer<false | (Grant & { expireAt?: Moment })>;
  subRefresh?(session: Session, channel: string): Answer<false | { expireAt?: Moment; info?: unknown }>;
  /** `{data}`: published with these; `"handled"`: nothing is published. */
  publish?(session: Session, request: { channel: string; data?: any }): Answer<false | "handled" | { data: unknown }>;
  rpc?(session: Session, method: string, data?: any): unknown;
}

/**
 * Answers what sessions of clients ask. To be called once, at the top of the file. The node's
 * configuration names the plugin, its manifest needs `[allow] sessions`.
 */
export function sessionHooks(hooks: SessionHooks): void;
export function sessionHooks(namespaces: string | string[], hooks: SessionHooks): void;

/** Whose sessions are meant: one of these. */
export type Target =
  | { session: string }
  | { user: string }
  | { /** All who watch it. */ subject: string }
  | { channel: string }
  | "node"
  | "all";

export interface Reached {
  nodes: number;
  sessions: number;
  /** Whether there may be others on nodes that were not asked. */
  partial: boolean;
}

export interface ClientInfo {
  client: string;
  user: string;
  connInfo?: any;
  chanInfo?: any;
}

/** Does something with sessions of clients. Needs `[allow] sessions`. */
export const sessions: {
  /** Sends a message that is in no channel. */
  send(to: Target, data: unknown, options?: { except?: { session: string } | { user: string } }): Reached;
  subscribe(whose: Target, channel: string, options?: Grant & { expireAt?: Moment }): Reached;
  unsubscribe(whose: Target, channel: string): Reached;
  disconnect(
    whose: Target,
    options?: { code?: number; reason?: string; except?: { session: string } | { user: string } },
  ): Reached;
  refresh(whose: Target, options?: { /** Never, if absent. */ expireAt?: Moment }): Reached;
  presence(channel: string): ClientInfo[];
  presenceStats(channel: string): { clients: number; users: number };
  history(
    channel: string,
    options?: { since?: { epoch: string; offset: number }; limit?: number; reverse?: boolean },
  ): {
    publications: { data: any; offset: number; info?: ClientInfo; tags: { [name: string]: string } }[];
    top: { epoch: string; offset: number };
  };
};

declare global {
  /** Lines of the node's log under the plugin's name. */
  var console: {
    log(...values: unknown[]): void;
    trace(...values: unknown[]): void;
    debug(...values: unknown[]): void;
    info(...values: unknown[]): void;
    warn(...values: unknown[]): void;
    error(...values: unknown[]): void;
    dir(...values: unknown[]): void;
    table(...values: unknown[]): void;
    assert(condition: unknown, ...values: unknown[]): void;
    count(label?: string): void;
    countReset(label?: string): void;
    time(label?: string): void;
    timeLog(label?: string, ...values: unknown[]): void;
    timeEnd(label?: string): void;
    group(...label: unknown[]): void;
    groupEnd(): void;
  };

  /** Called while a handler waits; what is left when it is done is dropped. */
  function setTimeout<A extends unknown[]>(call: (...values: A) => void, milliseconds?: number, ...values: A): number;
  function setInterval<A extends unknown[]>(call: (...values: A) => void, milliseconds?: number, ...values: A): number;
  function clearTimeout(timer: number | undefined): void;
  function clearInterval(timer: number | undefined): void;
  function queueMicrotask(call: () => void): void;
  function structuredClone<T>(value: T): T;
  function btoa(text: string): string;
  function atob(text: string): string;
  var performance: { now(): number; timeOrigin: number };

  class TextEncoder {
    readonly encoding: "utf-8";
    encode(text?: string): Uint8Array;
    encodeInto(text: string, into: Uint8Array): { read: number; written: number };
  }
  class TextDecoder {
    constructor(label?: string, options?: { fatal?: boolean; ignoreBOM?: boolean });
    readonly encoding: "utf-8";
    readonly fatal: boolean;
    readonly ignoreBOM: boolean;
    decode(input?: ArrayBuffer | ArrayBufferView, options?: { stream?: boolean }): string;
  }

  /** For hosts in ASCII. */
  class URL {
    constructor(url: string | URL, base?: string | URL);
    static canParse(url: string | URL, base?: string | URL): boolean;
    static parse(url: string | URL, base?: string | URL): URL | null;
    href: string;
    readonly origin: string;
    protocol: string;
    username: string;
    password: string;
    host: string;
    hostname: string;
    port: string;
    pathname: string;
    search: string;
    readonly searchParams: URLSearchParams;
    hash: string;
    toString(): string;
    toJSON(): string;
  }
  class URLSearchParams implements Iterable<[string, string]> {
    constructor(init?: string | Iterable<[string, string]> | { [name: string]: string });
    readonly size: number;
    append(name: string, value: string): void;
    delete(name: string, value?: string): void;
    get(name: string): string | null;
    getAll(name: string): string[];
    has(name: string, value?: string): boolean;
    set(name: string, value: string): void;
    sort(): void;
    forEach(call: (value: string, name: string, all: URLSearchParams) => void): void;
    keys(): IterableIterator<string>;
    values(): IterableIterator<string>;
    entries(): IterableIterator<[string, string]>;
    [Symbol.iterator](): IterableIterator<[string, string]>;
    toString(): string;
  }

  var crypto: {
    getRandomValues<T extends ArrayBufferView>(array: T): T;
    randomUUID(): string;
    /** Digests, HMAC, ECDSA on P-256, and RSASSA-PKCS1-v1_5 to verify. */
    readonly subtle: {
      digest(algorithm: string | { name: string }, data: BufferSource): Promise<ArrayBuffer>;
      importKey(
        format: "raw" | "jwk" | "spki" | "pkcs8",
        data: BufferSource | { [member: string]: unknown },
        algorithm: string | { name: string; hash?: unknown; namedCurve?: string },
        extractable: boolean,
        usages: ("sign" | "verify")[],
      ): Promise<CryptoKey>;
      exportKey(format: "raw" | "jwk" | "spki" | "pkcs8", key: CryptoKey): Promise<any>;
      generateKey(algorithm: { name: string; [parameter: string]: unknown }, extractable: boolean, usages: ("sign" | "verify")[]): Promise<any>;
      sign(algorithm: string | { name: string; hash?: unknown }, key: CryptoKey, data: BufferSource): Promise<ArrayBuffer>;
      verify(
        algorithm: string | { name: string; hash?: unknown },
        key: CryptoKey,
        signature: BufferSource,
        data: BufferSource,
      ): Promise<boolean>;
    };
  };

  type BufferSource = ArrayBuffer | ArrayBufferView;

  class CryptoKey {
    readonly type: "secret" | "public" | "private";
    readonly extractable: boolean;
    readonly algorithm: { name: string; [parameter: string]: unknown };
    readonly usages: string[];
  }

  class AbortSignal {
    static abort(reason?: unknown): AbortSignal;
    static timeout(milliseconds: number): AbortSignal;
    static any(signals: Iterable<AbortSignal>): AbortSignal;
    readonly aborted: boolean;
    readonly reason: unknown;
    throwIfAborted(): void;
    addEventListener(type: "abort", listener: () => void, options?: { once?: boolean }): void;
    removeEventListener(type: "abort", listener: () => void): void;
  }
  class AbortController {
    readonly signal: AbortSignal;
    abort(reason?: unknown): void;
  }

  type HeadersInit = Headers | Iterable<[string, string]> | { [name: string]: string };
  type BodyInit = string | ArrayBuffer | ArrayBufferView | URLSearchParams;
  interface RequestInit {
    method?: string;
    headers?: HeadersInit;
    body?: BodyInit | null;
    redirect?: "follow" | "error" | "manual";
    signal?: AbortSignal | null;
  }
  class Headers implements Iterable<[string, string]> {
    constructor(init?: HeadersInit);
    append(name: string, value: string): void;
    delete(name: string): void;
    get(name: string): string | null;
    getSetCookie(): string[];
    has(name: string): boolean;
    set(name: string, value: string): void;
    forEach(call: (value: string, name: string, all: Headers) => void): void;
    keys(): IterableIterator<string>;
    values(): IterableIterator<string>;
    entries(): IterableIterator<[string, string]>;
    [Symbol.iterator](): IterableIterator<[string, string]>;
  }
  interface Body {
    /** The chunks as they come. */
    readonly body: AsyncIterable<Uint8Array> | null;
    readonly bodyUsed: boolean;
    arrayBuffer(): Promise<ArrayBuffer>;
    bytes(): Promise<Uint8Array>;
    json(): Promise<any>;
    text(): Promise<string>;
  }
  interface Request extends Body {}
  class Request {
    constructor(input: string | URL | Request, init?: RequestInit);
    readonly method: string;
    readonly url: string;
    readonly headers: Headers;
    readonly redirect: "follow" | "error" | "manual";
    readonly signal: AbortSignal | null;
    clone(): Request;
  }
  interface Response extends Body {}
  class Response {
    constructor(body?: BodyInit | null, init?: { status?: number; statusText?: string; headers?: HeadersInit });
    static json(value: unknown, init?: { status?: number; headers?: HeadersInit }): Response;
    static error(): Response;
    readonly ok: boolean;
    readonly status: number;
    readonly statusText: string;
    readonly headers: Headers;
    readonly url: string;
    readonly redirected: boolean;
    clone(): Response;
  }
  /** Asks a host that `[allow] http` of the manifest names. Several can be asked at once. */
  function fetch(input: string | URL | Request, init?: RequestInit): Promise<Response>;
}
