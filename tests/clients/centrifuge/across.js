'use strict';
// What is checked of three nodes behind a balancer that knows nothing of them, one of which is
// killed: whoever was on it comes back on another one, and misses nothing that is kept.

const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const node = require('../harness/node');
const proxies = require('../harness/proxy');
const { within } = require('../harness/wait');
const { heard } = require('./stage');

const CONFIGURATION = `
[access]
anonymous = ["admin"]

[channels.orders]
node = "a"

[sessions]
anonymous = true

[sessions.namespaces.chat]
allow_subscribe_for_client = true
allow_subscribe_for_anonymous = true
allow_publish_for_client = true
allow_publish_for_anonymous = true
history_size = 1000
history_ttl = "10m"

[sessions.namespaces.here]
allow_subscribe_for_client = true
allow_subscribe_for_anonymous = true
allow_presence_for_client = true
allow_presence_for_anonymous = true
presence = true
`;

/** Sessions. */
const COUNT = 1000;

/** Channels with a history in memory: so many that each node keeps some. */
const CHATS = 24;

/** To how many of them each session is subscribed. */
const CHATS_OF_EACH = 2;

/** Where it is seen who is there. */
const HERE = 'here:all';

const LOG = 'orders';

/** Milliseconds between two publications to the log, and between two to some chat. */
const LOG_PAUSE = 200;
const CHAT_PAUSE = 25;

/** Two of so many sessions publish too, and pause for so many milliseconds after each answer. */
const SPEAKER_OF = 50;
const SPEAKER_PAUSE = 500;

const pause = (millis) => new Promise((resolve) => { setTimeout(resolve, millis); });

const chat = (number) => `chat:${number % CHATS}`;

/** What a session gets of a channel: each epoch's numbers, and what it is told. */
class Got {
  constructor(subscription) {
    this.epochs = [];
    this.lost = 0;
    this.recovered = 0;
    this.wrong = [];
    subscription.on('subscribed', (context) => this.subscribed(context));
    subscription.on('publication', (publication) => this.take(publication));
    subscription.on('unsubscribed', ({ code }) => this.wrong.push(`unsubscribed: ${code}`));
    this.subscription = subscription;
  }

  subscribed({ wasRecovering, recovered, streamPosition, positioned }) {
    if (!positioned)
      return;
    this.lost += wasRecovering && !recovered;
    this.recovered += wasRecovering && recovered;
    const { epoch, offset } = streamPosition;
    const last = this.epochs.at(-1);
    if (last && last.epoch === epoch)
      return;
    // What comes behind that is next.
    this.epochs.push({ epoch, next: wasRecovering && recovered ? null : offset + 1, all: [] });
  }

  take({ offset, data }) {
    if (!offset)
      return;
    const now = this.epochs.at(-1);
    if (now.next !== null && offset !== now.next)
      this.wrong.push(`${offset} where ${now.next} is next in ${now.epoch}`);
    now.next = offset + 1;
    now.all.push([offset, data.n]);
  }
}

/** A session that is subscribed to the log, to some chats, and where it is seen who is there. */
class Visitor {
  constructor({ json, protobuf, WebSocket }, port, number) {
    this.read = number % 2 ? (data) => JSON.parse(new TextDecoder().decode(data)) : (data) => data;
    const Centrifuge = number % 2 ? protobuf : json;
    this.write = number % 2
      ? (data) => new TextEncoder().encode(JSON.stringify(data))
      : (data) => data;
    this.client = new Centrifuge(`ws://127.0.0.1:${port}/connection/websocket`, {
      websocket: WebSocket,
      minReconnectDelay: 50,
      maxReconnectDelay: 500,
    });
    // Otherwise an event `error` ends the process.
    this.client.on('error', () => {});
    this.connected = 0;
    this.client.on('connected', ({ client }) => {
      this.connected += 1;
      this.id = client;
    });
    const chats = Array.from({ length: CHATS_OF_EACH }, (_, at) => chat(number * 5 + at * 7));
    this.channels = new Map([LOG, HERE, ...chats].map((channel) => {
      const options = channel === HERE ? {} : { positioned: true, recoverable: true };
      const subscription = this.client.newSubscription(channel, options);
      subscription.on('error', () => {});
      return [channel, subscription];
    }));
    this.got = new Map([LOG, ...chats].map((channel) => [channel, this.note(channel)]));
  }

  note(channel) {
    const subscription = this.channels.get(channel);
    const got = new Got(subscription);
    const { take } = got;
    got.take = ({ offset, data }) => take.call(got, { offset: Number(offset), data: this.read(data) });
    return got;
  }

  async arrive() {
    const subscribed = [...this.channels.values()].map((subscription) => {
      const told = heard(subscription, 'subscribed');
      subscription.subscribe();
      return told;
    });
    this.client.connect();
    await Promise.all(subscribed);
  }
}

/** What a visitor publishes to a chat of its own, as its library does, until it ends. */
class Speaker {
  constructor(visitor, number) {
    const isChat = ([channel]) => channel.startsWith('chat:');
    [this.channel, this.subscription] = [...visitor.channels].find(isChat);
    this.ends = false;
    this.acknowledged = [];
    this.running = this.run(visitor, number);
  }

  async run({ write }, number) {
    for (let turn = 0; !this.ends; turn++) {
      const n = `${turn} of visitor ${number}`;
      try {
        await this.subscription.publish(write({ n }));
        this.acknowledged.push(n);
      } catch {
        // It may be there.
      }
      await pause(SPEAKER_PAUSE);
    }
  }

  async end() {
    this.ends = true;
    await this.running;
  }
}

/** Three nodes and what leads to them. */
class House {
  constructor(program, library, places) {
    Object.assign(this, { program, library, places });
    this.nodes = new Map();
  }

  async start() {
    for (const [number, name] of ['a', 'b', 'c'].entries()) {
      const first = this.nodes.get('a');
      this.nodes.set(name, await node.start(this.program, this.places[number], {
        HEARKEN_NODE: name,
        HEARKEN_CLUSTER_ALLOW_PLAINTEXT: 'true',
        ...(first && { HEARKEN_JOIN: first.others }),
      }));
    }
    for (const one of this.nodes.values())
      await until('the nodes are linked', async () => {
        const { nodes } = await get(one, '/v1/nodes');
        return nodes.filter(({ state }) => state === 'connected').length === 2;
      });
    this.balancer = await proxies.start(...this.ports());
  }

  ports() {
    return [...this.nodes.values()].map(({ port }) => port);
  }

  async kill(name) {
    const killed = this.nodes.get(name);
    this.nodes.delete(name);
    this.balancer.ports = this.ports();
    await killed.crash();
  }

  end() {
    this.balancer?.close();
    for (const one of this.nodes.values())
      one.kill();
  }
}

async function get({ port }, from) {
  const answer = await fetch(`http://127.0.0.1:${port}${from}`);
  assert.ok(answer.ok, `${from}: ${answer.status}`);
  return answer.json();
}

/** Waits until it is so. */
async function until(what, isSo) {
  const waiting = async () => {
    while (!await isSo())
      await pause(50);
  };
  await within(what, waiting());
}

/** Publishes through the balancer until it ends; what was acknowledged, by channel and epoch. */
class Publishers {
  constructor(house) {
    this.house = house;
    this.ends = false;
    this.all = [];
    this.number = 0;
    const chats = Array.from({ length: 4 }, (_, at) => this.run(CHAT_PAUSE * 4, (turn) => chat(turn * 4 + at)));
    this.running = Promise.all([this.run(LOG_PAUSE, () => LOG), ...chats]);
  }

  async run(every, channelOf) {
    for (let turn = 0; !this.ends; turn++) {
      await this.next(channelOf(turn));
      await pause(every);
    }
  }

  async next(channel) {
    const n = this.number++;
    const event = { type: 'said', channel, id: `event-${n}`, data: { n } };
    // The same once more, until it is known where it is.
    await until(`event ${n} is taken`, async () => {
      const taken = await this.publish(event);
      if (taken)
        this.all.push({ channel, n, epoch: taken.epoch, offset: taken.sequence });
      return taken;
    });
  }

  async publish(event) {
    try {
      const answer = await fetch(`http://127.0.0.1:${this.house.balancer.port}/v1/events`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', connection: 'close' },
        body: JSON.stringify(event),
        signal: AbortSignal.timeout(10000),
      });
      const body = await answer.json();
      assert.ok(answer.ok || answer.status === 503, JSON.stringify(body));
      return answer.ok && body;
    } catch (error) {
      // Its node is gone.
      if (error instanceof assert.AssertionError)
        throw error;
      return null;
    }
  }

  async end() {
    this.ends = true;
    await this.running;
    // So that of each it is known where it ends.
    for (let number = 0; number < CHATS; number++)
      await this.next(chat(number));
    await this.next(LOG);
    return this.all;
  }
}

/** The first visitors, who are on all nodes, see all of them there, and nobody else. */
async function allPresent(visitors) {
  for (const visitor of visitors.slice(0, 9)) {
    const here = visitor.channels.get(HERE);
    await until('it sees who is there', async () => {
      const { numClients } = await here.presenceStats();
      return numClients === visitors.length;
    });
    const { clients } = await here.presence();
    const ids = visitors.map(({ id }) => id);
    assert.deepEqual(Object.keys(clients).sort(), ids.sort());
  }
}

/** The checks; returns how many there were. */
async function drive(house) {
  let checks = 0;
  const holds = (what) => {
    checks += 1;
    console.log(`ok: ${COUNT} sessions on three nodes: ${what}`);
  };
  const { balancer, library } = house;
  const visitors = Array.from({ length: COUNT }, (_, number) => new Visitor(library, balancer.port, number));
  await Promise.all(visitors.map((visitor) => visitor.arrive()));
  await allPresent(visitors);
  holds('all are there, on whichever node somebody looks');

  const publishers = new Publishers(house);
  const speaking = visitors.filter((_, number) => number % SPEAKER_OF < 2);
  const speakers = speaking.map((visitor, number) => new Speaker(visitor, number));
  await pause(2000);
  await house.kill('c');
  await pause(8000);
  await Promise.all(speakers.map((speaker) => speaker.end()));
  const all = await publishers.end();
  const ends = new Map();
  const logs = new Map();
  for (const { channel, epoch, offset, n } of all) {
    const log = `${channel} ${epoch}`;
    logs.set(log, (logs.get(log) || new Map()).set(offset, n));
    const end = ends.get(channel);
    ends.set(channel, !end || end.epoch !== epoch ? { epoch, offset } : { epoch, offset: Math.max(offset, end.offset) });
  }
  for (const visitor of visitors)
    for (const [channel, got] of visitor.got) {
      const end = ends.get(channel);
      await until(`all of ${channel} has come`, () => {
        const now = got.epochs.at(-1);
        return now.epoch === end.epoch && (now.all.at(-1)?.[0] ?? 0) >= end.offset;
      });
    }
  for (const visitor of visitors) {
    for (const [channel, { epochs, wrong }] of visitor.got) {
      assert.deepEqual(wrong, [], channel);
      for (const { epoch, all: numbers } of epochs) {
        const log = logs.get(`${channel} ${epoch}`) || new Map();
        logs.set(`${channel} ${epoch}`, log);
        for (const [offset, n] of numbers) {
          // What was not acknowledged may be there all the same.
          assert.equal(log.get(offset) ?? n, n, `${offset} of ${epoch} in ${channel}`);
          log.set(offset, n);
        }
      }
    }
  }
  for (const [log, numbers] of logs)
    assert.equal(new Set(numbers.values()).size, numbers.size, `something is twice in ${log}`);
  holds('one order for all in each epoch, and nothing twice in it');

  const moved = visitors.filter(({ connected }) => connected === 2).length;
  assert.ok(visitors.every(({ connected }) => connected <= 2));
  assert.ok(moved > COUNT / 5 && moved < COUNT / 2, `${moved} were on it`);
  holds('whoever was on the node that was killed came back once, and nobody else');

  for (const visitor of visitors) {
    const { lost, epochs } = visitor.got.get(LOG);
    assert.deepEqual([lost, epochs.length], [0, 1]);
    const { all: numbers } = epochs[0];
    assert.deepEqual(numbers.map(([offset]) => offset), numbers.map((_, at) => at + 1));
  }
  const recovered = visitors.filter(({ got }) => got.get(LOG).recovered === 1).length;
  assert.equal(recovered, moved);
  holds('a durable channel is recovered whole');

  const epochs = new Map();
  const note = (channel, epoch) => epochs.set(channel, (epochs.get(channel) || new Set()).add(epoch));
  for (const { channel, epoch } of all)
    note(channel, epoch);
  for (const { got } of visitors)
    for (const [channel, told] of got)
      told.epochs.forEach(({ epoch }) => note(channel, epoch));
  const counts = [0, 0];
  for (let number = 0; number < CHATS; number++) {
    const begun = epochs.get(chat(number)).size;
    assert.ok(begun <= 2, `${chat(number)} has begun ${begun} times`);
    counts[begun - 1] += 1;
    for (const { got } of visitors) {
      const told = got.get(chat(number));
      if (told)
        assert.equal(told.lost, begun - 1, `${chat(number)} has begun ${begun} times`);
    }
  }
  assert.ok(counts.every((count) => count > 0), 'each node keeps some');
  holds('what is in memory is whole where its node lives, and where not all are told once');

  for (const { channel, acknowledged } of speakers) {
    assert.ok(acknowledged.length > 2, `${acknowledged.length} were acknowledged`);
    const [epoch, ...more] = epochs.get(channel);
    const numbers = new Set(logs.get(`${channel} ${epoch}`).values());
    if (!more.length)
      assert.deepEqual(acknowledged.filter((n) => !numbers.has(n)), [], channel);
  }
  holds('what clients published and had acknowledged is there where its node lives');

  await allPresent(visitors);
  holds('all are there still, and nobody else');
  for (const { client } of visitors)
    client.disconnect();
  return checks;
}

/** Runs the suite; returns how many checks there were. */
async function across(program, library) {
  const places = ['a', 'b', 'c'].map(() => {
    const place = node.folder();
    fs.writeFileSync(path.join(place, 'hearken.toml'), CONFIGURATION);
    return place;
  });
  const house = new House(program, library, places);
  try {
    await house.start();
    return await drive(house);
  } catch (error) {
    for (const [name, { log }] of house.nodes)
      console.error(`node ${name}:\n${log.slice(-50).join('\n')}`);
    throw error;
  } finally {
    house.end();
    for (const place of places)
      fs.rmSync(place, { recursive: true, force: true });
  }
}

module.exports = { across };
