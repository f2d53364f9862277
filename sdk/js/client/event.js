// Events as programs are given them, with the properties that plugins know.

const KNOWN = new Set(["specversion", "id", "source", "type", "subject", "time", "recordedtime", "datacontenttype",
  "distributed", "origin", "localorigin", "channel", "sequence", "traceparent", "tracestate"]);

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** An event that the node has sent: CloudEvents 1.0 in JSON. */
export class Event {
  #json;
  #data;

  constructor(json) {
    this.#json = json;
    const extensions = {};
    for (const [name, value] of Object.entries(json)) {
      if (KNOWN.has(name)) this[name] = value;
      else if (name !== "data" && name !== "data_base64") extensions[name] = value;
    }
    this.extensions = extensions;
  }

  get data() {
    if (this.#data === undefined) {
      const { data, data_base64: base64 } = this.#json;
      this.#data = base64 === undefined ? (data ?? null) : fromBase64(base64);
    }
    return this.#data;
  }

  text() {
    const { data } = this;
    if (data instanceof Uint8Array) return decoder.decode(data);
    if (this.#json.data === undefined) return "";
    return typeof data === "string" && !isJson(this.datacontenttype) ? data : JSON.stringify(data);
  }

  bytes() {
    const { data } = this;
    return data instanceof Uint8Array ? data.slice() : encoder.encode(this.text());
  }

  toJSON() {
    return this.#json;
  }
}

/** What is asked for to be published, as the node takes it: its media type and what to write. */
export function draft(type, options) {
  if (typeof type !== "string" || type === "") throw new TypeError("an event has a type, a text such as \"cart.added\"");
  const { data, subject, id, source, distributed, time, datacontenttype, extensions } = options;
  const attributes = { ...extensions, type, id, source, subject, distributed };
  if (time !== undefined) attributes.time = time instanceof Date ? time.toISOString() : time;
  if (datacontenttype !== undefined) attributes.datacontenttype = datacontenttype;
  const bytes = data instanceof Uint8Array;
  if (bytes) {
    attributes.datacontenttype ??= "application/octet-stream";
    attributes.data_base64 = toBase64(data);
  } else if (data !== undefined) {
    if (JSON.stringify(data) === undefined) throw new TypeError(`a ${typeof data} cannot be written as JSON`);
    attributes.data = data;
  }
  return attributes;
}

/** Whether an event says more than the node's shorthand can. */
export function isWhole({ time, datacontenttype, extensions, data }) {
  return time !== undefined || datacontenttype !== undefined || extensions !== undefined || data instanceof Uint8Array;
}

function isJson(type) {
  return type === undefined || /^application\/json\b|\+json\b/.test(type);
}

function fromBase64(text) {
  return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
}

function toBase64(bytes) {
  let text = "";
  // As many arguments as every engine takes.
  for (let at = 0; at < bytes.length; at += 8192) text += String.fromCharCode(...bytes.subarray(at, at + 8192));
  return btoa(text);
}

/** An id that nobody else makes: 128 random bits. */
export function uniqueId() {
  const bytes = new Uint8Array(16);
  if (globalThis.crypto?.getRandomValues) globalThis.crypto.getRandomValues(bytes);
  else for (let at = 0; at < bytes.length; at += 1) bytes[at] = Math.floor(Math.random() * 256);
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
