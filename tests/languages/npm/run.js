'use strict';
// Projects of npm on a node: packages that people use do something real in handlers, a new
// project is got, tested and run as its author would, and the types that are published are tried.
//
//   node tests/languages/npm/run.js [PROGRAM]
//
// PROGRAM is `hearken`; by default the one in the target folder, which `cargo build` makes. The
// packages are installed below the target folder, with npm. Whatever is missing fails.

const assert = require('node:assert/strict');
const { spawnSync } = require('node:child_process');
const crypto = require('node:crypto');
const fs = require('node:fs');
const path = require('node:path');
const node = require('../../clients/harness/node');
const { conclude, install, program, target } = require('../../clients/harness/suite');
const { within } = require('../../clients/harness/wait');
const types = require('./types');

/** Getting packages and compiling the engine takes its time on a slow machine. */
const LONG = 300000;

/** Runs a program in a folder; fails unless it succeeds. Returns what it has printed. */
function run(command, given, cwd) {
  const { status, stdout, stderr, error } = spawnSync(command, given, { cwd, encoding: 'utf8' });
  assert.equal(status, 0, `${command} ${given.join(' ')}: ${error || ''}\n${stdout}\n${stderr}`);
  return stdout;
}

/** The node's events of some types as they come. */
async function listen(url, type) {
  const response = await fetch(`${url}/v1/events?type=${encodeURIComponent(type)}`);
  assert.equal(response.status, 200);
  const events = (async function* () {
    const decoder = new TextDecoder();
    let rest = '';
    for await (const bytes of response.body) {
      const lines = (rest + decoder.decode(bytes, { stream: true })).split('\n');
      rest = lines.pop();
      for (const line of lines)
        if (line.startsWith('data: {'))
          yield JSON.parse(line.slice('data: '.length));
    }
  })();
  return async () => (await within(`an event ${type} comes`, events.next(), LONG)).value;
}

async function send(url, type, data) {
  const headers = { 'content-type': 'application/json' };
  const answer = await fetch(`${url}/v1/events`, { method: 'POST', headers, body: JSON.stringify({ type, data }) });
  assert.ok(answer.ok, await answer.text());
}

/** Waits until a plugin listens. */
function listening(url, name) {
  const asking = async () => {
    for (;;) {
      const answer = await fetch(`${url}/v1/plugins/${name}`);
      if (answer.ok && (await answer.json()).listeners.length > 0)
        return;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  };
  return within(`${name} listens`, asking(), LONG);
}

/** Does something with a node under `hearken dev` in a folder. */
async function dev(hearken, place, work) {
  // What npm keeps is kept where it usually is.
  const started = await node.start(hearken, place, { HOME: process.env.HOME }, 'dev');
  try {
    await work(`http://127.0.0.1:${started.port}`, started);
  } catch (error) {
    throw new Error(`${error.stack}\n${started.log.join('\n')}`);
  } finally {
    await started.stop();
  }
}

const ORDER = {
  customer: 'ada@example.com',
  placed: '2026-11-26T10:00:00Z',
  items: [
    { name: 'tea', price: 4, count: 3 },
    { name: 'pot', price: 20, count: 1 },
  ],
};

async function orders(url) {
  const told = await listen(url, 'custom.order.{accepted,refused}');
  await send(url, 'order.placed', ORDER);
  assert.deepEqual((await told()).data, {
    customer: 'ada@example.com',
    total: 32,
    names: ['Pot', 'Tea'],
    dearest: 'pot',
    due: '2026-12-01',
    days: 5,
  });
  await send(url, 'order.placed', { ...ORDER, customer: 'nobody', items: [] });
  const refused = await told();
  assert.equal(refused.type, 'custom.order.refused');
  assert.deepEqual(refused.data, ['customer: invalid_format', 'items: too_small']);
}

/** What a library throws has the author's line. */
async function traces(url) {
  const failed = await listen(url, 'plugin.failed');
  await send(url, 'order.broken', {});
  const { data } = await failed();
  assert.match(data.reason, /\(shop\/src\/main\.ts:40:\d+\)$/);
  assert.match(data.trace, /at broken \(shop\/src\/main\.ts:40:\d+\)/);
}

const base64url = (value) => Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');

/** A token as somebody else makes it. */
function token(key, alg, kid, payload) {
  const signed = `${base64url({ alg, kid })}.${base64url(payload)}`;
  const signature = crypto.sign('sha256', Buffer.from(signed), { key, dsaEncoding: 'ieee-p1363' });
  return `${signed}.${signature.toString('base64url')}`;
}

async function tokens(url) {
  const rsa = crypto.generateKeyPairSync('rsa', { modulusLength: 2048 });
  const ec = crypto.generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const jwk = ({ publicKey }, alg, kid) => ({ ...publicKey.export({ format: 'jwk' }), alg, kid, use: 'sig' });
  const payload = { sub: 'alan', iss: 'shop', exp: Math.floor(Date.now() / 1000) + 600 };
  const told = await listen(url, 'custom.tokens.told');
  const secret = 'a secret that is as long as it must be for this, and longer still, 64 bytes';
  await send(url, 'tokens.asked', {
    secret,
    jwks: { keys: [jwk(rsa, 'RS256', 'one'), jwk(ec, 'ES256', 'two')] },
    rsa: token(rsa.privateKey, 'RS256', 'one', payload),
    ec: token(ec.privateKey, 'ES256', 'two', { ...payload, sub: 'barbara' }),
    pkcs8: ec.privateKey.export({ type: 'pkcs8', format: 'pem' }),
    spki: ec.publicKey.export({ type: 'spki', format: 'pem' }),
  });
  const { shared_token: made, ...rest } = (await told()).data;
  assert.deepEqual(rest, {
    shared: 'ada',
    forged: 'ERR_JWS_SIGNATURE_VERIFICATION_FAILED',
    late: 'ERR_JWT_EXPIRED',
    own: 'grace',
    written: 'joan',
    rsa: 'alan',
    ec: 'barbara',
    other: 'ERR_JWS_SIGNATURE_VERIFICATION_FAILED',
    header: 'HS256',
  });
  const [header, body, signature] = made.split('.');
  const expected = crypto.createHmac('sha256', secret).update(`${header}.${body}`).digest('base64url');
  assert.equal(signature, expected, 'others verify it');
}

/** What people use, bundled into one plugin. */
async function packages(hearken, installed) {
  const place = node.folder();
  const shop = path.join(place, 'plugins', 'shop');
  fs.cpSync(path.join(__dirname, 'shop'), shop, { recursive: true });
  fs.symlinkSync(installed, path.join(place, 'node_modules'));
  let checks = 0;
  await dev(hearken, place, async (url) => {
    await listening(url, 'shop');
    for (const check of [orders, traces, tokens]) {
      await check(url);
      console.log(`ok shop: ${check.name}`);
      checks += 1;
    }
    // A mistake in a source is told by its line, and what ran goes on.
    const source = path.join(shop, 'src', 'tokens.ts');
    fs.appendFileSync(source, 'const = 1;\n');
    await orders(url);
    console.log('ok shop: what is wrong is not placed');
    checks += 1;
  });
  // Evaluated ahead it does the same.
  fs.cpSync(path.join(__dirname, 'shop'), `${shop}2`, { recursive: true });
  const built = run(hearken, ['plugin', 'build', 'plugins/shop2', '--snapshot'], place);
  assert.equal(built.trim(), path.join('target', 'shop2.wasm'));
  const alone = node.folder();
  fs.mkdirSync(path.join(alone, 'plugins'));
  fs.copyFileSync(path.join(place, 'target', 'shop2.wasm'), path.join(alone, 'plugins', 'shop2.wasm'));
  await dev(hearken, alone, async (url) => {
    await listening(url, 'shop2');
    for (const check of [orders, tokens]) {
      await check(url);
      console.log(`ok snapshot: ${check.name}`);
      checks += 1;
    }
  });
  for (const folder of [place, alone])
    fs.rmSync(folder, { recursive: true, force: true });
  return checks;
}

/** A new project, whose packages `hearken dev` gets. */
async function fresh(hearken) {
  const place = node.folder();
  run(hearken, ['plugin', 'new', 'fresh', '--js', '--project', '--dir', 'plugins'], place);
  await dev(hearken, place, async (url) => {
    await listening(url, 'fresh');
    const greeted = await listen(url, 'custom.greeted');
    await send(url, 'hello.morning', {});
    assert.equal((await greeted()).data, 'hello, world');
    // It is followed.
    const source = path.join(place, 'plugins', 'fresh', 'src', 'greeting.js');
    fs.writeFileSync(source, fs.readFileSync(source, 'utf8').replace('hello, ', 'good day, '));
    const again = async () => {
      for (;;) {
        await send(url, 'hello.morning', {});
        if ((await greeted()).data === 'good day, world')
          return;
      }
    };
    await within('the save is the next version', again(), LONG);
  });
  console.log('ok fresh: its packages are got, and its sources followed');
  const source = path.join(place, 'plugins', 'fresh', 'src', 'greeting.js');
  fs.writeFileSync(source, fs.readFileSync(source, 'utf8').replace('good day, ', 'hello, '));
  run('npm', ['test'], path.join(place, 'plugins', 'fresh'));
  console.log('ok fresh: npm test');
  fs.rmSync(place, { recursive: true, force: true });
  return 2;
}

/** The types that `hearken dev` keeps, by TypeScript. */
async function typed(hearken, installed) {
  const place = node.folder();
  types.fill(path.join(place, 'plugins'));
  let checks = 0;
  await dev(hearken, place, async () => {
    checks = types.check(place, installed);
  });
  fs.rmSync(place, { recursive: true, force: true });
  return checks;
}

async function all() {
  const hearken = program();
  install(__dirname);
  const installed = path.join(target, 'clients', path.basename(__dirname), 'node_modules');
  const checks = [await typed(hearken, installed), await packages(hearken, installed), await fresh(hearken)];
  return checks.reduce((sum, count) => sum + count);
}

conclude(all());
