import assert from "node:assert/strict";
import { test } from "node:test";

import { Client } from "../index.js";
import { FakeNode, LISTEN, PUBLISH, message, pair, shown, told } from "./fake.js";

const TIME = { timeout: 20_000 };

test("what is listened to together shares one stream, and each gets its own", TIME, async (t) => {
  const { node, client } = await pair(t, { key: "hrk_a" });
  const carts = told(client, "custom.cart.*");
  const orders = told(client, "custom.order.{paid,sent}");
  const stream = (await node.next(LISTEN)).stream();
  assert.equal(stream.query.type, "{custom.cart.*,custom.order.paid,custom.order.sent}");
  assert.equal(stream.headers.authorization, "Bearer hrk_a");
  assert.equal(stream.headers.accept, "text/event-stream");
  stream.event(shown("custom.cart.added", { data: { n: 1 }, subject: "tea", colour: "red" }));
  stream.event(shown("custom.order.sent", { data_base64: "AQID", datacontenttype: "application/octet-stream" }));
  stream.event(shown("custom.order.lost"));
  stream.event(shown("custom.order.paid", { data: "text", datacontenttype: "text/plain" }));
  const added = await carts.next();
  assert.deepEqual(added.data, { n: 1 });
  assert.equal(added.text(), '{"n":1}');
  assert.equal(added.subject, "tea");
  assert.deepEqual(added.extensions, { colour: "red" });
  const sent = await orders.next();
  assert.deepEqual([...sent.data], [1, 2, 3]);
  const paid = await orders.next();
  assert.equal(paid.type, "custom.order.paid");
  assert.equal(paid.text(), "text");
  assert.deepEqual(carts.come, []);
  assert.deepEqual(node.unseen, []);
});

test("ready is told once all that is listened to is, and again after a break", TIME, async (t) => {
  const { node, client, errors } = await pair(t);
  const ready = told(client, "ready");
  client.on("custom.a", () => {});
  const first = (await node.next(LISTEN)).stream();
  await ready.next();
  assert.ok(client.isReady);
  await client.once("ready");
  first.cut();
  (await node.next(LISTEN)).stream();
  await ready.next();
  assert.equal(errors.length, 1);
  assert.equal(errors[0].code, "connection");
  assert.equal(typeof errors[0].retryIn, "number");
});

test("a client that only publishes is ready when the node knows it", TIME, async (t) => {
  const { node, client, errors } = await pair(t);
  const ready = client.once("ready");
  (await node.next("GET /v1/whoami")).problem(503, "starting");
  (await node.next("GET /v1/whoami")).json(200, { principal: "key:a" });
  await ready;
  assert.deepEqual(errors.map(({ code }) => code), ["starting"]);
});

test("who listens to more loses nothing, and gets nothing twice", TIME, async (t) => {
  const { node, client } = await pair(t);
  const heard = [];
  client.on("custom.a", ({ data }) => heard.push(data));
  const first = (await node.next(LISTEN)).stream();
  await client.once("ready");
  const events = [0, 1, 2, 3, 4].map((data) => shown("custom.a", { data }));
  const more = told(client, "custom.b");
  const second = await node.next(LISTEN);
  assert.equal(second.query.type, "{custom.a,custom.b}");
  // The new stream has begun to hear before the old one has brought what came before.
  first.event(events[0]);
  first.event(events[1]);
  second.stream();
  second.event(events[1]);
  second.event(shown("custom.b", { data: "b" }));
  second.event(events[2]);
  // What it alone is listened to for waits for nothing.
  assert.equal((await more.next()).data, "b");
  first.event(events[2]);
  second.event(events[3]);
  await first.gone;
  second.event(events[4]);
  second.event(shown("custom.b"));
  await more.next();
  assert.deepEqual(heard, [0, 1, 2, 3, 4]);
});

test("a stream that takes over and breaks leaves the one before in its place", TIME, async (t) => {
  const { node, client } = await pair(t);
  const heard = told(client, "custom.a");
  const first = (await node.next(LISTEN)).stream();
  await client.once("ready");
  client.on("custom.b", () => {});
  (await node.next(LISTEN)).problem(503, "overloaded");
  (await node.next(LISTEN)).cut();
  first.event(shown("custom.a", { data: 1 }));
  assert.equal((await heard.next()).data, 1);
  (await node.next(LISTEN)).stream();
  await first.gone;
});

test("who listens to less has the stream of the others, and at last none", TIME, async (t) => {
  const { node, client } = await pair(t);
  const other = () => {};
  client.on("custom.a", other);
  client.on("custom.b", other);
  (await node.next(LISTEN)).stream();
  await client.once("ready");
  client.off("custom.b", other);
  const second = (await node.next(LISTEN)).stream();
  assert.equal(second.query.type, "custom.a");
  client.off("custom.a", other);
  await second.gone;
});

test("a stream that is cut amid a line is opened again, and what was cut is not handed over", TIME, async (t) => {
  const { node, client } = await pair(t);
  const heard = told(client, "custom.a");
  const whole = message(shown("custom.a", { data: "lost" }));
  for (const length of [whole.length - 1, whole.length - 2, 40]) {
    const stream = (await node.next(LISTEN)).stream();
    stream.event(shown("custom.a", { data: "before" }));
    assert.equal((await heard.next()).data, "before");
    stream.write(whole.slice(0, length));
    stream.cut();
  }
  (await node.next(LISTEN)).stream().event(shown("custom.a", { data: "after" }));
  assert.equal((await heard.next()).data, "after");
});

test("a stream that comes byte by byte is heard", TIME, async (t) => {
  const { node, client } = await pair(t);
  const heard = told(client, "custom.a");
  const stream = (await node.next(LISTEN)).stream();
  for (const byte of Buffer.from(message(shown("custom.a", { data: "ä€😀" })))) {
    stream.response.write(Buffer.from([byte]));
    await new Promise((resolve) => setImmediate(resolve));
  }
  assert.equal((await heard.next()).data, "ä€😀");
});

test("an event of 8 MiB is heard", TIME, async (t) => {
  const { node, client } = await pair(t);
  const heard = told(client, "custom.a");
  const data = "x".repeat(8 << 20);
  (await node.next(LISTEN)).stream().event(shown("custom.a", { data }));
  assert.equal((await heard.next()).data, data);
});

test("a message without an end is given up", TIME, async (t) => {
  const { node, client, errors } = await pair(t);
  client.on("custom.a", () => {});
  const stream = (await node.next(LISTEN)).stream();
  const refused = client.once("error");
  const piece = `${"x".repeat(1 << 20)}\n`;
  for (let written = 0; written < 40 && !stream.response.destroyed; written += 1) {
    if (!stream.response.write(`data: ${piece}`)) {
      await Promise.race([new Promise((resolve) => stream.response.once("drain", resolve)), stream.gone]);
    }
  }
  assert.equal((await refused).code, "too-large");
  assert.equal(errors.length, 1);
});

test("a stream that says nothing is opened again", TIME, async (t) => {
  const { node, client, errors } = await pair(t, { silence: 30 });
  const heard = told(client, "custom.a");
  const silent = (await node.next(LISTEN)).stream();
  await silent.gone;
  (await node.next(LISTEN)).stream().event(shown("custom.a"));
  await heard.next();
  assert.match(errors[0].message, /nothing has come for 30 ms/);
});

test("a node that does not answer is asked again", TIME, async (t) => {
  const { node, client, errors } = await pair(t, { timeout: 30 });
  client.on("custom.a", () => {});
  await (await node.next(LISTEN)).gone;
  await (await node.next(LISTEN)).gone;
  assert.equal(errors[0].code, "timeout");
});

test("what the node says to wait is waited", TIME, async (t) => {
  const { node, client, errors } = await pair(t);
  client.on("custom.a", () => {});
  (await node.next(LISTEN)).problem(429, "over-budget", {}, { "retry-after": "1" });
  const refused = performance.now();
  (await node.next(LISTEN)).stream();
  // Timers may be a little early.
  assert.ok(performance.now() - refused > 980);
  assert.equal(errors[0].status, 429);
  assert.ok(errors[0].retryIn >= 1000);
});

test("a key that is refused is told, and not tried again", TIME, async (t) => {
  const { node, client, errors } = await pair(t, { key: async () => "hrk_b" });
  client.on("custom.a", () => {});
  const asked = await node.next(LISTEN);
  assert.equal(asked.headers.authorization, "Bearer hrk_b");
  const refused = client.once("error");
  asked.problem(401, "unauthorized");
  const error = await refused;
  assert.equal(error.name, "ProblemError");
  assert.equal(error.status, 401);
  assert.equal(error.code, "unauthorized");
  assert.equal(error.pattern, "custom.a");
  assert.equal(error.message, "unauthorized: as the test says");
  assert.equal(error.temporary, false);
  assert.equal(client.listenerCount("custom.a"), 0);
  const sent = client.emit("b");
  (await node.next(PUBLISH)).json(202, { id: "1", time: "" });
  await sent;
  assert.equal(errors.length, 1);
  assert.deepEqual(node.unseen, []);
});

test("of several patterns the one that may not be listened to is told", TIME, async (t) => {
  const { node, client, errors } = await pair(t);
  const heard = told(client, "custom.a");
  client.on("custom.b", () => {});
  const secret = told(client, "error");
  client.on("plugin.*", () => {});
  (await node.next(LISTEN)).problem(403, "forbidden", { right: "listen plugin.*" });
  for (let probe = 0; probe < 3; probe += 1) {
    const asked = await node.next(LISTEN);
    if (asked.query.type === "plugin.*") asked.problem(403, "forbidden", { right: "listen plugin.*" });
    else asked.stream();
  }
  const error = await secret.next();
  assert.equal(error.pattern, "plugin.*");
  assert.equal(error.problem.right, "listen plugin.*");
  let stream = await node.next(LISTEN);
  assert.equal(stream.query.type, "{custom.a,custom.b}");
  stream.stream().event(shown("custom.a", { data: 1 }));
  assert.equal((await heard.next()).data, 1);
  assert.equal(errors.length, 1);
});

test("an overflow is told, and the stream opened again", TIME, async (t) => {
  const { node, client, errors } = await pair(t);
  client.on("custom.a", () => {});
  const overflow = client.once("overflow");
  (await node.next(LISTEN)).stream().write('event: overflow\ndata: {"dropped":7}\n\n');
  assert.equal((await overflow).dropped, 7);
  (await node.next(LISTEN)).stream();
  assert.equal(errors[0].code, "overflow");
});

test("what a handler throws is told, and the others are called", TIME, async (t) => {
  const { node, client, errors } = await pair(t);
  client.on("custom.a", () => { throw new Error("broken"); });
  client.on("custom.a", async () => { throw new Error("broken later"); });
  const heard = told(client, "custom.a");
  (await node.next(LISTEN)).stream().event(shown("custom.a"));
  await heard.next();
  await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(errors.map(({ cause }) => cause.message), ["broken", "broken later"]);
  assert.equal(errors[0].code, "handler");
  assert.equal(errors[0].event.type, "custom.a");
});

test("once is the next event with that subject", TIME, async (t) => {
  const { node, client } = await pair(t);
  const answer = client.once("custom.stock.ordered", "tea", { timeout: "10s" });
  const sent = client.emit("stock.low", { subject: "tea" });
  const stream = await node.next(LISTEN);
  assert.deepEqual(stream.query, { type: "custom.stock.ordered", subject: "tea" });
  // What is published may bring it at once, so it is not before somebody listens.
  assert.deepEqual(node.unseen, []);
  stream.stream();
  (await node.next(PUBLISH)).json(202, { id: "1", time: "" });
  await sent;
  stream.event(shown("custom.stock.ordered", { subject: "coffee" }));
  stream.event(shown("custom.stock.ordered", { subject: "tea", data: 1 }));
  assert.equal((await answer).data, 1);
  await stream.gone;
});

test("once uses a stream that there is", TIME, async (t) => {
  const { node, client } = await pair(t);
  client.on("custom.*", () => {});
  const stream = (await node.next(LISTEN)).stream();
  await client.once("ready");
  const answer = client.once("custom.a", "s");
  stream.event(shown("custom.a"));
  stream.event(shown("custom.a", { subject: "s", data: 2 }));
  assert.equal((await answer).data, 2);
  assert.deepEqual(node.unseen, []);
});

test("once ends when its time is over, it is aborted, or the client is closed", TIME, async (t) => {
  const { node, client } = await pair(t);
  await assert.rejects(client.once("custom.a", { timeout: 5 }), { name: "TimeoutError", code: "timeout" });
  const controller = new AbortController();
  const aborted = client.once("custom.b", undefined, { signal: controller.signal });
  const stream = (await node.next(LISTEN)).stream();
  controller.abort(new Error("enough"));
  await assert.rejects(aborted, { message: "enough" });
  const closed = client.once("custom.c", undefined);
  await client.close();
  await assert.rejects(closed, { name: "ClosedError" });
  await stream.gone;
  await assert.rejects(client.once("custom.a"), { name: "ClosedError" });
  await assert.rejects(client.emit("a"), { name: "ClosedError" });
  assert.throws(() => client.on("custom.a", () => {}), { name: "ClosedError" });
});

test("events are gone through until that ends", TIME, async (t) => {
  const { node, client } = await pair(t);
  const events = client.events("custom.a", { subject: "s", localOnly: true });
  const stream = await node.next(LISTEN);
  assert.deepEqual(stream.query, { type: "custom.a", subject: "s", local_only: "true" });
  stream.stream();
  const all = [];
  for (const data of [1, 2, 3]) stream.event(shown("custom.a", { subject: "s", data }));
  for await (const { data } of events) {
    all.push(data);
    if (data === 3) break;
  }
  assert.deepEqual(all, [1, 2, 3]);
  await stream.gone;
  const others = client.events("custom.b");
  const next = others.next();
  await client.close();
  assert.deepEqual(await next, { done: true, value: undefined });
});

test("several may wait for the next events at once", TIME, async (t) => {
  const { node, client } = await pair(t);
  const events = client.events("custom.a");
  const waiting = [events.next(), events.next(), events.next()];
  const stream = await node.next(LISTEN);
  stream.stream();
  for (const data of [1, 2]) stream.event(shown("custom.a", { data }));
  assert.deepEqual((await Promise.all(waiting.slice(0, 2))).map(({ value }) => value.data), [1, 2]);
  await events.return();
  assert.equal((await waiting[2]).done, true);
});

test("who goes through events too slowly is told how many are missing", TIME, async (t) => {
  const { node, client } = await pair(t);
  const events = client.events("custom.a", { limit: 2 });
  const all = told(client, "custom.*");
  const streams = [await node.next(LISTEN), ];
  for (const stream of streams) {
    assert.equal(stream.query.type, "custom.*");
    stream.stream();
    for (const data of [1, 2, 3, 4, 5]) stream.event(shown("custom.a", { data }));
  }
  for (let heard = 0; heard < 5; heard += 1) await all.next();
  assert.equal((await events.next()).value.data, 1);
  assert.equal((await events.next()).value.data, 2);
  await assert.rejects(events.next(), { name: "OverflowError", dropped: 3 });
  assert.equal((await events.next()).done, true);
});

test("close ends all, also what waits to be tried again", TIME, async (t) => {
  const { node, client } = await pair(t, { retry: { min: 100_000, max: 100_000 } });
  client.on("custom.a", () => {});
  (await node.next(LISTEN)).problem(503, "starting");
  await client.once("error");
  const sent = assert.rejects(client.emit("a", { channel: "orders" }), (error) => ["closed", "starting"].includes(error.code));
  (await node.next(PUBLISH)).problem(503, "starting");
  const closed = told(client, "close");
  await client.close();
  await closed.next();
  await sent;
});

test("an aborted signal closes the client", TIME, async (t) => {
  const node = await FakeNode.start(t);
  const controller = new AbortController();
  const client = new Client(node.url, { signal: controller.signal });
  client.on("custom.a", () => {});
  const stream = (await node.next(LISTEN)).stream();
  controller.abort();
  await stream.gone;
  assert.ok(client.closed);
});

test("what cannot be right is refused where it is written", TIME, async (t) => {
  const { client } = await pair(t);
  assert.throws(() => new Client("ftp://a"), TypeError);
  assert.throws(() => new Client("http://a?b=c"), TypeError);
  assert.throws(() => new Client("http://a", { tokn: "x" }), /no option `tokn`/);
  assert.throws(() => client.on("custom.{a", () => {}), /brace/);
  assert.throws(() => client.on("custom.a"), TypeError);
  await assert.rejects(client.emit("a", { subjekt: "b" }), /no option `subjekt`/);
  await assert.rejects(client.emit(""), TypeError);
  assert.throws(() => client.channel(""), TypeError);
  assert.throws(() => client.channel("a", { from: "late" }), TypeError);
});
