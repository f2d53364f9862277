// The listener that is compared, for tools that make a component of a script: see `texts`.

import { send } from "hearken:plugin/events@0.2.0";

export let touched;

const decoder = globalThis.TextDecoder ? new TextDecoder() : undefined;

function quantity(event) {
  const text = decoder ? decoder.decode(event.data) : String.fromCharCode(...event.data);
  return JSON.parse(text).quantity;
}

const handlers = {
  "custom.bench.empty"() {},
  "custom.bench.field"(event) {
    touched = quantity(event);
  },
  "custom.bench.send"(event) {
    const data = Uint8Array.from(String(quantity(event)), (character) => character.charCodeAt(0));
    send({ type: "bench.sent", data, distributed: false, extensions: [] });
  },
};

export const listener = {
  describe() {
    const listeners = Object.keys(handlers).map((pattern) => ({
      name: pattern,
      filter: { pattern, localOnly: false },
      delivery: { tag: "live" },
    }));
    return { version: "0.1.0", listeners };
  },

  handle(event) {
    handlers[event.type](event);
  },
};
