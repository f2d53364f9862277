// Tests of plugins without a node: import the plugin's file, hand it events, and look at what it
// has done.

import { matches, wantsChannel } from "./pattern.js";
import { host, registered } from "./state.js";

export { event } from "./event.js";
export { host } from "./state.js";

/** What the file under test listens to. */
export function listeners() {
  return registered.listeners.map(({ handler, isLive, ...listener }) => listener);
}

/** What answers sessions, or `null`. */
export function hooks() {
  return registered.hooks;
}

function wants(listener, event) {
  return (
    listener.patterns.some((pattern) => matches(pattern, event.type)) &&
    (listener.subject === undefined || listener.subject === event.subject) &&
    (listener.channel === undefined || wantsChannel(listener.channel, event.channel)) &&
    (!listener.localOnly || event.localorigin)
  );
}

async function call(listeners, event, before = () => {}) {
  const errors = [];
  for (const listener of listeners) {
    before(listener);
    try {
      await listener.handler(event);
    } catch (error) {
      errors.push(error);
    }
  }
  if (errors.length === 1) throw errors[0];
  if (errors.length > 1) throw new AggregateError(errors, errors.map((error) => error.message).join("; "));
}

/** Gives an event to each live listener that it is meant for; rejects with what they throw. */
export async function deliver(event) {
  const live = registered.listeners.filter((listener) => listener.isLive && wants(listener, event));
  await call(live, event);
}

/**
 * Gives an event of a channel to the listeners on it. What they append without ids of their own is
 * stored once, however often that is done.
 */
export async function deliverFromChannel(event) {
  if (event.channel === undefined) throw new TypeError("the event is in no channel; event(type, { channel, sequence })");
  const meant = registered.listeners.filter((listener) => !listener.isLive && wants(listener, event));
  const begin = (listener) => {
    let count = 0;
    const next = () => `${event.channel}/test/${event.sequence ?? 1}/plugin/${listener.name}/${(count += 1)}`;
    host.handling = { next };
  };
  try {
    await call(meant, event, begin);
  } finally {
    host.handling = null;
  }
}
