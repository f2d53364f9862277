// A node that answers what a test says, when it says so.

import { once } from "node:events";
import http from "node:http";

import { Client } from "../index.js";

/** What was asked, and how it is answered. */
class Exchange {
  constructor(request, response, body) {
    this.request = request;
    this.response = response;
    this.url = new URL(request.url, "http://fake");
    this.query = Object.fromEntries(this.url.searchParams);
    this.headers = request.headers;
    this.text = body;
    /** When whoever asked is gone. */
    this.gone = once(response, "close");
  }

  get body() {
    return JSON.parse(this.text);
  }

  json(status, value, headers = {}) {
    this.response.writeHead(status, { "content-type": "application/json", ...headers }).end(JSON.stringify(value));
  }

  problem(status, code, more = {}, headers = {}) {
    const problem = { type: `urn:hearken:problem:${code}`, title: code, status, detail: "as the test says", ...more };
    this.response.writeHead(status, { "content-type": "application/problem+json", ...headers }).end(JSON.stringify(problem));
  }

  /** Answers with a stream. */
  stream() {
    this.response.writeHead(200, { "content-type": "text/event-stream" });
    this.response.write("retry: 1000\n: listening\n\n");
    return this;
  }

  write(text) {
    this.response.write(text);
  }

  event(json, id = json.id) {
    this.write(message(json, id));
  }

  /** Breaks the connection. */
  cut() {
    this.response.destroy();
  }
}

export function message(json, id = json.id) {
  return `id: ${id}\nevent: ${json.type}\ndata: ${JSON.stringify(json)}\n\n`;
}

let made = 0;

/** An event as a node shows it. */
export function shown(type, more = {}) {
  made += 1;
  const time = "2026-11-21T16:34:22.102Z";
  return {
    specversion: "1.0", id: `e-${made}`, source: "/tests", type, time, recordedtime: time,
    datacontenttype: "application/json", distributed: false, origin: "fake", localorigin: true, ...more,
  };
}

/** An event of the channel `orders`. */
export function stored(sequence, type = "custom.a", more = {}) {
  return shown(type, { id: `o-${sequence}`, channel: "orders", sequence, ...more });
}

export const EPOCH = "00000000000000aa";

/** A page of the channel `orders`. */
export function page(events, { next = events.at(-1)?.sequence ?? 0, last = next, ...more } = {}) {
  return { channel: "orders", epoch: EPOCH, events, next, last, ...more };
}

/** A fake node. */
export class FakeNode {
  #waiting = [];
  #come = [];
  asked = 0;

  /** Starts one, which ends with the test. */
  static async start(t) {
    const node = new FakeNode();
    node.server = http.createServer((request, response) => {
      let body = "";
      request.setEncoding("utf8").on("data", (text) => { body += text; });
      request.on("end", () => node.#come1(new Exchange(request, response, body)));
      response.on("error", () => {});
    });
    node.server.listen(0, "127.0.0.1");
    await once(node.server, "listening");
    node.url = `http://127.0.0.1:${node.server.address().port}`;
    t.after(() => {
      node.server.close();
      node.server.closeAllConnections();
    });
    return node;
  }

  #come1(exchange) {
    this.asked += 1;
    const wanted = this.#waiting.findIndex(({ what }) => fits(exchange, what));
    if (wanted < 0) this.#come.push(exchange);
    else this.#waiting.splice(wanted, 1)[0].resolve(exchange);
  }

  /** The next request of this method and path. */
  next(what) {
    const there = this.#come.findIndex((exchange) => fits(exchange, what));
    if (there >= 0) return Promise.resolve(this.#come.splice(there, 1)[0]);
    return new Promise((resolve) => this.#waiting.push({ what, resolve }));
  }

  /** Requests that no test has looked at. */
  get unseen() {
    return this.#come.map(({ request }) => `${request.method} ${request.url}`);
  }
}

function fits({ request, url }, what) {
  return `${request.method} ${url.pathname}` === what;
}

export const LISTEN = "GET /v1/events";
export const PUBLISH = "POST /v1/events";
export const READ = "GET /v1/channels/orders/events";
export const LATEST = "GET /v1/channels/orders/latest";
export const CURSOR = "GET /v1/channels/orders/cursors/worker";
export const KEEP = "PUT /v1/channels/orders/cursors/worker";

/** A node and a client of it, which ends with the test. Errors that pass are kept. */
export async function pair(t, options = {}) {
  const node = await FakeNode.start(t);
  const client = new Client(node.url, { retry: { min: 1, max: 5 }, ...options });
  t.after(() => client.close());
  const errors = [];
  client.on("error", (error) => errors.push(error));
  return { node, client, errors };
}

/** What a channel tells under a name, one after the other. */
export function told(emitter, name) {
  const come = [];
  const waiting = [];
  emitter.on(name, (what) => {
    if (waiting.length > 0) waiting.shift()(what);
    else come.push(what);
  });
  const next = () => (come.length > 0 ? Promise.resolve(come.shift()) : new Promise((resolve) => waiting.push(resolve)));
  return { next, come };
}
