'use strict';
// What is checked, one after the other; each has channels of its own.

const assert = require('node:assert/strict');
const { BASE } = require('../harness/application');
const { within } = require('../harness/wait');
const { code, heard, publications, subscribed } = require('./stage');
const { SECRET, inSeconds, token } = require('./tokens');

const CONFIGURATION = `${BASE}allow_user_limited_channels = true

[sessions.namespaces.live]
allow_subscribe_for_client = true
allow_subscribe_for_anonymous = true
allow_publish_for_client = true
`;

const CHECKS = {
  async 'what one client publishes another gets'(stage) {
    const [anna, bob] = [await stage.user('anna'), await stage.user('bob')];
    const [theirs] = await subscribed(bob, 'chat:hall');
    const got = heard(theirs, 'publication');
    const [own] = await subscribed(anna, 'chat:hall');
    await own.publish(stage.write({ text: 'hi ✓' }));
    const { data, offset, info, tags } = await got;
    assert.deepEqual(stage.read(data), { text: 'hi ✓' });
    assert.equal(Number(offset), 1);
    assert.equal(info.user, 'anna');
    assert.equal(tags.type, 'custom.chat.published');
  },

  async 'what is published by HTTP comes with the tags of its event'(stage) {
    const anna = await stage.user('anna');
    const [subscription] = await subscribed(anna, 'chat:shop');
    const got = heard(subscription, 'publication');
    const event = { type: 'stock.low', subject: 'pear', channel: 'chat:shop', data: { left: 3 } };
    const receipt = await stage.publish(event);
    assert.equal(receipt.sequence, 1);
    const publication = await got;
    assert.deepEqual(stage.read(publication.data), { left: 3 });
    assert.equal(publication.tags.type, 'custom.stock.low');
    assert.equal(publication.tags.subject, 'pear');
    assert.equal(publication.info ?? null, null);
  },

  async 'whoever was away gets what was missed, once and in order'(stage) {
    const [anna, bob] = [await stage.user('anna'), await stage.user('bob')];
    const [subscription] = await subscribed(bob, 'chat:away', { recoverable: true, positioned: true });
    const got = publications(subscription);
    const [own] = await subscribed(anna, 'chat:away');
    await own.publish(stage.write({ n: 1 }));
    await got.count(1);
    bob.disconnect();
    for (let n = 2; n <= 20; n++)
      await own.publish(stage.write({ n }));
    const again = heard(subscription, 'subscribed');
    bob.connect();
    const { wasRecovering, recovered } = await again;
    assert.equal(wasRecovering, true);
    assert.equal(recovered, true);
    await own.publish(stage.write({ n: 21 }));
    await got.count(21);
    const numbers = Array.from({ length: 21 }, (_, n) => n + 1);
    assert.deepEqual(got.all.map(({ data }) => stage.read(data).n), numbers);
    assert.deepEqual(got.all.map(({ offset }) => Number(offset)), numbers);
  },

  async 'more than the history has is not said to be recovered'(stage) {
    const [anna, bob] = [await stage.user('anna'), await stage.user('bob')];
    const [subscription] = await subscribed(bob, 'chat:long', { recoverable: true });
    bob.disconnect();
    const [own] = await subscribed(anna, 'chat:long');
    for (let n = 1; n <= 120; n++)
      await own.publish(stage.write({ n }));
    const again = heard(subscription, 'subscribed');
    bob.connect();
    const { wasRecovering, recovered } = await again;
    assert.equal(wasRecovering, true);
    assert.equal(recovered, false);
  },

  async 'the history is read from either end'(stage) {
    const anna = await stage.user('anna');
    const [subscription] = await subscribed(anna, 'chat:past');
    for (let n = 1; n <= 5; n++)
      await subscription.publish(stage.write({ n }));
    const numbers = ({ publications }) => publications.map(({ data }) => stage.read(data).n);
    const all = await subscription.history({ limit: 10 });
    assert.deepEqual(numbers(all), [1, 2, 3, 4, 5]);
    assert.equal(Number(all.offset), 5);
    const { epoch } = all;
    assert.deepEqual(numbers(await subscription.history({ limit: 2, reverse: true })), [5, 4]);
    const since = { offset: 3, epoch };
    assert.deepEqual(numbers(await subscription.history({ limit: 10, since })), [4, 5]);
    assert.deepEqual(numbers(await subscription.history({ limit: 0 })), []);
    const other = { offset: 3, epoch: 'another' };
    assert.equal(await code(subscription.history({ limit: 1, since: other })), 112);
  },

  async 'everybody sees who is there, who comes and who goes'(stage) {
    const [anna, bob] = [await stage.user('anna'), await stage.user('bob')];
    const [subscription] = await subscribed(anna, 'chat:door', { joinLeave: true });
    const joined = heard(subscription, 'join', ({ info }) => info.user === 'bob');
    const [theirs] = await subscribed(bob, 'chat:door');
    await joined;
    const { clients } = await subscription.presence();
    assert.deepEqual(Object.values(clients).map(({ user }) => user).sort(), ['anna', 'bob']);
    assert.deepEqual(await subscription.presenceStats(), { numClients: 2, numUsers: 2 });
    const left = heard(subscription, 'leave', ({ info }) => info.user === 'bob');
    theirs.unsubscribe();
    await left;
    assert.deepEqual(await subscription.presenceStats(), { numClients: 1, numUsers: 1 });
  },

  async 'channels that there are not, and what is not allowed, are refused for good'(stage) {
    const anna = await stage.user('anna');
    const refused = async (channel) => {
      const subscription = anna.newSubscription(channel);
      const ended = heard(subscription, 'unsubscribed');
      subscription.subscribe();
      return (await ended).code;
    };
    assert.equal(await refused('nothing:here'), 102);
    assert.equal(await refused('chat:x#bob'), 103);
    assert.equal(await refused('$chat:secret'), 103);
    await subscribed(anna, 'chat:x#anna,bob');
    assert.equal(await code(anna.publish('chat:unsubscribed', stage.write({}))), 103);
    assert.equal(await code(anna.presence('live:x')), 108);
    assert.equal(await code(anna.rpc('no.such.method', stage.write({}))), 108);
  },

  async 'a subscription token opens a channel that is closed otherwise'(stage) {
    const anna = await stage.user('anna');
    const of = (claims) => ({ token: token({ exp: inSeconds(3600), ...claims }) });
    await subscribed(anna, '$chat:board', of({ sub: 'anna', channel: '$chat:board' }));
    // What is the token of another user ends the session.
    const gone = heard(anna, 'disconnected');
    anna.newSubscription('$chat:other', of({ sub: 'bob', channel: '$chat:other' })).subscribe();
    assert.equal((await gone).code, 3500);
  },

  async 'who has no token is nobody, and may what nobody may'(stage) {
    const nobody = stage.client();
    const connected = heard(nobody, 'connected');
    nobody.connect();
    await connected;
    await subscribed(nobody, 'live:news');
    const subscription = nobody.newSubscription('chat:hall');
    const refused = heard(subscription, 'unsubscribed');
    subscription.subscribe();
    assert.equal((await refused).code, 103);
  },

  async 'a token that is not valid ends it, and an expired one is asked for again'(stage) {
    const forged = stage.client({ token: token({ sub: 'anna' }, 'another secret of 32 bytes or more') });
    const gone = heard(forged, 'disconnected');
    forged.connect();
    assert.equal((await gone).code, 3500);
    let asked = 0;
    const late = stage.client({
      token: token({ sub: 'anna', exp: inSeconds(-60) }),
      async getToken() {
        asked += 1;
        return token({ sub: 'anna', exp: inSeconds(3600) });
      },
    });
    const connected = heard(late, 'connected');
    late.connect();
    await connected;
    assert.equal(asked, 1);
  },

  async 'a token is refreshed before it expires, and the session goes on'(stage) {
    let asked = 0;
    const refreshed = new Promise((resolve) => {
      const fresh = async () => {
        asked += 1;
        if (asked === 2)
          resolve();
        return token({ sub: 'anna', exp: inSeconds(asked === 1 ? 2 : 3600) });
      };
      stage.refreshing = stage.client({ getToken: fresh });
    });
    const client = stage.refreshing;
    let drops = 0;
    client.on('connecting', () => (drops += 1));
    const connected = heard(client, 'connected');
    client.connect();
    await connected;
    await within('the token is asked for again', refreshed);
    await subscribed(client, 'live:later');
    assert.equal(drops, 1, 'it has connected once');
  },

  async 'channels that a token names are subscribed to from the start'(stage) {
    const client = stage.client({
      token: token({ sub: 'anna', exp: inSeconds(3600), channels: ['chat:desk'] }),
    });
    const [connected, on] = [heard(client, 'connected'), heard(client, 'subscribed')];
    const got = heard(client, 'publication');
    client.connect();
    await connected;
    assert.equal((await on).channel, 'chat:desk');
    await stage.publish({ type: 'custom.desk.rung', channel: 'chat:desk', data: 'ring' });
    const publication = await got;
    assert.equal(publication.channel, 'chat:desk');
    assert.equal(stage.read(publication.data), 'ring');
  },

  async 'many subscriptions of one frame are answered each'(stage) {
    const anna = stage.client({ token: token({ sub: 'anna', exp: inSeconds(3600) }) });
    const all = Array.from({ length: 100 }, (_, n) => subscribed(anna, `chat:many-${n}`));
    anna.connect();
    await Promise.all(all);
    const more = Array.from({ length: 28 }, (_, n) => subscribed(anna, `chat:more-${n}`));
    await Promise.all(more);
    const over = anna.newSubscription('chat:over');
    const refused = heard(over, 'unsubscribed');
    over.subscribe();
    assert.equal((await refused).code, 106);
  },

  async 'a node that stops sends its clients away, and they come back to the next'(stage) {
    const anna = await stage.user('anna');
    const [subscription] = await subscribed(anna, 'chat:restart', { recoverable: true });
    await subscription.publish(stage.write({ n: 1 }));
    const away = heard(anna, 'connecting');
    const again = heard(subscription, 'subscribed');
    const { port } = stage.node;
    await stage.node.stop();
    assert.equal((await away).code, 3001);
    await stage.start({ HEARKEN_LISTEN: `127.0.0.1:${port}` });
    const { wasRecovering, recovered } = await again;
    assert.equal(wasRecovering, true);
    // What is in memory alone is gone, and that is said.
    assert.equal(recovered, false);
    const got = heard(subscription, 'publication');
    await subscription.publish(stage.write({ n: 2 }));
    assert.deepEqual(stage.read((await got).data), { n: 2 });
  },

  async 'the log has no token'(stage) {
    for (const line of stage.node.log)
      for (const secret of [SECRET, 'eyJ'])
        assert.ok(!line.includes(secret), line);
  },
};

module.exports = { CHECKS, CONFIGURATION };
