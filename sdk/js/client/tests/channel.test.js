import assert from "node:assert/strict";
import { test } from "node:test";

import { CURSOR, EPOCH, KEEP, LATEST, READ, message, page, pair, stored, told } from "./fake.js";

const TIME = { timeout: 20_000 };
const at = (number) => `${EPOCH}-${number}`;

/** The request for a page is answered, after that for the position, if there is one. */
async function begin(node, after) {
  const asked = await node.next(CURSOR);
  if (after === undefined) asked.problem(404, "no-cursor");
  else asked.json(200, { client: "worker", after, epoch: EPOCH });
}

test("a page is handed over, told as cycle, and acknowledged by asking for the next", TIME, async (t) => {
  const { node, client } = await pair(t);
  const orders = client.channel("orders", { client: "worker", limit: 10 });
  const steps = [];
  orders.on("cycle", ({ after, next, events }) => steps.push(["cycle", after, next, events]));
  orders.on("custom.a", async ({ sequence }) => {
    await new Promise((resolve) => setImmediate(resolve));
    steps.push(sequence);
  });
  await begin(node);
  const first = await node.next(READ);
  assert.deepEqual(first.query, { limit: "10", client: "worker", type: "custom.a" });
  first.json(200, page([stored(1), stored(2)], { last: 3 }));
  const second = await node.next(READ);
  assert.deepEqual(steps, [1, 2, ["cycle", undefined, at(2), 2]]);
  assert.deepEqual(second.query, { limit: "10", client: "worker", type: "custom.a", after: at(2), wait: "30s" });
  second.json(200, page([stored(3)]));
  const third = await node.next(READ);
  assert.equal(third.query.after, at(3));
  assert.deepEqual(steps.slice(3), [3, ["cycle", at(2), at(3), 1]]);
});

test("it goes on where the node says that the client is", TIME, async (t) => {
  const { node, client } = await pair(t);
  client.channel("orders", { client: "worker", from: "new" }).on("*", () => {});
  await begin(node, 41);
  assert.equal((await node.next(READ)).query.after, at(41));
});

test("drain is told when nobody listens and no request is under way", TIME, async (t) => {
  const { node, client } = await pair(t);
  const orders = client.channel("orders", { client: "worker" });
  const drain = told(orders, "drain");
  const heard = told(orders, "custom.a");
  await begin(node);
  (await node.next(READ)).json(200, page([stored(1)]));
  await heard.next();
  const waits = await node.next(READ);
  orders.removeAllListeners("custom.a");
  await waits.gone;
  // Whether the node has got the position with what was given up is not known.
  const keep = await node.next(KEEP);
  assert.deepEqual(keep.body, { after: at(1) });
  assert.deepEqual(drain.come, []);
  keep.json(200, {});
  assert.deepEqual(await drain.next(), { channel: "orders" });
  assert.deepEqual(node.unseen, []);
  // Whoever listens again goes on there.
  const again = told(orders, "custom.b");
  const asked = await node.next(READ);
  assert.deepEqual(asked.query, { client: "worker", type: "custom.b", after: at(1) });
  asked.json(200, page([stored(2, "custom.b")]));
  await again.next();
});

test("who stops in a cycle has nothing asked for any more, and the position kept", TIME, async (t) => {
  const { node, client } = await pair(t);
  const orders = client.channel("orders", { client: "worker" });
  const drain = told(orders, "drain");
  orders.on("cycle", () => orders.removeAllListeners("*"));
  orders.on("*", () => {});
  await begin(node);
  (await node.next(READ)).json(200, page([stored(1), stored(2)]));
  const keep = await node.next(KEEP);
  assert.deepEqual(keep.body, { after: at(2) });
  assert.deepEqual(drain.come, []);
  keep.json(200, {});
  await drain.next();
  assert.deepEqual(node.unseen, []);
});

test("close keeps what was handled, and not what is being handled", TIME, async (t) => {
  const { node, client } = await pair(t);
  const orders = client.channel("orders", { client: "worker" });
  let begun;
  const second = new Promise((resolve) => { begun = resolve; });
  orders.on("*", ({ sequence }) => {
    if (sequence < 2) return undefined;
    begun();
    return new Promise(() => {});
  });
  await begin(node);
  (await node.next(READ)).json(200, page([stored(1), stored(2), stored(3)]));
  await second;
  const closing = client.close();
  const keep = await node.next(KEEP);
  assert.deepEqual(keep.body, { after: at(1) });
  keep.json(200, {});
  await closing;
});

test("an event whose handler fails is handed to that again, and those behind it wait", TIME, async (t) => {
  const { node, client } = await pair(t);
  const orders = client.channel("orders", { client: "worker" });
  const errors = told(orders, "error");
  const calls = [];
  orders.on("*", ({ sequence }) => { calls.push(`a${sequence}`); });
  let failures = 2;
  orders.on("*", async ({ sequence }) => {
    calls.push(`b${sequence}`);
    if (failures-- > 0) throw new Error("busy");
  });
  await begin(node);
  (await node.next(READ)).json(200, page([stored(1), stored(2)]));
  await node.next(READ);
  assert.deepEqual(calls, ["a1", "b1", "b1", "b1", "a2", "b2"]);
  const error = await errors.next();
  assert.equal(error.code, "handler");
  assert.equal(error.cause.message, "busy");
  assert.equal(error.event.sequence, 1);
  assert.equal(typeof error.retryIn, "number");
});

test("reading goes on behind what was handled when the connection breaks", TIME, async (t) => {
  const { node, client } = await pair(t);
  const orders = client.channel("orders", { client: "worker" });
  const errors = told(orders, "error");
  const heard = told(orders, "*");
  await begin(node, 0);
  (await node.next(READ)).json(200, page([stored(1)]));
  assert.equal((await heard.next()).sequence, 1);
  (await node.next(READ)).cut();
  (await node.next(READ)).problem(503, "node-away");
  const cut = await node.next(READ);
  cut.response.writeHead(200, { "content-type": "application/json" });
  cut.write(JSON.stringify(page([stored(2)])).slice(0, 100));
  cut.cut();
  const asked = await node.next(READ);
  assert.equal(asked.query.after, at(1));
  asked.json(200, page([stored(2)]));
  assert.equal((await heard.next()).sequence, 2);
  assert.deepEqual([(await errors.next()).code, (await errors.next()).code, (await errors.next()).code], ["connection", "node-away", "connection"]);
  assert.deepEqual(heard.come, []);
});

test("gaps and damaged events are told, and reading goes on behind them", TIME, async (t) => {
  const { node, client } = await pair(t);
  const orders = client.channel("orders", { client: "worker" });
  const gap = told(orders, "gap");
  const damaged = told(orders, "damaged");
  const heard = told(orders, "*");
  await begin(node, 1);
  (await node.next(READ)).json(200, page([stored(5)], { gap: { first: 2, last: 4 } }));
  assert.deepEqual(await gap.next(), { first: 2, last: 4 });
  await heard.next();
  (await node.next(READ)).problem(409, "damaged", { damaged: { first: 6, last: 8 } });
  assert.deepEqual(await damaged.next(), { first: 6, last: 8 });
  assert.equal((await node.next(READ)).query.after, at(8));
});

test("without a client it is a stream, resumed behind what was handled", TIME, async (t) => {
  const { node, client } = await pair(t, { key: "hrk_a" });
  const orders = client.channel("orders");
  const ready = told(orders, "ready");
  const gap = told(orders, "gap");
  const damaged = told(orders, "damaged");
  const cycle = told(orders, "cycle");
  const heard = told(orders, "custom.a");
  const latest = await node.next(LATEST);
  latest.json(200, page([stored(7)]));
  const first = (await node.next(READ)).stream();
  assert.equal(first.headers["last-event-id"], at(7));
  assert.equal(first.headers.authorization, "Bearer hrk_a");
  assert.deepEqual(first.query, { type: "custom.a" });
  await ready.next();
  first.event(stored(8), at(8));
  assert.equal((await heard.next()).sequence, 8);
  assert.deepEqual(await cycle.next(), { channel: "orders", after: at(7), next: at(8), last: undefined, events: 1 });
  first.write('event: gap\ndata: {"first":9,"last":10}\n\nevent: damaged\ndata: {"first":11,"last":11}\n\n');
  assert.deepEqual(await gap.next(), { first: 9, last: 10 });
  assert.deepEqual(await damaged.next(), { first: 11, last: 11 });
  // Nothing passed the filter, which is told so that it is not looked at again.
  first.write(`id: ${at(15)}\n\n`);
  await cycle.next();
  await cycle.next();
  first.write(message(stored(16), at(16)).slice(0, -1));
  first.cut();
  const second = (await node.next(READ)).stream();
  assert.equal(second.headers["last-event-id"], at(15));
  second.event(stored(16), at(16));
  assert.equal((await heard.next()).sequence, 16);
  assert.deepEqual(heard.come, []);
});

test("a channel is another with other options", TIME, async (t) => {
  const { client } = await pair(t);
  const orders = client.channel("orders", { from: "first" });
  assert.equal(client.channel("orders", { from: "first" }), orders);
  assert.notEqual(client.channel("orders"), orders);
  await orders.close();
  assert.notEqual(client.channel("orders", { from: "first" }), orders);
});

test("it begins where it is told to", TIME, async (t) => {
  const { node, client } = await pair(t);
  client.channel("orders", { from: "first" }).on("*", () => {});
  assert.deepEqual((await node.next(READ)).query, { after: "0" });
  const { node: other, client: second } = await pair(t);
  second.channel("orders", { from: 41 }).on("*", () => {});
  assert.deepEqual((await other.next(READ)).query, { after: "41" });
  const { node: third, client: since } = await pair(t);
  since.channel("orders", { client: "worker", from: new Date(0) }).on("*", () => {});
  await begin(third);
  const asked = await third.next(READ);
  assert.deepEqual(asked.query, { since: "1970-01-01T00:00:00.000Z", limit: "1" });
  asked.json(200, page([stored(5)]));
  assert.equal((await third.next(READ)).query.after, at(4));
});

test("a handler that is slow has the stream wait", TIME, async (t) => {
  const { node, client } = await pair(t);
  const orders = client.channel("orders", { from: "first" });
  const events = orders.events();
  const first = events.next();
  const stream = (await node.next(READ)).stream();
  for (let number = 1; number <= 3; number += 1) stream.event(stored(number), at(number));
  assert.equal((await first).value.sequence, 1);
  assert.equal((await events.next()).value.sequence, 2);
  await events.return();
  await stream.gone;
});

test("going through a channel keeps what was handled", TIME, async (t) => {
  const { node, client } = await pair(t);
  const orders = client.channel("orders", { client: "worker" });
  const all = [];
  const going = (async () => {
    for await (const { sequence } of orders) {
      all.push(sequence);
      if (sequence === 3) break;
    }
  })();
  await begin(node);
  (await node.next(READ)).json(200, page([stored(1), stored(2)]));
  const second = await node.next(READ);
  assert.equal(second.query.after, at(2));
  second.json(200, page([stored(3), stored(4)]));
  await going;
  // The third was being handled, and the node has the second.
  assert.deepEqual(all, [1, 2, 3]);
  assert.deepEqual(node.unseen, []);
});

test("who listens to more types goes on with both", TIME, async (t) => {
  const { node, client } = await pair(t);
  const orders = client.channel("orders", { client: "worker" });
  const heard = told(orders, "custom.a");
  await begin(node);
  (await node.next(READ)).json(200, page([stored(1)]));
  await heard.next();
  const waits = await node.next(READ);
  const more = told(orders, "custom.b");
  await waits.gone;
  const asked = await node.next(READ);
  assert.equal(asked.query.type, "{custom.a,custom.b}");
  assert.equal(asked.query.after, at(1));
  asked.json(200, page([stored(2), stored(3, "custom.b")]));
  assert.equal((await heard.next()).sequence, 2);
  assert.equal((await more.next()).sequence, 3);
});

test("what stays is told, and nothing is asked for any more", TIME, async (t) => {
  const { node, client } = await pair(t);
  const orders = client.channel("orders", { client: "worker" });
  const errors = told(orders, "error");
  const drain = told(orders, "drain");
  orders.on("custom.a", () => {});
  orders.on("custom.b", () => {});
  (await node.next(CURSOR)).problem(404, "no-channel");
  assert.equal((await errors.next()).code, "no-channel");
  await drain.next();
  assert.deepEqual(orders.eventNames(), ["error", "drain"]);
  const others = client.channel("orders", { from: 3 });
  const failed = told(others, "error");
  others.on("*", () => {});
  (await node.next(READ)).stream().write('event: removed\ndata: {"reason":"the channel was removed"}\n\n');
  const error = await failed.next();
  assert.equal(error.code, "removed");
  assert.equal(error.message, "the channel was removed");
  const iterated = client.channel("orders", { from: 4 }).events().next();
  (await node.next(READ)).problem(409, "another-log", { epoch: EPOCH });
  await assert.rejects(iterated, { status: 409, code: "another-log" });
  assert.deepEqual(drain.come, []);
  assert.deepEqual(node.unseen, []);
});

test("an error to which nobody listens on a channel is told by the client", TIME, async (t) => {
  const { node, client, errors } = await pair(t);
  client.channel("orders", { client: "worker" }).on("*", () => {});
  const failed = client.once("error");
  (await node.next(CURSOR)).problem(503, "node-away");
  assert.equal((await failed).channel, "orders");
  assert.deepEqual(errors.map(({ code }) => code), ["node-away"]);
});

test("what is awaited of a channel ends with it", TIME, async (t) => {
  const { node, client } = await pair(t);
  const orders = client.channel("orders", { client: "worker" });
  orders.on("error", () => {});
  const refused = orders.once("*");
  (await node.next(CURSOR)).problem(403, "foreign-cursor");
  await assert.rejects(refused, { code: "foreign-cursor" });
  const closed = orders.once("gap");
  await client.close();
  await assert.rejects(closed, { code: "closed" });
});

test("pages, events and positions can be asked for", TIME, async (t) => {
  const { node, client } = await pair(t);
  const orders = client.channel("orders", { client: "worker" });
  const read = orders.read({ after: at(1), limit: 2, type: "custom.a", subject: "s" });
  const asked = await node.next(READ);
  assert.deepEqual(asked.query, { after: at(1), limit: "2", type: "custom.a", subject: "s" });
  asked.json(200, page([stored(2, "custom.a", { data: 5 })], { last: 9 }));
  const got = await read;
  assert.equal(got.events[0].data, 5);
  assert.equal(got.next, at(2));
  assert.equal(got.last, 9);
  const position = orders.position();
  (await node.next(CURSOR)).problem(404, "no-cursor");
  assert.equal(await position, undefined);
  const moved = orders.seek(7);
  const keep = await node.next(KEEP);
  assert.deepEqual(keep.body, { after: 7 });
  keep.json(201, { after: 7 });
  assert.equal((await moved).after, 7);
  await assert.rejects(orders.read({ after: -1 }), TypeError);
  await assert.rejects(client.channel("orders").position(), /without the name of a client/);
});
