import assert from "node:assert/strict";
import { once } from "node:events";
import { test } from "node:test";

import { Client } from "../index.js";
import { FakeNode, LISTEN } from "./fake.js";

/** A client to whose errors nobody listens, and what is written on the console. */
async function alone(t) {
  const node = await FakeNode.start(t);
  const client = new Client(node.url, { retry: { min: 1, max: 5 } });
  t.after(() => client.close());
  const warned = t.mock.method(console, "warn", () => {});
  return { node, client, warned };
}

test("what passes is warned of where nobody listens to errors", { timeout: 20_000 }, async (t) => {
  const { node, client, warned } = await alone(t);
  client.on("custom.a", () => {});
  (await node.next(LISTEN)).problem(503, "starting");
  (await node.next(LISTEN)).stream();
  await client.once("ready");
  assert.match(warned.mock.calls[0].arguments[0], /^hearken: starting: as the test says(; trying again in \d ms)?$/);
});

test("what stays is thrown where nobody listens to errors", { timeout: 20_000 }, async (t) => {
  const { node, client, warned } = await alone(t);
  // What is thrown where nobody catches it would end the test as it would the program.
  const listeners = process.listeners("uncaughtException");
  process.removeAllListeners("uncaughtException");
  t.after(() => listeners.forEach((listener) => process.on("uncaughtException", listener)));
  const thrown = once(process, "uncaughtException");
  client.on("custom.a", () => {});
  (await node.next(LISTEN)).problem(403, "forbidden");
  const [error] = await thrown;
  assert.equal(error.code, "forbidden");
  assert.equal(warned.mock.callCount(), 0);
});
