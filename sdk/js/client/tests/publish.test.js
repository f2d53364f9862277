import assert from "node:assert/strict";
import { test } from "node:test";

import { PUBLISH, pair } from "./fake.js";

const TIME = { timeout: 20_000 };
const STORED = { id: "1", time: "", channel: "orders", sequence: 1, epoch: "00000000000000aa" };

test("an event is published as it was given", TIME, async (t) => {
  const { node, client } = await pair(t, { key: "hrk_a", source: "/shop" });
  const sent = client.emit("cart.added", { subject: "tea", data: { n: 1 }, distributed: true, id: "x" });
  const asked = await node.next(PUBLISH);
  assert.equal(asked.headers["content-type"], "application/json");
  assert.equal(asked.headers.authorization, "Bearer hrk_a");
  assert.deepEqual(asked.body, { type: "cart.added", id: "x", source: "/shop", subject: "tea", distributed: true, data: { n: 1 } });
  asked.json(202, { id: "x", time: "now" });
  assert.deepEqual(await sent, { id: "x", time: "now" });
});

test("what the shorthand cannot say is a CloudEvent", TIME, async (t) => {
  const { node, client } = await pair(t);
  const sent = client.emit("a", { data: new Uint8Array([1, 2, 3]), time: new Date(0), extensions: { colour: "red" } });
  const asked = await node.next(PUBLISH);
  assert.equal(asked.headers["content-type"], "application/cloudevents+json");
  const { id, ...rest } = asked.body;
  assert.match(id, /^[0-9a-f]{32}$/);
  assert.deepEqual(rest, {
    specversion: "1.0", source: "/clients/javascript", type: "a", time: "1970-01-01T00:00:00.000Z",
    datacontenttype: "application/octet-stream", data_base64: "AQID", colour: "red",
  });
  asked.json(202, { id, time: "" });
  await sent;
});

test("what goes to a channel is sent again with the same id until it is known to be there", TIME, async (t) => {
  const { node, client } = await pair(t);
  const sent = client.emit("a", { channel: "orders", data: 1, expect: 0 });
  const ids = [];
  for (const answer of [
    (asked) => asked.cut(),
    (asked) => asked.problem(503, "outcome-unknown"),
    (asked) => asked.problem(503, "node-away"),
    (asked) => asked.problem(429, "over-budget"),
    (asked) => asked.json(200, { ...STORED, duplicate: true }),
  ]) {
    const asked = await node.next(PUBLISH);
    assert.equal(asked.headers["if-match"], '"0"');
    ids.push(asked.body.id);
    answer(asked);
  }
  assert.deepEqual(await sent, { ...STORED, duplicate: true });
  assert.equal(new Set(ids).size, 1);
  assert.match(ids[0], /^[0-9a-f]{32}$/);
});

test("a hung request to a channel leaves time for another", TIME, async (t) => {
  const { node, client } = await pair(t);
  const sent = client.emit("a", { channel: "orders", timeout: "3s" });
  const hung = await node.next(PUBLISH);
  await hung.gone;
  const again = await node.next(PUBLISH);
  assert.equal(again.body.id, hung.body.id);
  again.json(201, STORED);
  assert.equal((await sent).sequence, 1);
});

test("the time of one begins when it is its turn", TIME, async (t) => {
  const { node, client } = await pair(t);
  const now = Date.now;
  let passed = 0;
  t.mock.method(Date, "now", () => now() + passed);
  const first = client.emit("a", { channel: "orders" });
  const second = client.emit("b", { channel: "orders", timeout: "10s" });
  const asked = await node.next(PUBLISH);
  passed = 20_000;
  asked.json(201, STORED);
  await first;
  (await node.next(PUBLISH)).json(201, { ...STORED, sequence: 2 });
  assert.equal((await second).sequence, 2);
  assert.deepEqual(node.unseen, []);
});

test("what goes to none is sent again only if it cannot have been published", TIME, async (t) => {
  const { node, client } = await pair(t);
  const first = client.emit("a");
  (await node.next(PUBLISH)).problem(503, "starting");
  (await node.next(PUBLISH)).problem(429, "over-budget");
  (await node.next(PUBLISH)).cut();
  await assert.rejects(first, { code: "connection", unknown: true });
  assert.deepEqual(node.unseen, []);
});

test("what the node refuses is told as it says it", TIME, async (t) => {
  const { node, client } = await pair(t);
  const sent = client.emit("a", { channel: "orders", expect: 2 });
  (await node.next(PUBLISH)).problem(412, "conflict", { last: 3 });
  await assert.rejects(sent, { name: "ProblemError", status: 412, code: "conflict", last: 3, temporary: false, unknown: false });
  const failed = client.emit("a", { channel: "orders" });
  (await node.next(PUBLISH)).problem(503, "storage-failed");
  await assert.rejects(failed, { code: "storage-failed" });
  const proxied = client.emit("a");
  const asked = await node.next(PUBLISH);
  asked.response.writeHead(404, { "content-type": "text/html" }).end("<h1>no</h1>");
  await assert.rejects(proxied, { status: 404, code: "http-404", problem: {} });
});

test("events are published in the order in which they were emitted", TIME, async (t) => {
  const { node, client } = await pair(t);
  const sent = Promise.all([client.emit("a", { data: 1 }), client.emit("a", { data: 2 }), client.emit("b", { channel: "orders" })]);
  const first = await node.next(PUBLISH);
  const other = await node.next(PUBLISH);
  // One to a channel waits for none that goes elsewhere.
  const [live, kept] = first.body.channel ? [other, first] : [first, other];
  assert.equal(live.body.data, 1);
  kept.json(201, STORED);
  live.problem(503, "starting");
  const again = await node.next(PUBLISH);
  assert.equal(again.body.data, 1);
  assert.deepEqual(node.unseen, []);
  again.json(202, { id: "1", time: "" });
  const second = await node.next(PUBLISH);
  assert.equal(second.body.data, 2);
  second.json(202, { id: "2", time: "" });
  assert.deepEqual((await sent).map(({ id }) => id), ["1", "2", "1"]);
});

test("several are published together", TIME, async (t) => {
  const { node, client } = await pair(t, { source: "/shop" });
  assert.deepEqual(await client.emitAll([]), []);
  const sent = client.channel("orders").append([{ type: "a", data: 1 }, { type: "b", id: "mine" }], { expect: 4 });
  const asked = await node.next(PUBLISH);
  assert.equal(asked.headers["content-type"], "application/cloudevents-batch+json");
  assert.equal(asked.headers["if-match"], '"4"');
  const [a, b] = asked.body;
  assert.match(a.id, /^[0-9a-f]{32}$/);
  assert.deepEqual(a, { specversion: "1.0", id: a.id, source: "/shop", type: "a", data: 1, channel: "orders" });
  assert.equal(b.id, "mine");
  asked.json(201, [STORED, STORED]);
  assert.equal((await sent).length, 2);
});

test("a request ends when its time is over, or it is aborted", TIME, async (t) => {
  const { node, client } = await pair(t);
  const late = assert.rejects(client.emit("a", { timeout: 200 }), { name: "TimeoutError", unknown: true });
  const hung = await node.next(PUBLISH);
  await late;
  await hung.gone;
  const controller = new AbortController();
  const aborted = client.emit("a", { signal: controller.signal });
  const asked = await node.next(PUBLISH);
  controller.abort(new Error("enough"));
  await assert.rejects(aborted, { message: "enough" });
  await asked.gone;
});

test("a key is asked for each time, and may fail", TIME, async (t) => {
  const keys = [new Error("the keys are away"), "first\n", "second"];
  const key = () => {
    const given = keys.shift();
    if (given instanceof Error) throw given;
    return given;
  };
  const { node, client } = await pair(t, { key });
  for (const expected of ["Bearer first", "Bearer second"]) {
    const sent = client.emit("a");
    const asked = await node.next(PUBLISH);
    assert.equal(asked.headers.authorization, expected);
    asked.json(202, { id: "1", time: "" });
    await sent;
  }
  const { client: other } = await pair(t, { key: "a\r\nx-other: b" });
  await assert.rejects(other.emit("a"), { code: "bad-key" });
});

test("a key that never comes is waited for no longer than for an answer", TIME, async (t) => {
  let gives = false;
  const key = () => (gives ? "hrk_a" : new Promise(() => {}));
  const { node, client } = await pair(t, { key });
  const late = client.emit("a", { timeout: 50 });
  await assert.rejects(late, ({ code, unknown }) => code === "no-key" && !unknown);
  const controller = new AbortController();
  const aborted = client.emit("b", { signal: controller.signal });
  controller.abort(new Error("enough"));
  await assert.rejects(aborted, { message: "enough" });
  gives = true;
  const sent = client.emit("c");
  (await node.next(PUBLISH)).json(202, { id: "1", time: "" });
  await sent;
  gives = false;
  const closed = client.emit("d");
  client.close();
  await assert.rejects(closed, { code: "closed" });
});

test("nobody there is told", TIME, async (t) => {
  const { node, client } = await pair(t);
  const { port } = node.server.address();
  node.server.close();
  node.server.closeAllConnections();
  // What is under way when its time is over has not been refused yet.
  await assert.rejects(client.emit("a", { timeout: 20 }), ({ code }) => ["connection", "timeout"].includes(code));
  // What cannot have been sent is sent when there is somebody.
  const refused = new Promise((resolve) => { client.on("error", resolve); });
  client.on("custom.a", () => {});
  const sent = client.emit("a");
  const error = await refused;
  assert.equal(error.name, "ConnectionError");
  assert.equal(error.unknown, false);
  await new Promise((resolve) => { node.server.listen(port, "127.0.0.1", resolve); });
  (await node.next(PUBLISH)).json(202, { id: "1", time: "" });
  assert.equal((await sent).id, "1");
});
