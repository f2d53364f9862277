'use strict';
// What is checked, one after the other; each has channels of its own.

const assert = require('node:assert/strict');
const fs = require('node:fs');
const node = require('../harness/node');
const { called, within } = require('../harness/wait');

const SECRET = 'hunter 22&ä';

/** Starts a node that has the API of ganomede-events. */
function start(program, folder, settings = {}) {
  return node.start(program, folder, {
    HEARKEN_GANOMEDE_SECRET: SECRET,
    // So that reads without events end soon.
    HEARKEN_GANOMEDE_POLL_TIMEOUT: '200ms',
    ...settings,
  });
}

/** One node at a time, and clients of it. */
class Stage {
  constructor(program, library, node, place) {
    Object.assign(this, { program, library, node, place });
  }

  options(secret) {
    return { secret, protocol: 'http', hostname: '127.0.0.1', port: this.node.port };
  }

  client(id, secret = SECRET) {
    const client = new this.library.Client(id, this.options(secret));
    client.on('error', () => {});
    return client;
  }

  indexer() {
    return new this.library.IndexerClient(this.options(SECRET));
  }

  /** Sends events with the data `{n: first}` to `{n: last}`, one after the other. */
  async send(channel, first, last) {
    const client = this.client('sender');
    for (let n = first; n <= last; n++) {
      const event = { from: 'test/v1', type: 'COUNTED', data: { n } };
      const sent = await called(client, 'send', channel, event);
      assert.equal(sent.id, n);
    }
  }

  async restart() {
    await this.node.stop();
    this.node = await start(this.program, this.place);
  }
}

/** Listens to a channel until `count` events have come; they are returned. */
function listen(client, channel, count) {
  const events = [];
  const heard = new Promise((resolve) => {
    const listener = (event) => {
      events.push(event);
      if (events.length < count)
        return;
      client.removeListener(channel, listener);
      resolve(events);
    };
    client.on(channel, listener);
  });
  return within(`${count} events of ${channel} have come`, heard);
}

/** Listens to a channel until a read behind the event of this number has ended. */
function readBehind(client, channel, number) {
  const read = new Promise((resolve) => {
    const listener = () => {};
    const cycle = ({ finished }, of) => {
      if (of !== channel || finished.after !== number)
        return;
      client.removeListener('cycle', cycle);
      client.removeListener(channel, listener);
      resolve();
    };
    client.on('cycle', cycle);
    client.on(channel, listener);
  });
  return within(`${channel} was read behind ${number}`, read);
}

const numbers = (events) => events.map((event) => event.id);

const CHECKS = {
  async 'what is sent is answered whole'(stage) {
    const client = stage.client('shop');
    const data = { items: [1, 'ä', null], deep: { empty: {} } };
    const before = Date.now();
    const sent = await called(client, 'send', 'orders', { from: 'shop/v1', type: 'PAID', data });
    assert.deepEqual(sent, { id: 1, timestamp: sent.timestamp, type: 'PAID', from: 'shop/v1', data });
    assert.ok(Number.isInteger(sent.timestamp) && sent.timestamp >= before - 1000);
    const bare = await called(client, 'send', 'orders', { from: 'shop/v1', type: 'SENT' });
    assert.deepEqual(bare, { id: 2, timestamp: bare.timestamp, type: 'SENT', from: 'shop/v1' });
  },

  async 'what was sent is heard, and what comes, in order'(stage) {
    await stage.send('heard', 1, 3);
    const client = stage.client('listener');
    const heard = listen(client, 'heard', 150);
    await stage.send('heard', 4, 150);
    const events = await heard;
    const expected = Array.from({ length: 150 }, (_, at) => at + 1);
    assert.deepEqual(numbers(events), expected);
    assert.deepEqual(events.map((event) => event.data.n), expected);
  },

  async 'who listens first hears the first event'(stage) {
    const heard = listen(stage.client('early'), 'users/v1:add', 1);
    await stage.send('users/v1:add', 1, 1);
    assert.deepEqual(numbers(await heard), [1]);
  },

  async 'a client of the same id goes on where it was, another from the beginning'(stage) {
    await stage.send('resumed', 1, 3);
    await readBehind(stage.client('worker'), 'resumed', 3);
    await stage.send('resumed', 4, 5);
    assert.deepEqual(numbers(await listen(stage.client('worker'), 'resumed', 2)), [4, 5]);
    assert.deepEqual(numbers(await listen(stage.client('other'), 'resumed', 5)), [1, 2, 3, 4, 5]);
  },

  async 'so it does after the node was started again'(stage) {
    await stage.send('kept', 1, 3);
    await readBehind(stage.client('worker'), 'kept', 3);
    await stage.restart();
    await stage.send('kept', 4, 4);
    assert.deepEqual(numbers(await listen(stage.client('worker'), 'kept', 1)), [4]);
  },

  async 'the newest are answered ascending'(stage) {
    await stage.send('newest', 1, 7);
    const client = stage.client('shop');
    assert.deepEqual(numbers(await called(client, 'getLatestEvents', 'newest', 3)), [5, 6, 7]);
    assert.deepEqual(numbers(await called(client, 'getLatestEvents', 'newest', 100)).length, 7);
    assert.deepEqual(await called(client, 'getLatestEvents', 'nothing', 3), []);
  },

  async 'events are found by an index'(stage) {
    const client = stage.client('shop');
    for (const user of ['ada', 'bob', 'ada'])
      await called(client, 'send', 'blocked', { from: 'users/v1', type: 'BLOCK', data: { user } });
    const indexer = stage.indexer();
    const define = () => called(indexer, 'createIndex', 'by-user', 'blocked', 'data.user');
    assert.equal(await define(), 'OK');
    // Of the `null` that says that it is there, the client makes this.
    assert.deepEqual(await define(), {});
    const { rows, ...rest } = await called(indexer, 'getIndexEvents', 'by-user', 'ada');
    assert.deepEqual(rest, { id: 'by-user', field: 'data.user', value: 'ada' });
    assert.deepEqual(numbers(rows), [3, 1]);
    assert.deepEqual(rows[0].data, { user: 'ada' });
    assert.equal((await called(indexer, 'getIndexEvents', 'by-user', 'carl')).rows.length, 0);
    const none = called(indexer, 'getIndexEvents', 'none', 'ada');
    await assert.rejects(none, { statusCode: 404 });
  },

  async 'what the node does not take is told'(stage) {
    const event = { from: 'a', type: 'b' };
    const sent = called(stage.client('shop'), 'send', 'no channel', event);
    await assert.rejects(sent, (error) => {
      assert.equal(error.statusCode, 400);
      assert.equal(error.body.code, 'InvalidContent');
      assert.match(error.body.message, /^Invalid Channel: /);
      return true;
    });
  },

  async 'a wrong secret is refused, and not asked again at once'(stage) {
    const client = stage.client('stranger', 'wrong');
    const send = called(client, 'send', 'orders', { from: 'a', type: 'b' });
    await assert.rejects(send, (error) => {
      assert.equal(error.statusCode, 401);
      assert.deepEqual(error.body, { code: 'InvalidCredentialsError', message: '' });
      return true;
    });
    const began = process.hrtime.bigint();
    const refused = new Promise((resolve, reject) => {
      let count = 0;
      client.on('error', (error) => {
        if (error.statusCode !== 401)
          reject(error);
        count += 1;
        if (count < 2)
          return;
        client.removeAllListeners('orders');
        resolve(process.hrtime.bigint() - began);
      });
    });
    client.on('orders', () => assert.fail('a stranger hears nothing'));
    const passed = await within('two reads were refused', refused);
    // A second each; less by what clocks of timers may differ.
    assert.ok(passed > 1900n * 1000000n, `${passed} ns`);
  },

  async 'the log has no secret'(stage) {
    for (const line of stage.node.log)
      for (const secret of [SECRET, encodeURIComponent(SECRET), 'hunter'])
        assert.ok(!line.includes(secret), line);
  },
};

/** Runs all checks; returns how many there are. */
async function all(program, library) {
  const place = node.folder();
  const stage = new Stage(program, library, await start(program, place), place);
  try {
    for (const [name, check] of Object.entries(CHECKS)) {
      await check(stage);
      console.log(`ok: ${name}`);
    }
    await stage.node.stop();
  } catch (error) {
    console.error(stage.node.log.join('\n'));
    throw error;
  } finally {
    stage.node.kill();
    fs.rmSync(place, { recursive: true, force: true });
  }
  return Object.keys(CHECKS).length;
}

module.exports = { all };
