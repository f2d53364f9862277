import type { Event, ListenOptions, SessionHooks, Target } from "hearken";

type Attributes = Partial<Omit<Event, "data" | "text" | "bytes" | "toJSON" | "type">>;

/** An event as it is delivered; what is not said of it is usual. */
export function event<T = any>(type: string, options?: Attributes & { data?: T }): Event<T>;

/** What a plugin is given in tests, and what it has done. */
export const host: {
  /** Forgets all that was done and set; what is registered stays. */
  reset(): void;
  config: { [key: string]: string };
  secrets: { [key: string]: string | Uint8Array };
  /** Events that were sent. */
  sent: Event<any>[];
  logged: { level: string; text: string }[];
  /** What was done with sessions: the function and what it was given. */
  sessions: [string, Target, ...unknown[]][];
  /** Events of channels; a channel that is not here does not exist. */
  channels: { [name: string]: Event<any>[] };
  buckets: { [name: string]: { [key: string]: any } };
  /** Answers the next `wait` that wants this event. */
  answer(event: Event<any>): void;
};

/** Gives an event to each live listener that it is meant for; rejects with what they throw. */
export function deliver(event: Event<any>): Promise<void>;

/** Gives an event of a channel to the listeners on it. */
export function deliverFromChannel(event: Event<any>): Promise<void>;

/** What the file under test listens to. */
export function listeners(): ({ name: string; patterns: string[] } & ListenOptions)[];

/** What answers sessions, or `null`. */
export function hooks(): (SessionHooks & { namespaces: string[] }) | null;
