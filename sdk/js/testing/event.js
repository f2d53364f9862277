// Events as handlers are given them, made by hand.

let made = 0;

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** The bytes of data that are handed over, and its media type. */
export function payload(data, datacontenttype) {
  if (data === undefined) return [new Uint8Array(0), datacontenttype ?? "application/json"];
  if (data instanceof Uint8Array) return [data, datacontenttype ?? "application/octet-stream"];
  if (typeof data === "string" && datacontenttype && !isJson(datacontenttype)) return [encoder.encode(data), datacontenttype];
  const json = JSON.stringify(data);
  if (json === undefined) throw new TypeError(`a ${typeof data} cannot be written as JSON`);
  return [encoder.encode(json), datacontenttype ?? "application/json"];
}

const isJson = (type) => /^application\/json\b|\+json\b/.test(type);
const isText = (type) => /^text\/|[/+]xml\b/.test(type);

/** A handler's event. */
class Event {
  #bytes;
  #data;

  constructor(attributes, bytes) {
    Object.assign(this, attributes);
    this.#bytes = bytes;
  }

  get data() {
    if (this.#bytes.length === 0) return null;
    if (this.#data === undefined) {
      if (isJson(this.datacontenttype)) this.#data = JSON.parse(this.text());
      else this.#data = isText(this.datacontenttype) ? this.text() : this.bytes();
    }
    return this.#data;
  }

  text() {
    return decoder.decode(this.#bytes);
  }

  bytes() {
    return this.#bytes.slice();
  }

  toJSON() {
    const { extensions, ...attributes } = this;
    return { ...attributes, ...extensions, data: this.data };
  }
}

/** An event as it is delivered; what is not said of it is usual. */
export function event(type, options = {}) {
  made += 1;
  const { data, extensions = {}, ...rest } = options;
  const [bytes, datacontenttype] = payload(data, options.datacontenttype);
  const recordedtime = options.recordedtime ?? new Date().toISOString();
  const usual = {
    specversion: "1.0",
    id: `event-${made}`,
    source: "/tests",
    time: recordedtime,
    distributed: false,
    origin: "test",
    localorigin: true,
  };
  return new Event({ ...usual, ...rest, type, datacontenttype, recordedtime, extensions }, bytes);
}
