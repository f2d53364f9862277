// What plugins and clients have in common: CloudEvents 1.0 with what Hearken adds, and times. It is
// a file of its own so that clients, in browsers too, have it without the globals of plugins.

/** Milliseconds, or a time such as `"2s"`, `"500ms"` or `"1.5m"`. */
export type Duration = number | string;

/** An event that was delivered, with the data `T`; extensions have values of the type `X`. */
export interface Delivered<T, X> {
  readonly specversion: "1.0";
  /** Unique for each `source`. */
  readonly id: string;
  /** URI reference of the publisher, e.g. `/nodes/a/plugins/cart`. */
  readonly source: string;
  /** Dotted name, e.g. `custom.cart.added`. */
  readonly type: string;
  /** The thing that the event is about. */
  readonly subject?: string;
  /** When it happened, as its producer says, else when it was recorded; RFC 3339. */
  readonly time: string;
  /** When the node of origin took it; RFC 3339 with milliseconds. */
  readonly recordedtime: string;
  /** Media type of the data. */
  readonly datacontenttype: string;
  /**
   * The data: what its JSON says, a string if it is text, else a `Uint8Array`; `null` if there is
   * none. Read when it is first touched.
   */
  readonly data: T;
  /** The data as text. */
  text(): string;
  /** The data as bytes. */
  bytes(): Uint8Array;
  /** Whether it is sent to every node of the cluster. */
  readonly distributed: boolean;
  /** Name of the node where it was published. */
  readonly origin: string;
  /** Whether that is the node on which the plugin runs, or which has sent it to the client. */
  readonly localorigin: boolean;
  /** The channel that it belongs to. */
  readonly channel?: string;
  /** Its number within the channel, from 1. */
  readonly sequence?: number;
  /** W3C trace context. */
  readonly traceparent?: string;
  /** W3C trace context. */
  readonly tracestate?: string;
  /** All other CloudEvents extension attributes. */
  readonly extensions: { readonly [name: string]: X };
  /** As CloudEvents in JSON. */
  toJSON(): Record<string, unknown>;
}
