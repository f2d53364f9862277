'use strict';
// The page of a chat that `hearken dev` serves, opened by two people.

const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const node = require('../harness/node');

const CONFIGURATION = `
[sessions]
anonymous = true

[sessions.namespaces.chat]
allow_subscribe_for_client = true
allow_subscribe_for_anonymous = true
allow_publish_for_subscriber = true
allow_publish_for_anonymous = true
allow_history_for_subscriber = true
allow_history_for_anonymous = true
allow_presence_for_subscriber = true
allow_presence_for_anonymous = true
presence = true
join_leave = true
history_size = 100
history_ttl = "5m"
`;

/** One node at a time, which is started again at the port that it had, and a browser. */
class Stage {
  constructor(program, browser, place) {
    Object.assign(this, { program, browser, place, errors: [] });
  }

  async start() {
    const port = this.node ? this.node.port : 0;
    this.node = await node.start(this.program, this.place, { HEARKEN_LISTEN: `127.0.0.1:${port}` }, 'dev');
  }

  /** Somebody who opens the page, with storage of their own. */
  async person(name, room = '') {
    const context = await this.browser.newContext();
    const page = await context.newPage();
    page.on('pageerror', (error) => this.errors.push(`${name}: ${error.stack}`));
    await page.goto(`http://127.0.0.1:${this.node.port}/dev/chat/${room}`);
    await page.getByLabel('Your name').fill(name);
    await connected(page);
    return page;
  }
}

const state = (page, text) => page.getByRole('status').filter({ hasText: text }).waitFor();
const connected = (page) => state(page, /^connected$/);
const line = (page, text) => page.locator('#messages li').filter({ hasText: text });
const lines = (page) => page.locator('#messages li').allInnerTexts();

async function say(page, text) {
  await page.getByLabel('Message').fill(text);
  await page.getByRole('button', { name: 'Send' }).click();
}

const CHECKS = [
  ['two people talk, see each other, and find what was said before', async (stage) => {
    const ada = await stage.person('Ada');
    await ada.getByText('you are alone').waitFor();
    await say(ada, 'Is anybody here?');
    await line(ada, 'Is anybody here?').waitFor();
    const bob = await stage.person('Bob');
    await line(bob, 'Is anybody here?').waitFor();
    await ada.getByText('2 are here').waitFor();
    await say(bob, 'I am.');
    await line(ada, 'I am.').waitFor();
    assert.deepEqual(await lines(ada), ['AdaIs anybody here?', 'BobI am.']);
    assert.deepEqual(await lines(bob), await lines(ada));
    await bob.context().close();
    await ada.getByText('you are alone').waitFor();
    await ada.context().close();
  }],

  ['what somebody says is text, whatever is in it', async (stage) => {
    const page = await stage.person('<b>Mallory</b>', '#quotes');
    await say(page, '<img src=x onerror="throw 1"> "\\u0000" 👋');
    await line(page, '👋').waitFor();
    assert.equal(await page.locator('#messages img').count(), 0);
    assert.deepEqual(await lines(page), ['<b>Mallory</b><img src=x onerror="throw 1"> "\\u0000" 👋']);
    await page.context().close();
  }],

  ['rooms are apart', async (stage) => {
    const [left, right] = [await stage.person('Left', '#left'), await stage.person('Right', '#right')];
    await say(left, 'on the left');
    await say(right, 'on the right');
    await line(left, 'on the left').waitFor();
    await line(right, 'on the right').waitFor();
    assert.deepEqual([await lines(left), await lines(right)], [['Lefton the left'], ['Righton the right']]);
    await Promise.all([left, right].map((page) => page.context().close()));
  }],

  ['events from elsewhere come too', async (stage) => {
    const page = await stage.person('Ada', '#news');
    const event = { specversion: '1.0', type: 'custom.chat.message', source: '/news', id: '1',
      channel: 'chat:news', data: { name: 'News', text: 'It rains.' } };
    const answer = await fetch(`http://127.0.0.1:${stage.node.port}/v1/events`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/cloudevents+json' },
      body: JSON.stringify(event),
    });
    assert.equal(answer.status, 202, await answer.text());
    await line(page, 'It rains.').waitFor();
    await page.context().close();
  }],

  ['the page comes back with a node that was away, and says that it may have missed something', async (stage) => {
    const page = await stage.person('Ada', '#away');
    await say(page, 'before');
    await line(page, 'before').waitFor();
    await stage.node.stop();
    await state(page, 'connecting…');
    await stage.start();
    await connected(page);
    await say(page, 'after');
    await line(page, 'after').waitFor();
    await line(page, 'some messages were missed').waitFor();
    await page.context().close();
  }],
];

/** Runs them all; answers how many there are. */
async function all(program, browser) {
  const place = node.folder();
  const stage = new Stage(program, browser, place);
  fs.writeFileSync(path.join(place, 'hearken.toml'), CONFIGURATION);
  try {
    await stage.start();
    for (const [what, check] of CHECKS) {
      await check(stage).catch((error) => {
        throw new Error(`${what}: ${error.stack}\nThe node's log:\n${stage.node.log.join('\n')}`);
      });
      assert.deepEqual(stage.errors, [], what);
      console.log(`ok: ${what}`);
    }
    await stage.node.stop();
  } finally {
    if (stage.node)
      stage.node.kill();
    fs.rmSync(place, { recursive: true, force: true });
  }
  return CHECKS.length;
}

module.exports = { all };
