// Publishing: in the order in which it was asked for, and again where that does no harm.

import { Backoff } from "./backoff.js";
import { HearkenError } from "./errors.js";
import { draft, isWhole, uniqueId } from "./event.js";
import { milliseconds, within } from "./time.js";

/** Source of an event that has to name one and does not. */
const SOURCE = "/clients/javascript";

/** Longest that is waited until what is listened to is heard. */
const SETTLING = 5000;

/** Most requests that wait for those before them. */
const MOST_WAITING = 10_000;

const OPTIONS = ["subject", "data", "distributed", "channel", "id", "source", "time", "datacontenttype", "extensions"];
const CALL = ["expect", "timeout", "signal"];

/** What a client publishes. */
export class Publisher {
  #lanes = new Map();

  constructor(http, retry, source, settled) {
    this.http = http;
    this.retry = retry;
    this.source = source;
    this.settled = settled;
  }

  /** Publishes one event. */
  one(type, options) {
    known(options, [...OPTIONS, ...CALL]);
    const { channel } = options;
    const attributes = this.#attributes(type, options, channel);
    if (!isWhole(options)) return this.#send(channel, "application/json", attributes, options);
    return this.#send(channel, "application/cloudevents+json", this.#whole(attributes), options);
  }

  /** Publishes several, all or none. */
  many(events, options) {
    known(options, ["channel", ...CALL]);
    if (events.length === 0) return Promise.resolve([]);
    const { channel } = options;
    const batch = events.map(({ type, ...event }) => {
      known(event, OPTIONS.filter((name) => name !== "channel"));
      return this.#whole(this.#attributes(type, event, channel));
    });
    return this.#send(channel, "application/cloudevents-batch+json", batch, options);
  }

  #attributes(type, options, channel) {
    const attributes = { ...draft(type, options), channel };
    attributes.source ??= this.source;
    // By which the channel knows it again when it is sent once more.
    if (channel !== undefined) attributes.id ??= uniqueId();
    return attributes;
  }

  #whole(attributes) {
    const { id = uniqueId(), source = SOURCE, ...rest } = attributes;
    return { specversion: "1.0", id, source, ...rest };
  }

  #send(channel, contentType, content, { expect, timeout, signal }) {
    const headers = { "content-type": contentType };
    if (expect !== undefined) headers["if-match"] = `"${expect}"`;
    const asked = {
      body: JSON.stringify(content),
      headers,
      signal,
      time: timeout === undefined ? this.http.timeout : milliseconds(timeout, "a timeout"),
      keyed: channel !== undefined,
    };
    return this.#inOrder(channel ?? "", () => this.#repeat(asked));
  }

  /** One after the other, as far as they go to the same channel or to none. */
  async #inOrder(name, send) {
    const lane = this.#lanes.get(name) ?? { waiting: 0, last: Promise.resolve() };
    if (lane.waiting >= MOST_WAITING) {
      throw new HearkenError("overloaded", `${MOST_WAITING} events wait to be sent`, { temporary: true });
    }
    this.#lanes.set(name, lane);
    lane.waiting += 1;
    const sent = lane.last.then(send);
    lane.last = sent.catch(() => {});
    try {
      return await sent;
    } finally {
      lane.waiting -= 1;
      if (lane.waiting === 0) this.#lanes.delete(name);
    }
  }

  async #repeat({ body, headers, signal, time, keyed }) {
    // So that what was subscribed to before hears what comes of it.
    await within(SETTLING, this.settled());
    // From here on: it is not late because of those before it.
    const until = Date.now() + time;
    const backoff = new Backoff(this.retry);
    for (;;) {
      // Leaves time for another attempt, where that is possible.
      const left = Math.max(until - Date.now(), 1);
      const timeout = keyed ? Math.max(left / 2, Math.min(left, 1000)) : left;
      try {
        return await this.http.json("POST", "/v1/events", { body, headers, signal, timeout });
      } catch (error) {
        const again = error.temporary && (keyed || !error.unknown);
        const pause = backoff.next(error.retryAfter);
        if (!again || Date.now() + pause >= until) throw error;
        await this.http.sleep(pause, signal);
      }
    }
  }
}

/** Refuses options that there are none of. */
export function known(options, names) {
  if (options === null || typeof options !== "object") throw new TypeError("options are an object");
  for (const name of Object.keys(options)) {
    if (!names.includes(name)) throw new TypeError(`there is no option \`${name}\`; there are ${names.join(", ")}`);
  }
}
