// Run with `npm test`: the package finds itself by its name.
import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";

import { wait } from "hearken";
import { deliver, deliverFromChannel, event, host, listeners } from "hearken/testing";
import "./restock.js";

beforeEach(() => host.reset());

test("a plugin says what it listens to", () => {
  const [restock, book] = listeners();
  assert.deepEqual([restock.name, restock.patterns, restock.localOnly], ["restock", ["custom.cart.{added,changed}"], true]);
  assert.deepEqual([book.name, book.channel], ["book", "orders"]);
});

test("what it sends and keeps can be looked at", async () => {
  host.config = { limit: "5" };
  host.answer(event("custom.stock.ordered", { subject: "tea", data: 20 }));
  await deliver(event("custom.cart.added", { subject: "tea", data: { quantity: 6 } }));
  assert.deepEqual(host.sent.map(({ type, subject, data }) => [type, subject, data]), [["custom.stock.low", "tea", 6]]);
  assert.equal(host.buckets.orders.tea, 20);
  await deliver(event("custom.cart.added", { data: { quantity: 6 }, localorigin: false }));
  await deliver(event("custom.cart.removed", { data: { quantity: 6 } }));
  assert.equal(host.sent.length, 1);
});

test("what it waits for in vain is an error", async () => {
  host.config = { limit: "5" };
  await assert.rejects(deliver(event("custom.cart.changed", { data: { quantity: 6 } })), { name: "TimeoutError" });
});

test("what it appends for an event of a channel is stored once", async () => {
  host.channels = { booked: [] };
  const order = event("custom.order.placed", { channel: "orders", sequence: 7, data: { total: 3 } });
  await deliverFromChannel(order);
  await deliverFromChannel(order);
  assert.deepEqual(host.channels.booked.map(({ sequence, data }) => [sequence, data]), [[1, { total: 3 }]]);
  await assert.rejects(deliverFromChannel(event("custom.order.placed", { channel: "orders", sequence: 8 })), { rejects: true });
});

test("a listener hears all channels of a namespace of sessions", async () => {
  for (const channel of ["chat:1", "other:1", undefined, "chat:2"]) await deliver(event("custom.said", { channel }));
  assert.deepEqual(host.sent.map(({ data }) => data), ["chat:1", "chat:2"]);
});

test("a wait hears all channels of a namespace of sessions", async () => {
  for (const channel of ["other:1", "chat:1"]) host.answer(event("custom.said", { channel }));
  assert.equal((await wait("custom.said", { channel: "chat:*" })).channel, "chat:1");
});
