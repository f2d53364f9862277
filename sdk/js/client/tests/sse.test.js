import assert from "node:assert/strict";
import { test } from "node:test";

import { Backoff } from "../backoff.js";
import { bundles } from "../patterns.js";
import { Parser } from "../sse.js";

const STREAM = "\uFEFF: hello\r\nid: 1\r\nevent: a\r\ndata: x\r\ndata:y\r\ndata\r\n\r\nid: 2\n\n:\n\nretry: 5\ndata: z\rid: 3\r\revent: b\n\ndata:  two\n\ndata: never";
const MESSAGES = [
  { id: "1", event: "a", data: "x\ny\n" },
  { id: "2", event: "", data: undefined },
  { id: "3", event: "message", data: "z" },
  { id: "3", event: "message", data: " two" },
];

test("messages are the same however a stream is cut", () => {
  for (let first = 0; first <= STREAM.length; first += 1) {
    for (let second = first; second <= STREAM.length; second += 1) {
      const parser = new Parser();
      const pieces = [STREAM.slice(0, first), STREAM.slice(first, second), STREAM.slice(second)];
      const messages = pieces.flatMap((piece) => parser.push(piece));
      assert.deepEqual(messages, MESSAGES, `${first}, ${second}`);
    }
  }
});

test("what a message may have is bounded, over lines too", () => {
  const parser = new Parser(10);
  parser.push("data: 123\n\ndata: 123\n\n");
  assert.throws(() => { for (;;) parser.push("data: 1\n"); }, { code: "too-large" });
  assert.throws(() => new Parser(10).push("x".repeat(11)), { code: "too-large" });
});

test("patterns become as few as a node takes", () => {
  const types = (patterns) => bundles(patterns).map(({ type }) => type);
  assert.deepEqual(types(["custom.a"]), ["custom.a"]);
  assert.deepEqual(types(["custom.b", "custom.a", "custom.a"]), ["{custom.a,custom.b}"]);
  assert.deepEqual(types(["custom.a", "custom.*"]), ["custom.*"]);
  assert.deepEqual(types(["custom.a", "*"]), ["*"]);
  assert.deepEqual(types(["{a,b}.{c,d}", "e"]), ["{a.c,a.d,b.c,b.d,e}"]);
  const many = Array.from({ length: 100 }, (_, at) => `custom.t${at}`);
  assert.deepEqual(bundles(many).flatMap(({ patterns }) => patterns).sort(), many.sort());
  for (const { type } of bundles(many)) assert.ok(type.length <= 1024 && type.split(",").length <= 64);
  assert.equal(bundles(many).length, 2);
});

test("pauses grow to a bound, and are random below it", () => {
  const backoff = new Backoff({ min: 100, max: 1000, random: () => 1 });
  assert.deepEqual([1, 2, 3, 4, 5, 6].map(() => backoff.next()), [100, 200, 400, 800, 1000, 1000]);
  assert.equal(backoff.next(5000), 6000);
  backoff.reset();
  assert.equal(backoff.next(), 100);
  assert.equal(new Backoff({ min: 100, random: () => 0.25 }).next(), 25);
});
