// Reads a stream of server-sent events (HTML, section 9.2.6).

import { HearkenError } from "./errors.js";

/** Largest message that is read, in characters: an event of 16 MiB with room for its JSON. */
export const LARGEST_MESSAGE = 32 << 20;

/** Turns text, as it comes in pieces, into messages `{id, event, data}`. */
export class Parser {
  #largest;
  /** Pieces of a line that has not ended: put together once, however many they are. */
  #rest = [];
  #restSize = 0;
  #afterReturn = false;
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
    if (this.#first && text !== "") {
      this.#first = false;
      if (text.startsWith("\uFEFF")) text = text.slice(1);
    }
    let start = 0;
    // A line feed behind a `\r` at the end of the piece before belongs to that.
    if (this.#afterReturn && text !== "") {
      this.#afterReturn = false;
      if (text[0] === "\n") start = 1;
    }
    for (;;) {
      const end = lineEnd(text, start);
      if (end < 0) break;
      const line = this.#rest.length === 0 ? text.slice(start, end) : this.#rest.join("") + text.slice(start, end);
      this.#rest = [];
      this.#restSize = 0;
      this.#line(line, messages);
      start = end + 1;
      if (text[end] !== "\r") continue;
      if (start === text.length) this.#afterReturn = true;
      else if (text[start] === "\n") start += 1;
    }
    if (start < text.length) {
      this.#rest.push(start === 0 ? text : text.slice(start));
      this.#restSize += text.length - start;
    }
    if (this.#restSize + this.#size > this.#largest) {
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
      this.#size += value.length + 1;
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
  // Rare, so it is looked for only up to the next line feed.
  const carriage = text.slice(from, feed < 0 ? text.length : feed).indexOf("\r");
  return carriage < 0 ? feed : from + carriage;
}
