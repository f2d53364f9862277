// The module `hearken` where there is no node: what it does goes to the host of tests.

import { event, payload } from "./event.js";
import { check } from "./pattern.js";
import { host, registered } from "./state.js";

const coded = (name, code, message, more = {}) => Object.assign(new Error(message), { name, code, ...more });

/** Refuses options that there are none of. */
function known(call, options, names) {
  for (const name of Object.keys(options ?? {})) {
    if (!names.includes(name)) throw new TypeError(`${call}: there is no option \`${name}\`; there are ${names.join(", ")}`);
  }
  return options ?? {};
}

const OUTGOING = ["subject", "data", "distributed", "channel", "id", "time", "datacontenttype", "extensions"];

export function listen(pattern, ...rest) {
  const handler = rest.pop();
  if (typeof handler !== "function") throw new TypeError("listen: the last of what it takes is the function that is called");
  const options = known("listen", rest[0], ["subject", "localOnly", "channel", "live", "from"]);
  const patterns = [pattern].flat();
  patterns.forEach(check);
  // Several channels at once have no order and no place in them.
  const isLive = Boolean(options.live) || options.channel === undefined || options.channel.includes("*");
  registered.listeners.push({ name: handler.name, patterns, ...options, isLive, handler });
}

export function sessionHooks(...all) {
  const hooks = all.pop();
  registered.hooks = { namespaces: [all[0] ?? []].flat(), ...hooks };
}

/** The event that is sent or appended. */
function outgoing(type, options) {
  if (typeof type !== "string") throw new TypeError("the type is a text such as \"cart.added\"");
  const { data, time, ...rest } = options;
  payload(data, options.datacontenttype);
  const happened = time === undefined ? {} : { time: time instanceof Date ? time.toISOString() : time };
  return event(type.startsWith("custom.") ? type : `custom.${type}`, { ...rest, ...happened, data });
}

export function send(type, options) {
  const sent = outgoing(type, known("send", options, OUTGOING));
  if (sent.channel !== undefined && host.channels[sent.channel]) return store(sent.channel, sent, options?.id).id;
  host.sent.push(sent);
  return sent.id;
}

export async function wait(pattern, options) {
  check(pattern);
  const found = host.take(pattern, known("wait", options, ["subject", "timeout", "channel", "localOnly"]));
  if (found) return found;
  throw coded("TimeoutError", "timed-out", `no event \`${pattern}\` came; answer it by host.answer(event(…))`);
}

function channel(name) {
  const events = host.channels[name];
  if (!events) throw coded("AppendError", "no-channel", `there is no channel \`${name}\`; host.channels.${name} = []`);
  return events;
}

/** Stores an event once, if it has an id or is of an event of a channel. */
function store(name, appended, id) {
  const events = channel(name);
  const given = id ?? host.handling?.next();
  const before = given === undefined ? undefined : events.find((event) => event.id === given);
  if (!before) {
    Object.assign(appended, { channel: name, sequence: events.length + 1 }, given === undefined ? {} : { id: given });
    events.push(appended);
  }
  const stored = before ?? appended;
  return { id: stored.id, sequence: stored.sequence, epoch: "test", time: stored.recordedtime, duplicate: Boolean(before) };
}

export async function append(name, what, options) {
  const batch = Array.isArray(what);
  const given = known("append", options, batch ? ["expect"] : [...OUTGOING, "expect"]);
  const { expect, ...event } = given;
  const last = channel(name).length;
  if (expect !== undefined && expect !== last) {
    throw coded("AppendError", "conflict", `the last event of the channel has the number ${last}, not the expected one`, { last });
  }
  if (!batch) return store(name, outgoing(what, event), event.id);
  return what.map(({ type, ...event }) => store(name, outgoing(type, known("append", event, OUTGOING)), event.id));
}

export async function read(name, options) {
  const { after = 0, limit = 100 } = known("read", options, ["after", "limit"]);
  const behind = typeof after === "number" ? after : after.sequence;
  const events = channel(name).slice(behind, behind + limit);
  return { events, next: { epoch: "test", sequence: behind + events.length }, last: channel(name).length, epoch: "test" };
}

export async function bounds(name) {
  return { epoch: "test", first: 1, last: channel(name).length };
}

export function bucket(name) {
  const values = (host.buckets[name] ??= {});
  const copy = (value) => (value === undefined ? undefined : JSON.parse(JSON.stringify(value)));
  return {
    name,
    get: (key) => copy(values[key]),
    getBytes: (key) => (values[key] === undefined ? undefined : payload(values[key])[0]),
    set(key, value) {
      values[key] = value instanceof Uint8Array ? value.slice() : copy(value);
    },
    delete(key) {
      delete values[key];
    },
    has: (key) => key in values,
    keys: () => ({ keys: Object.keys(values) }),
    increment: (key, by = 1) => (values[key] = (values[key] ?? 0) + by),
    getMany: (keys) => Object.fromEntries(keys.filter((key) => key in values).map((key) => [key, copy(values[key])])),
    setMany(entries) {
      for (const [key, value] of Object.entries(entries)) values[key] = copy(value);
    },
    deleteMany(keys) {
      for (const key of keys) delete values[key];
    },
  };
}

export const config = {
  get: (key) => host.config[key],
  all: () => ({ ...host.config }),
};

function secret(key) {
  const found = host.secrets[key];
  if (found === undefined) throw coded("SecretError", "not-found", `there is no secret \`${key}\`; host.secrets.${key} = "…"`);
  return payload(found, "text/plain")[0];
}

export const secrets = {
  get: (key) => new TextDecoder().decode(secret(key)),
  bytes: secret,
};

const logs = (level) => (...values) => {
  const text = values.map((value) => (typeof value === "string" ? value : JSON.stringify(value))).join(" ");
  host.logged.push({ level, text });
};
export const log = Object.fromEntries(["trace", "debug", "info", "warn", "error"].map((level) => [level, logs(level)]));

const acts = (name) => (...given) => {
  host.sessions.push([name, ...given]);
  return { nodes: 1, sessions: 1, partial: false };
};
export const sessions = {
  ...Object.fromEntries(["send", "subscribe", "unsubscribe", "disconnect", "refresh"].map((name) => [name, acts(name)])),
  presence: () => [],
  presenceStats: () => ({ clients: 0, users: 0 }),
  history: () => ({ publications: [], top: { epoch: "test", offset: 0 } }),
};

export class Retry extends Error {
  name = "Retry";
  constructor(message, { after, ...options } = {}) {
    super(message, options);
    this.after = after;
  }
}

export class Reject extends Error {
  name = "Reject";
  rejects = true;
}

export class Refusal extends Error {
  name = "Refusal";
  constructor(message, { code = 103, temporary = false } = {}) {
    super(message);
    Object.assign(this, { code, temporary });
  }
}

export class Disconnect extends Error {
  name = "Disconnect";
  constructor(message, { code = 4000 } = {}) {
    super(message);
    this.code = code;
  }
}

export class Event {}
