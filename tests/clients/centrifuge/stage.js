'use strict';
// What checks need: a node, clients of it, and a run of all checks in each way of talking to it.

const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const node = require('../harness/node');
const { within } = require('../harness/wait');
const { SECRET, inSeconds, token } = require('./tokens');

/** Ways of talking to a node: over what, and written as what. */
const WAYS = [
  ['websocket', 'json'],
  ['websocket', 'protobuf'],
  ['http_stream', 'json'],
  ['http_stream', 'protobuf'],
  ['sse', 'json'],
];

/** One node at a time, and clients of it that all talk to it in one way. */
class Stage {
  constructor(program, library, place, [transport, encoding]) {
    Object.assign(this, { program, library, place, transport, encoding, clients: [] });
  }

  async start(settings = {}) {
    this.node = await node.start(this.program, this.place, { ...settings });
  }

  /** A client that is not connected. */
  client(options = {}) {
    const { json, protobuf, WebSocket, EventSource } = this.library;
    const Centrifuge = this.encoding === 'protobuf' ? protobuf : json;
    const host = `127.0.0.1:${this.node.port}`;
    const scheme = this.transport === 'websocket' ? 'ws' : 'http';
    const endpoint = `${scheme}://${host}/connection/${this.transport}`;
    const client = new Centrifuge([{ transport: this.transport, endpoint }], {
      emulationEndpoint: `http://${host}/emulation`,
      websocket: WebSocket,
      eventsource: EventSource,
      minReconnectDelay: 10,
      maxReconnectDelay: 100,
      ...options,
    });
    // Otherwise an event `error` ends the process.
    client.on('error', () => {});
    this.clients.push(client);
    return client;
  }

  /** A client of a user, connected. */
  async user(user, options = {}) {
    const client = this.client({ token: token({ sub: user, exp: inSeconds(3600) }), ...options });
    const connected = heard(client, 'connected');
    client.connect();
    assert.equal((await connected).transport, this.transport);
    return client;
  }

  /** A value as a client sends it. */
  write(value) {
    const text = JSON.stringify(value);
    return this.encoding === 'protobuf' ? new TextEncoder().encode(text) : JSON.parse(text);
  }

  /** A value as it was sent. */
  read(data) {
    return this.encoding === 'protobuf' ? JSON.parse(new TextDecoder().decode(data)) : data;
  }

  /** Publishes an event by HTTP; returns what is answered. */
  async publish(event) {
    const answer = await fetch(`http://127.0.0.1:${this.node.port}/v1/events`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(event),
    });
    const body = await answer.json();
    assert.ok(answer.ok, JSON.stringify(body));
    return { status: answer.status, ...body };
  }

  /** Ends what a check has begun. */
  rest() {
    for (const client of this.clients.splice(0))
      client.disconnect();
  }
}

/** What the next event of this name brings. */
function heard(emitter, name, wanted = () => true) {
  const came = new Promise((resolve) => {
    const listener = (context) => {
      if (!wanted(context))
        return;
      emitter.removeListener(name, listener);
      resolve(context);
    };
    emitter.on(name, listener);
  });
  return within(`\`${name}\` comes`, came);
}

/** The publications of a subscription, as they come. */
function publications(subscription) {
  const all = [];
  subscription.on('publication', (publication) => all.push(publication));
  return {
    all,
    /** Waits until so many have come. */
    async count(count) {
      while (all.length < count)
        await heard(subscription, 'publication');
      return all;
    },
  };
}

/** Subscribes; returns the subscription and what is answered. */
async function subscribed(client, channel, options) {
  const subscription = client.newSubscription(channel, options);
  subscription.on('error', () => {});
  const answer = heard(subscription, 'subscribed');
  subscription.subscribe();
  return [subscription, await answer];
}

/** The code of the error that a promise fails with. */
async function code(promise) {
  try {
    await promise;
  } catch (error) {
    return error.code;
  }
  return assert.fail('it was to fail');
}

/**
 * Runs all checks of a suite in each way; returns how many there were. A suite has a
 * `CONFIGURATION` of its nodes, and `CHECKS`.
 */
async function all(suite, program, library) {
  for (const way of WAYS)
    await allOf(suite, way, program, library);
  return WAYS.length * Object.keys(suite.CHECKS).length;
}

/** Runs all checks, with a node of their own. */
async function allOf({ CONFIGURATION, CHECKS }, way, program, library) {
  const place = node.folder();
  fs.writeFileSync(path.join(place, 'hearken.toml'), CONFIGURATION);
  fs.writeFileSync(path.join(place, 'token.secret'), SECRET);
  const stage = new Stage(program, library, place, way);
  await stage.start();
  try {
    for (const [name, check] of Object.entries(CHECKS)) {
      await check(stage);
      stage.rest();
      console.log(`ok: ${way.join(', ')}: ${name}`);
    }
    await stage.node.stop();
  } catch (error) {
    console.error(`it fails over ${way.join(', ')}`);
    console.error(stage.node.log.join('\n'));
    throw error;
  } finally {
    stage.node.kill();
    fs.rmSync(place, { recursive: true, force: true });
  }
}

module.exports = { all, code, heard, publications, subscribed };
