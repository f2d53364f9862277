'use strict';
// A page with the client library of this repository, as a browser loads modules, which lies
// elsewhere than the node and shows its key.

const assert = require('node:assert/strict');
const fs = require('node:fs');
const http = require('node:http');
const path = require('node:path');
const proxies = require('../harness/proxy');
const { Stage } = require('../hearken-client/stage');

const SDK = path.join(__dirname, '..', '..', '..', 'sdk', 'js');

const PAGE = `<!doctype html><meta charset="utf-8"><title>Application</title><script type="module">
import { Client } from '/client/index.js';
window.Client = Client;
</script>`;

/** Serves the page and the modules of the library; returns the server, which listens. */
async function serve() {
  const server = http.createServer((request, response) => {
    const file = path.join(SDK, path.normalize(request.url));
    if (request.url === '/')
      response.writeHead(200, { 'content-type': 'text/html' }).end(PAGE);
    else if (file.endsWith('.js') && fs.existsSync(file))
      response.writeHead(200, { 'content-type': 'text/javascript' }).end(fs.readFileSync(file));
    else
      response.writeHead(404).end();
  });
  await new Promise((resolve, reject) => {
    server.once('error', reject).listen(0, '127.0.0.1', resolve);
  });
  return server;
}

/** What runs in the page. */
const CHECKS = {
  'it publishes and listens': async ({ url, key }) => {
    const client = new window.Client(url, { key });
    const heard = [];
    // Over a stream of its own, which may be behind that of the answer.
    const both = new Promise((resolve) => {
      client.on('custom.cart.*', ({ data }) => {
        if (heard.push(data) === 2) resolve();
      });
    });
    const answer = client.once('custom.answer', 'tea', { timeout: '30s' });
    await client.emit('cart.added', { data: 1 });
    await client.emit('cart.added', { data: new Uint8Array([1, 255]) });
    await client.emit('answer', { subject: 'tea', data: 'yes' });
    const { data } = await answer;
    await both;
    await client.close();
    return [data, heard[0], [...heard[1]]];
  },

  'it is told why it is refused': async ({ url, key }) => {
    const client = new window.Client(url, { key: `${key}x` });
    return client.emit('a').then(() => 'taken', ({ status, problem }) => [status, problem.status]);
  },

  'it reads a channel, by position and as a stream, across a break': async ({ url, key }) => {
    const client = new window.Client(url, { key, retry: { min: 10, max: 100 } });
    client.on('error', () => {});
    const heard = { page: [], worker: [] };
    window.heard = heard;
    const done = Object.entries(heard).map(([name, all]) => new Promise((resolve) => {
      const channel = client.channel('orders', { client: name === 'worker' ? name : undefined, from: 'first' });
      channel.on('error', () => {});
      channel.on('custom.n', ({ data }) => {
        all.push(data);
        if (all.length === 20) resolve();
      });
    }));
    for (let data = 1; data <= 20; data += 1)
      await client.channel('orders').append('n', { data });
    await Promise.all(done);
    await client.close();
    return heard;
  },
};

const NUMBERS = Array.from({ length: 20 }, (_, at) => at + 1);

const ANSWERS = [['yes', 1, [1, 255]], [401, 401], { page: NUMBERS, worker: NUMBERS }];

/** Runs them all; returns how many there were. */
async function all(program, browser) {
  const site = await serve();
  const origin = `http://127.0.0.1:${site.address().port}`;
  const stage = await Stage.start(program, { HEARKEN_ACCESS_ALLOWED_ORIGINS: origin });
  const proxy = await proxies.start(new URL(stage.url).port);
  const context = await browser.newContext();
  try {
    const page = await context.newPage();
    const errors = [];
    page.on('pageerror', (error) => errors.push(error.stack));
    await page.goto(origin);
    await page.waitForFunction(() => window.Client);
    const given = { url: `http://127.0.0.1:${proxy.port}`, key: stage.key };
    for (const [at, [what, check]] of Object.entries(CHECKS).entries()) {
      // The connections of the last are cut once a few events have come.
      const cut = page.waitForFunction(() => window.heard?.worker.length > 3, null, { timeout: 0 }).then(async () => {
        proxy.cut();
        proxy.mend();
      }, () => {});
      assert.deepEqual(await page.evaluate(check, given), ANSWERS[at], what);
      if (at + 1 === ANSWERS.length)
        await cut;
      assert.deepEqual(errors, [], what);
      console.log(`ok: hearken/client: ${what}`);
    }
    await stage.stop();
  } catch (error) {
    console.error(stage.log.join('\n'));
    throw error;
  } finally {
    await context.close();
    proxy.close();
    site.close();
    stage.remove();
  }
  return ANSWERS.length;
}

module.exports = { all };
