'use strict';
// A page of an application with the client library `centrifuge`, bundled as applications do that,
// which lies elsewhere than the node.

const assert = require('node:assert/strict');
const application = require('../harness/application');
const { inSeconds, token } = require('../centrifuge/tokens');
const proxies = require('../harness/proxy');
const site = require('./site');

const TRANSPORTS = ['websocket', 'http_stream', 'sse'];

/** Numbers up to one, from one on. */
const numbers = (from, to) => Array.from({ length: to - from + 1 }, (_, at) => from + at);

/** A node behind a proxy, a site, and people who open its page. */
class Stage {
  constructor(browser, site, port, proxy) {
    Object.assign(this, { browser, site, port, proxy, errors: [] });
  }

  endpoint(transport) {
    const scheme = transport === 'websocket' ? 'ws' : 'http';
    return { transport, endpoint: `${scheme}://127.0.0.1:${this.proxy.port}/connection/${transport}` };
  }

  /** Somebody who opens the page, and connects over the first of these that works. */
  async user(name, transports, host = '127.0.0.1') {
    const context = await this.browser.newContext();
    const page = await context.newPage();
    page.on('pageerror', (error) => this.errors.push(`${name}: ${error.stack}`));
    await page.goto(`http://${host}:${this.site.port}/`);
    const endpoints = transports.map((transport) => this.endpoint(transport));
    const options = {
      emulationEndpoint: `http://127.0.0.1:${this.proxy.port}/emulation`,
      token: token({ sub: name, exp: inSeconds(3600) }),
    };
    await page.evaluate(([of, how]) => window.application.connect(of, how), [endpoints, options]);
    return new User(page);
  }

  /** Publishes events by HTTP, past the proxy. */
  async publish(channel, count) {
    for (const n of count) {
      const answer = await fetch(`http://127.0.0.1:${this.port}/v1/events`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ type: 'said', channel, data: { n } }),
      });
      assert.ok(answer.ok, await answer.text());
    }
  }
}

/** Somebody's page. */
class User {
  constructor(page) {
    this.page = page;
  }

  /** Has the page do something. */
  do(method, ...given) {
    return this.page.evaluate(([name, all]) => window.application[name](...all), [method, given]);
  }

  /** What the client or a subscription has told by this name, once that is so much. */
  async told(who, name, count = 1) {
    const enough = ([whose, what, many]) => {
      const all = window.application.told[whose][what];
      return all.length >= many && all;
    };
    const all = await this.page.waitForFunction(enough, [who, name, count]);
    return all.jsonValue();
  }

  async subscribe(channel, options) {
    await this.do('subscribe', channel, options);
    return (await this.told(channel, 'subscribed'))[0];
  }

  leave() {
    return this.page.context().close();
  }
}

/** Of each transport. */
const CHECKS = {
  async 'two users talk, and see each other'(stage, transport) {
    const channel = `chat:hall-${transport}`;
    const [ada, bob] = [await stage.user('ada', [transport]), await stage.user('bob', [transport])];
    for (const user of [ada, bob])
      assert.equal((await user.told('client', 'connected'))[0].transport, transport);
    await ada.subscribe(channel, { joinLeave: true });
    await bob.subscribe(channel);
    const [joined] = (await ada.told(channel, 'join', 2)).filter(({ info }) => info.user === 'bob');
    assert.ok(joined, 'ada is told of bob');
    assert.deepEqual(await ada.do('presence', channel), ['ada', 'bob']);
    await ada.do('publish', channel, { text: 'hi ✓ 👋' });
    const [{ data, info }] = await bob.told(channel, 'publication');
    assert.deepEqual(data, { text: 'hi ✓ 👋' });
    assert.equal(info.user, 'ada');
    await bob.leave();
    await ada.told(channel, 'leave');
    assert.deepEqual(await ada.do('presence', channel), ['ada']);
    await ada.leave();
  },

  async 'whoever was cut off gets what was missed, once and in order'(stage, transport) {
    const channel = `chat:cut-${transport}`;
    const ada = await stage.user('ada', [transport]);
    await ada.subscribe(channel, { recoverable: true });
    await stage.publish(channel, numbers(1, 3));
    await ada.told(channel, 'publication', 3);
    stage.proxy.cut();
    await ada.told('client', 'connecting', 2);
    await stage.publish(channel, numbers(4, 20));
    stage.proxy.mend();
    const [, again] = await ada.told(channel, 'subscribed', 2);
    assert.deepEqual([again.wasRecovering, again.recovered], [true, true]);
    await stage.publish(channel, numbers(21, 22));
    const all = await ada.told(channel, 'publication', 22);
    assert.deepEqual(all.map(({ data }) => data.n), numbers(1, 22));
    assert.deepEqual(all.map(({ offset }) => offset), numbers(1, 22));
    await ada.leave();
  },

  async 'a page of an origin that is not allowed gets no session'(stage, transport) {
    const mallory = await stage.user('mallory', [transport], 'localhost');
    await mallory.told('client', 'error', 2);
    assert.equal(await mallory.page.evaluate(() => window.application.told.client.connected.length), 0);
    await mallory.leave();
  },
};

/** Of all transports together. */
async function fallsBack(stage) {
  stage.proxy.cuts = (first) => first.startsWith('GET /connection/websocket');
  const ada = await stage.user('ada', TRANSPORTS);
  const [{ transport }] = await ada.told('client', 'connected');
  assert.equal(transport, 'http_stream');
  await ada.subscribe('chat:blocked');
  await ada.do('publish', 'chat:blocked', { n: 1 });
  await ada.told('chat:blocked', 'publication');
  await ada.leave();
  stage.proxy.mend();
}

/** Runs a check, which no page may end with an error. */
async function passes(stage, what, check) {
  await check();
  assert.deepEqual(stage.errors, [], what);
  console.log(`ok: ${what}`);
}

/** Runs them all with a node; returns how many there were. */
async function against(port, browser, pages) {
  const proxy = await proxies.start(port);
  const stage = new Stage(browser, pages, port, proxy);
  try {
    for (const transport of TRANSPORTS)
      for (const [what, check] of Object.entries(CHECKS))
        await passes(stage, `library: ${transport}: ${what}`, () => check(stage, transport));
    await passes(stage, 'library: where no WebSocket gets through it takes another transport', () => fallsBack(stage));
  } finally {
    proxy.close();
  }
  return TRANSPORTS.length * Object.keys(CHECKS).length + 1;
}

/** Runs them all; returns how many there were. */
async function all(program, browser, esbuild) {
  const pages = await site.serve(esbuild);
  const settings = { HEARKEN_ACCESS_ALLOWED_ORIGINS: `http://127.0.0.1:${pages.port}` };
  try {
    return await application.check(program, ([port]) => against(Number(port), browser, pages), settings);
  } finally {
    pages.close();
  }
}

module.exports = { all };
