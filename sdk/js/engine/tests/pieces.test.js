// What of the web's globals is written in JavaScript, beside what Node has of them.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

// Which the engine has, and Node only since 20; none of these texts needs it.
String.prototype.toWellFormed ??= function () {
  return String(this);
};

const encoder = new TextEncoder();
/** What the engine offers to pieces, by Node's means. */
const native = {
  encode: (text) => encoder.encode(text),
  decode(bytes, fatal) {
    try {
      return [new TextDecoder("utf-8", { fatal, ignoreBOM: true }).decode(bytes), 0];
    } catch {
      return [null, 0];
    }
  },
  quietly: (call, milliseconds) => setTimeout(call, milliseconds).unref(),
};

const piece = (name) => (0, eval)(readFileSync(new URL(`../src/web/${name}.js`, import.meta.url), "utf8"));
const ours = piece("url")(native);

function parts(Class, url, base) {
  try {
    const { href, origin, protocol, username, password, host, hostname, port, pathname, search, hash } = new Class(url, base);
    return { href, origin, protocol, username, password, host, hostname, port, pathname, search, hash };
  } catch (error) {
    assert.ok(error instanceof TypeError, error.stack);
    return "refused";
  }
}

const URLS = [
  ["https://example.com"],
  ["https://example.com/a/b/../c/./d?x=1&y=2#z"],
  ["HTTP://EXAMPLE.com:80/"],
  ["https://user:pa%20ss@host:8443/p?q"],
  ["/a/b", "https://x.org/c/d"],
  ["../x", "https://x.org/a/b/c"],
  ["?q", "https://x.org/a?b#c"],
  ["#f", "https://x.org/a?b#c"],
  ["", "https://x.org/a?b#c"],
  ["//other/p", "https://x.org/a"],
  ["x", "mailto:a@b"],
  ["mailto:a@b.c"],
  ["data:text/plain,hi there"],
  ["https://[::1]:3000/x"],
  ["file:///a/b"],
  ["https://x.org/ü/€?ä=ö#ß"],
  ["https://x.org/a b?c d#e f"],
  ["  https://x.org/  "],
  ["https:\\\\x.org\\a"],
  ["http:x.org"],
  ["https:///x.org/a"],
  ["https://x.org:99999/"],
  ["http://x.org:080/"],
  ["nope"],
  ["https://"],
  ["https://a b/"],
  ["https://ex%41mple.com/"],
  ["https://x.org/%2e%2e/y"],
  ["https://x.org/a/.."],
  ["https://x.org/'\"<>`{}|^?'\"<>`{}|^#'\"<>`{}|^"],
  ["ws://x:80/"],
  ["foo://bar/baz"],
  ["foo:/bar"],
  ["https://x/\ta\nb"],
];

test("URLs are what they are elsewhere", () => {
  for (const [url, base] of URLS) {
    assert.deepEqual(parts(ours.URL, url, base), parts(URL, url, base), `${url} at ${base}`);
  }
});

test("changes of a URL are what they are elsewhere", () => {
  const changed = (Class) => {
    const url = new Class("https://x.org/a?b=1");
    url.searchParams.append("c", "d e");
    url.searchParams.set("b", "ä");
    url.hash = "x y";
    url.pathname = "q/ü";
    url.port = "8080";
    url.host = "y.org:9";
    return url.href;
  };
  assert.equal(changed(ours.URL), changed(URL));
});

test("queries are what they are elsewhere", () => {
  for (const query of ["a=1&b=2", "?a=%20b+c&d", "a=%C3%A4&b=%zz&c=%", "x=ä ö&y=%F0%9F%A6%80", "==a&&b==", ""]) {
    const [a, b] = [new ours.URLSearchParams(query), new URLSearchParams(query)];
    assert.deepEqual([...a], [...b], query);
    assert.equal(a.toString(), b.toString(), query);
  }
});

test("copies are whole, and of nothing that cannot be copied", () => {
  const { structuredClone } = piece("clone")(native);
  const value = { list: [1, , 3], date: new Date(5), map: new Map([["k", new Set([1])]]), error: new RangeError("x") };
  value.bytes = new Uint8Array([1, 2, 3]).subarray(1);
  value.self = value;
  const copy = structuredClone(value);
  assert.equal(copy.self, copy);
  assert.notEqual(copy.map, value.map);
  assert.deepEqual(copy.bytes, value.bytes);
  assert.deepEqual([copy.list.length, copy.date.getTime(), copy.map.get("k").has(1)], [3, 5, true]);
  assert.ok(copy.error instanceof RangeError);
  assert.throws(() => structuredClone({ call() {} }), { name: "DataCloneError" });
});

test("whoever listens to a signal hears of its end once", () => {
  const { AbortController, AbortSignal } = piece("abort")(native);
  const controller = new AbortController();
  let heard = 0;
  controller.signal.addEventListener("abort", () => (heard += 1));
  const any = AbortSignal.any([new AbortController().signal, controller.signal]);
  controller.abort();
  controller.abort();
  assert.deepEqual([heard, any.aborted, any.reason.name], [1, true, "AbortError"]);
});

test("what is logged reads as its author wrote it", () => {
  const format = piece("inspect");
  const circular = { a: [1, { "b-c": "x" }], m: new Map([[1, "y"]]), u: undefined };
  circular.self = circular;
  assert.equal(
    format(["got", circular, 10n]),
    'got { a: [ 1, { "b-c": "x" } ], m: Map(1) { 1 => "y" }, u: undefined, self: [Circular] } 10n',
  );
  assert.equal(format(["%s is %d%% %j", "a", 5, { a: 1 }, "rest"]), 'a is 5% {"a":1} rest');
});

test("fetch follows redirects, and sends no more than it may", async () => {
  globalThis.URL = ours.URL;
  globalThis.URLSearchParams = ours.URLSearchParams;
  const sent = [];
  const answers = {
    "/from": [302, [["location", "https://other.org/to?x"]], 1],
    "/to?x": [200, [["content-type", "text/plain"], ["a", "1"], ["a", "2"]], 2],
  };
  const send = (...request) => {
    sent.push(request);
    return [Promise.resolve(answers[request[3]]), sent.length];
  };
  const chunks = [encoder.encode("ye"), encoder.encode("s"), null];
  const read = () => [Promise.resolve(chunks.shift()), 0];
  const { fetch } = piece("fetch")({ ...native, send, read, check() {}, close() {}, cancel() {} });
  const headers = { Authorization: "secret", "Content-Type": "application/json" };
  const answer = await fetch("https://x.org/from", { method: "POST", body: "{}", headers });
  assert.deepEqual([answer.status, answer.url, answer.redirected], [200, "https://other.org/to?x", true]);
  assert.deepEqual([answer.headers.get("A"), await answer.text(), answer.bodyUsed], ["1, 2", "yes", true]);
  const [first, second] = sent.map(([method, , host, , fields]) => [method, host, fields]);
  assert.deepEqual(first, ["POST", "x.org", [["authorization", "secret"], ["content-type", "application/json"]]]);
  assert.deepEqual(second, ["GET", "other.org", []]);
  await assert.rejects(fetch("ftp://x.org/"), /http and https/);
  await assert.rejects(fetch("https://x.org/", { body: "x" }), /GET has no body/);
});

test("fetch gives up what is aborted, its body too, and an answer without one has none", async () => {
  globalThis.URL = ours.URL;
  const ended = { cancelled: [], closed: [] };
  const answers = { "/slow": [200, [], 1], "/empty": [204, [], 2] };
  const fake = {
    ...native,
    send: (...request) => [Promise.resolve(answers[request[3]]), 10],
    read: () => [new Promise(() => {}), 11],
    check() {},
    close: (number) => ended.closed.push(number),
    cancel: (number) => ended.cancelled.push(number),
  };
  const { fetch } = piece("fetch")(fake);
  const controller = new AbortController();
  const answer = await fetch("https://x.org/slow", { signal: controller.signal });
  const text = assert.rejects(answer.text(), { name: "AbortError" });
  controller.abort();
  await text;
  assert.deepEqual(ended, { cancelled: [11], closed: [1] });
  const empty = await fetch("https://x.org/empty");
  assert.deepEqual([empty.body, await empty.text()], [null, ""]);
  assert.deepEqual(ended.closed, [1, 2]);
});

test("whatever is logged is shown, and none of it is called", () => {
  const format = piece("inspect");
  const evil = new Proxy({}, { get() { throw 1; }, ownKeys() { throw 2; }, getPrototypeOf() { throw 3; } });
  const hidden = { get a() { throw 1; }, set b(to) {}, get c() { return 1; }, set c(to) {}, d: evil };
  assert.equal(format([hidden]), "{ a: [Getter], b: [Setter], c: [Getter/Setter], d: [cannot be shown] }");
  const error = Object.defineProperty(new Error("x"), "message", { get() { throw 1; } });
  assert.equal(format([error, evil]), "[cannot be shown] [cannot be shown]");
  assert.match(format([new Array(1e6).fill(1)]), /… 999900 more \]$/);
  assert.match(format([new Set(Array.from({ length: 500 }, (_, n) => n))]), /… 400 more \}$/);
});
