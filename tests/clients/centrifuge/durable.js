'use strict';
// What is checked of channels that are logs, and of those that show what is published elsewhere;
// each check has channels of its own.

const assert = require('node:assert/strict');
const { code, heard, publications, subscribed } = require('./stage');
const { inSeconds, token } = require('./tokens');

const CONFIGURATION = `
[access]
anonymous = ["house"]

[access.roles.house]
publish = ["custom.*"]
append = ["*"]
operate = true

[access.roles.shop]
listen = ["custom.shop.*"]
read = ["orders"]

[access.tokens.app]
hmac_secret_file = "token.secret"

[channels.orders]

[sessions]
token = "app"
anonymous = true

[sessions.namespaces.log]
durable = true
allow_subscribe_for_client = true
allow_publish_for_subscriber = true
allow_history_for_subscriber = true

[sessions.namespaces.quiet]
durable = true
echo = false
allow_subscribe_for_client = true
allow_publish_for_client = true
`;

/** Publications of one way back, each in order. */
const numbersTo = (last) => Array.from({ length: last }, (_, n) => n + 1);

/** A client that has a role. */
async function inRole(stage, role) {
  return stage.user('anna', { token: token({ sub: 'anna', exp: inSeconds(3600), roles: [role] }) });
}

/** Publishes so many numbers by HTTP, from `first` on, in batches. */
async function publishAll(stage, channel, first, last) {
  for (let n = first; n <= last; n++)
    await stage.publish({ type: 'said', channel, data: { n } });
}

const CHECKS = {
  async 'what one client publishes another gets, and is stored'(stage) {
    const [anna, bob] = [await stage.user('anna'), await stage.user('bob')];
    const [theirs, { recoverable, positioned }] = await subscribed(bob, 'log:hall');
    assert.deepEqual([recoverable, positioned], [true, true]);
    const got = heard(theirs, 'publication');
    const [own] = await subscribed(anna, 'log:hall');
    await own.publish(stage.write({ text: 'hi ✓' }));
    const { data, offset, info, tags } = await got;
    assert.deepEqual(stage.read(data), { text: 'hi ✓' });
    assert.equal(Number(offset), 1);
    assert.equal(info.user, 'anna');
    assert.equal(tags.type, 'custom.log.published');
    const receipt = await stage.publish({ type: 'said', channel: 'log:hall', data: 1 });
    assert.equal(receipt.status, 201);
    assert.equal(receipt.sequence, 2);
  },

  async 'whoever was away for long gets all, once and in order'(stage) {
    const bob = await stage.user('bob');
    const [subscription] = await subscribed(bob, 'log:away');
    const got = publications(subscription);
    await publishAll(stage, 'log:away', 1, 1);
    await got.count(1);
    bob.disconnect();
    await publishAll(stage, 'log:away', 2, 500);
    const again = heard(subscription, 'subscribed');
    bob.connect();
    const { wasRecovering, recovered } = await again;
    assert.deepEqual([wasRecovering, recovered], [true, true]);
    await publishAll(stage, 'log:away', 501, 501);
    await got.count(501);
    assert.deepEqual(got.all.map(({ data }) => stage.read(data).n), numbersTo(501));
    assert.deepEqual(got.all.map(({ offset }) => Number(offset)), numbersTo(501));
  },

  async 'a subscription begins where its application says'(stage) {
    const bob = await stage.user('bob');
    const [first, { streamPosition }] = await subscribed(bob, 'log:since');
    await publishAll(stage, 'log:since', 1, 20);
    first.unsubscribe();
    bob.removeSubscription(first);
    const since = { offset: 5, epoch: streamPosition.epoch };
    const subscription = bob.newSubscription('log:since', { since });
    const got = publications(subscription);
    const on = heard(subscription, 'subscribed');
    subscription.subscribe();
    assert.equal((await on).recovered, true);
    await got.count(15);
    assert.deepEqual(got.all.map(({ data }) => stage.read(data).n), numbersTo(20).slice(5));
  },

  async 'what was trimmed is not said to be recovered'(stage) {
    const anna = await inRole(stage, 'shop');
    const [subscription] = await subscribed(anna, 'orders');
    anna.disconnect();
    await publishAll(stage, 'orders', 1, 10);
    const trim = await fetch(`http://127.0.0.1:${stage.node.port}/v1/channels/orders/trim`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ before: 5 }),
    });
    assert.ok(trim.ok, await trim.text());
    const again = heard(subscription, 'subscribed');
    anna.connect();
    const { wasRecovering, recovered, streamPosition } = await again;
    assert.deepEqual([wasRecovering, recovered], [true, false]);
    assert.equal(Number(streamPosition.offset), 10);
  },

  async 'the history is that of the log, from either end'(stage) {
    const anna = await stage.user('anna');
    const [subscription] = await subscribed(anna, 'log:past');
    await publishAll(stage, 'log:past', 1, 20);
    const numbers = ({ publications: all }) => all.map(({ data }) => stage.read(data).n);
    const all = await subscription.history({ limit: -1 });
    assert.deepEqual(numbers(all), numbersTo(20));
    assert.equal(Number(all.offset), 20);
    const { epoch } = all;
    const latest = await subscription.history({ limit: 12, reverse: true });
    assert.deepEqual(numbers(latest), numbersTo(20).slice(8).reverse());
    const since = { offset: 3, epoch };
    assert.deepEqual(numbers(await subscription.history({ limit: 2, since })), [4, 5]);
    const other = { offset: 3, epoch: '00f1e2d3c4b5a697' };
    assert.equal(await code(subscription.history({ limit: 1, since: other })), 112);
  },

  async 'without echo others alone get a publication'(stage) {
    const [anna, bob] = [await stage.user('anna'), await stage.user('bob')];
    const [own] = await subscribed(anna, 'quiet:x');
    const [theirs] = await subscribed(bob, 'quiet:x');
    const [mine, got] = [publications(own), publications(theirs)];
    await own.publish(stage.write({ n: 1 }));
    await theirs.publish(stage.write({ n: 2 }));
    await mine.count(1);
    await got.count(1);
    assert.deepEqual(mine.all.map(({ data }) => stage.read(data).n), [2]);
    assert.deepEqual(got.all.map(({ data }) => stage.read(data).n), [1]);
  },

  async 'what happens about a thing is shown to who may hear it'(stage) {
    const anna = await inRole(stage, 'shop');
    const [subject] = await subscribed(anna, 'subject:ORDER-7');
    const [events] = await subscribed(anna, 'events:custom.shop.{paid,sent}');
    const [about, matching] = [publications(subject), publications(events)];
    await stage.publish({ type: 'bank.paid', subject: 'ORDER-7', data: 1 });
    await stage.publish({ type: 'shop.paid', subject: 'ORDER-7', data: 2 });
    await stage.publish({ type: 'shop.lost', subject: 'ORDER-8', data: 3 });
    await stage.publish({ type: 'shop.sent', subject: 'ORDER-8', data: 4 });
    await stage.publish({ type: 'shop.sent', subject: 'ORDER-7', data: 5 });
    await about.count(2);
    await matching.count(3);
    assert.deepEqual(about.all.map(({ data }) => stage.read(data)), [2, 5]);
    assert.deepEqual(matching.all.map(({ data }) => stage.read(data)), [2, 4, 5]);
    assert.deepEqual(about.all[0].tags, { type: 'custom.shop.paid', subject: 'ORDER-7' });
    assert.equal(await code(subject.publish(stage.write({}))), 103);
    const bob = await stage.user('bob');
    const refused = bob.newSubscription('subject:ORDER-7');
    const ended = heard(refused, 'unsubscribed');
    refused.subscribe();
    assert.equal((await ended).code, 103);
  },

  async 'a channel that is removed ends its subscriptions'(stage) {
    const bob = await stage.user('bob');
    const [subscription] = await subscribed(bob, 'log:gone');
    await publishAll(stage, 'log:gone', 1, 3);
    const host = `http://127.0.0.1:${stage.node.port}/v1/channels/log:gone`;
    const again = heard(subscription, 'subscribed');
    const away = heard(subscription, 'subscribing');
    const removed = await fetch(host, { method: 'DELETE', headers: { 'if-match': '*' } });
    assert.ok(removed.ok, await removed.text());
    assert.equal((await away).code, 2500);
    // It is made anew, which is another.
    const { wasRecovering, recovered } = await again;
    assert.deepEqual([wasRecovering, recovered], [true, false]);
    const got = publications(subscription);
    await publishAll(stage, 'log:gone', 1, 1);
    await got.count(1);
    assert.equal(Number(got.all[0].offset), 1);
  },

  async 'a node that starts again has all that it had'(stage) {
    const anna = await stage.user('anna');
    const [subscription] = await subscribed(anna, 'log:restart');
    await publishAll(stage, 'log:restart', 1, 3);
    const got = publications(subscription);
    const away = heard(anna, 'connecting');
    const again = heard(subscription, 'subscribed');
    const { port } = stage.node;
    await stage.node.stop();
    assert.equal((await away).code, 3001);
    await stage.start({ HEARKEN_LISTEN: `127.0.0.1:${port}` });
    const { wasRecovering, recovered } = await again;
    assert.deepEqual([wasRecovering, recovered], [true, true]);
    await subscription.publish(stage.write({ n: 4 }));
    while (!got.all.some(({ offset }) => Number(offset) === 4))
      await heard(subscription, 'publication');
  },
};

module.exports = { CHECKS, CONFIGURATION };
