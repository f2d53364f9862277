// What the client library for JavaScript does with a node: `node client.mjs WHAT URL KEY`.

import assert from "node:assert/strict";
import { writeSync } from "node:fs";

import { Client } from "../../../sdk/js/client/index.js";

const [what, url, key] = process.argv.slice(2);

const EVENTS = 400;

const CHECKS = {
  async "what is emitted is heard, with its attributes"(client) {
    const heard = client.once("custom.cart.added", "tea", { timeout: "30s" });
    const { id } = await client.emit("cart.added", { subject: "tea", data: { n: 1.5 }, extensions: { colour: "red" } });
    const event = await heard;
    assert.equal(event.id, id);
    assert.deepEqual(event.data, { n: 1.5 });
    assert.equal(event.extensions.colour, "red");
    assert.equal(event.source, "/clients/javascript");
    const bytes = client.once("custom.raw", { timeout: "30s" });
    await client.emit("raw", { data: new Uint8Array([0, 255, 128]) });
    assert.deepEqual([...(await bytes).data], [0, 255, 128]);
  },

  async "events come in order, also while more is listened to"(client) {
    const heard = [];
    const done = new Promise((resolve) => {
      client.on("custom.flow", ({ data }) => {
        heard.push(data);
        if (data === 299) resolve();
      });
    });
    await client.once("ready");
    const sent = Array.from({ length: 300 }, (_, data) => client.emit("flow", { data }));
    for (let at = 0; at < 300; at += 50) {
      client.on(`custom.more${at}`, () => {});
      await sent[at];
    }
    await Promise.all(sent);
    await done;
    assert.deepEqual(heard, Array.from({ length: 300 }, (_, at) => at));
    client.removeAllListeners();
  },

  async "what may not be listened to is told, and the rest goes on"(client) {
    const heard = new Promise((resolve) => { client.on("custom.allowed", resolve); });
    const refused = new Promise((resolve) => { client.on("error", resolve); });
    client.on("plugin.*", () => {});
    const error = await refused;
    assert.equal(error.status, 403);
    assert.equal(error.pattern, "plugin.*");
    await client.emit("allowed");
    await heard;
    client.removeAllListeners();
    await assert.rejects(client.emit("plugin.started", { channel: "none" }), { status: 404, code: "no-channel" });
  },

  async "a wrong key is refused"() {
    const stranger = new Client(url, { key: `${key}x` });
    await assert.rejects(stranger.emit("a"), { status: 401 });
    const error = new Promise((resolve) => { stranger.on("error", resolve); });
    stranger.on("custom.a", () => {});
    assert.equal((await error).status, 401);
    await stranger.close();
  },

  async "a channel takes what is expected, once, alone and together"(client) {
    const orders = client.channel("orders");
    const { last } = await orders.latest(1);
    const first = await orders.append("order.paid", { id: "paid-1", data: 1, expect: last });
    assert.equal(first.sequence, last + 1);
    const again = await orders.append("order.paid", { id: "paid-1", data: 1 });
    assert.equal(again.sequence, first.sequence);
    assert.equal(again.duplicate, true);
    await assert.rejects(orders.append("order.paid", { expect: last }), { status: 412, code: "conflict", last: last + 1 });
    const batch = await orders.append([{ type: "order.sent" }, { type: "order.sent", subject: "s" }], { expect: last + 1 });
    assert.deepEqual(batch.map(({ sequence }) => sequence), [last + 2, last + 3]);
    const page = await orders.read({ after: last, type: "custom.order.*" });
    assert.deepEqual(page.events.map(({ sequence }) => sequence), [last + 1, last + 2, last + 3]);
    assert.equal((await orders.event(first.sequence)).data, 1);
  },

  async "events that are not kept any more are a gap"(client) {
    const short = client.channel("short", { from: "first" });
    await short.append(Array.from({ length: 10 }, (_, data) => ({ type: "n", data })));
    const gap = short.once("gap");
    const heard = short.once("custom.n");
    assert.equal((await gap).first, 1);
    assert.equal((await heard).sequence, (await gap).last + 1);
  },

  async "a position outlives the client"(client) {
    await client.channel("orders").append("step", { data: 1 });
    await client.channel("orders").append("step", { data: 2 });
    for (const expected of [1, 2]) {
      const other = new Client(url, { key });
      const steps = other.channel("orders", { client: "steps", limit: 1 });
      const event = await new Promise((resolve) => {
        steps.on("custom.step", (event) => {
          steps.removeAllListeners("custom.step");
          resolve(event);
        });
      });
      await steps.once("drain");
      assert.equal(event.data, expected);
      await other.close();
    }
  },

  async "the node knows who it is"(client) {
    assert.equal((await client.whoami()).principal, "key:app");
  },
};

async function checks() {
  for (const [name, check] of Object.entries(CHECKS)) {
    const client = new Client(url, { key });
    await check(client);
    await client.close();
    console.log(`ok: javascript: ${name}`);
  }
}

/** Appends and reads while the node is killed. */
async function survive() {
  const client = new Client(url, { key, timeout: "120s", retry: { max: "500ms" } });
  client.on("error", () => {});
  const heard = { worker: [], follower: [], iterated: [] };
  const ends = Object.keys(heard).map((name) => {
    const channel = client.channel("orders", { client: name === "follower" ? undefined : name, from: "first", limit: 7 });
    channel.on("error", () => {});
    if (name === "iterated") {
      return (async () => {
        for await (const { data } of channel.events({ type: "custom.counted" })) {
          heard[name].push(data);
          if (data === EVENTS) return;
        }
      })();
    }
    return new Promise((resolve) => {
      channel.on("custom.counted", ({ data }) => { heard[name].push(data); });
      channel.on("cycle", () => { if (heard[name].at(-1) === EVENTS) resolve(); });
    });
  });
  const orders = client.channel("orders");
  for (let number = 1; number <= EVENTS; number += 1) {
    await orders.append("counted", { data: number });
    if (number % 50 === 0) console.log(`stored ${number}`);
  }
  await Promise.all(ends);
  await client.close();
  for (const [name, numbers] of Object.entries(heard)) console.log(`${name}: ${JSON.stringify(numbers)}`);
}

/** Reads, says what it has handled, and may be killed meanwhile. */
async function mortal() {
  const client = new Client(url, { key });
  for await (const { data } of client.channel("orders", { client: "mortal", limit: 20 }).events({ type: "custom.counted" })) {
    // As a write to a file, which is there when it returns.
    writeSync(1, `${data}\n`);
    if (data === EVENTS) break;
  }
  await client.close();
}

/** Of a node whose authority is known. */
async function tls() {
  const client = new Client(url, { key });
  const heard = client.once("custom.a", { timeout: "30s" });
  const data = "x".repeat(700_000);
  await client.emit("a", { data });
  assert.equal((await heard).data, data);
  await client.close();
  console.log("ok: javascript: it talks over TLS");
}

/** Of a node whose authority is not known. */
async function distrust() {
  const client = new Client(url, { key });
  await assert.rejects(client.emit("a"), { code: "certificate", temporary: false });
  const error = new Promise((resolve) => { client.on("error", resolve); });
  client.on("custom.a", () => {});
  assert.equal((await error).code, "certificate");
  await client.close();
  console.log("ok: javascript: a certificate of strangers is told");
}

await { checks, survive, mortal, tls, distrust }[what]();
