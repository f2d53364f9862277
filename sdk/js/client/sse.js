// Reads a stream of server-sent events (HTML, section 9.2.6).

import { HearkenError } from "./errors.js";

/** Largest message that is read, in characters: an event of 16 MiB with room for its JSON. */
export const LARGEST_MESSAGE = 32 << 20;

/** Turns text, as it comes in pieces, into messages `{id, event, data}`. */
export class Parser {
  #largest;
  /** What has come of a line that has not ended. */
  #rest = "";
  #first = true;
  #data = [];
  #size = 0;
  #event = "";
  #id;
  #idIsNew = false;

  constructor(largest = LARGEST_MESSAGE) {
    this.#largest = largest;
  }

  /** The messages that end with this piece. One without `data` says only how far the stream is. */
  push(text) {
    const messages = [];
    const searched = this.#rest.length;
    let all = this.#rest + text;
    if (this.#first && all.length > 0) {
      this.#first = false;
      if (all.startsWith("\uFEFF")) all = all.slice(1);
    }
    let start = 0;
    let from = Math.max(0, searched - 1);
    for (;;) {
      const end = lineEnd(all, from);
      // What a `\r` at the very end is, the next piece says.
      if (end < 0 || (all[end] === "\r" && end + 1 === all.length)) break;
      this.#line(all.slice(start, end), messages);
      start = end + (all[end] === "\r" && all[end + 1] === "\n" ? 2 : 1);
      from = start;
    }
    this.#rest = all.slice(start);
    if (this.#rest.length + this.#size > this.#largest) {
      throw new HearkenError("too-large", `a message has more than ${this.#largest} characters`);
    }
    return messages;
  }

  #line(line, messages) {
    if (line === "") {
      this.#dispatch(messages);
      return;
    }
    const colon = line.indexOf(":");
    if (colon === 0) return;
    const name = colon < 0 ? line : line.slice(0, colon);
    let value = colon < 0 ? "" : line.slice(colon + 1);
    if (value.startsWith(" ")) value = value.slice(1);
    if (name === "data") {
      this.#data.push(value);
      this.#size += value.length;
    } else if (name === "event") this.#event = value;
    else if (name === "id" && !value.includes("\0")) {
      this.#id = value;
      this.#idIsNew = true;
    }
  }

  #dispatch(messages) {
    if (this.#data.length > 0) {
      messages.push({ id: this.#id, event: this.#event || "message", data: this.#data.join("\n") });
    } else if (this.#idIsNew) messages.push({ id: this.#id, event: "", data: undefined });
    this.#data = [];
    this.#size = 0;
    this.#event = "";
    this.#idIsNew = false;
  }
}

function lineEnd(text, from) {
  const feed = text.indexOf("\n", from);
  const end = feed < 0 ? text.length : feed;
  // Rare, so it is looked for only up to the next line feed.
  const carriage = text.slice(from, end).indexOf("\r");
  if (carriage >= 0) return from + carriage;
  return feed;
}
