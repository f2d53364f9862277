'use strict';
// The node is killed again and again while a client appends to a channel and reads it, and then
// clients are while they read it.

const assert = require('node:assert/strict');

/** Events that the client appends, and after how many each it says so. */
const EVENTS = 400;

/** Events of a page of those who are killed. */
const PAGE = 20;

/** How often the node is killed. */
const CRASHES = 4;

/** Nothing is lost, and nothing is there or handed over twice; returns how many checks that is. */
async function check(stage, command, language) {
  let crashes = 0;
  let crashing = Promise.resolve();
  const lines = await stage.run(command, 'survive', {}, (line) => {
    if (!line.startsWith('stored ') || crashes >= CRASHES)
      return;
    crashes += 1;
    crashing = crashing.then(() => stage.crash());
  });
  await crashing;
  assert.equal(crashes, CRASHES);
  const heard = Object.fromEntries(lines.filter((line) => line.includes(': ')).map((line) => {
    const [name, numbers] = line.split(': ');
    return [name, JSON.parse(numbers)];
  }));
  const expected = Array.from({ length: EVENTS }, (_, at) => at + 1);
  const page = await stage.ask('/v1/channels/orders/events?after=0&limit=1000&type=custom.counted');
  assert.deepEqual(page.events.map(({ data }) => data), expected, 'what is in the channel');
  assert.deepEqual(heard.worker, expected, 'what was handed over by position');
  assert.deepEqual(heard.follower, expected, 'what was handed over by a stream');
  assert.deepEqual(heard.iterated, expected, 'what was gone through');
  const last = page.events.at(-1).sequence;
  for (const name of ['worker', 'iterated']) {
    const cursor = await stage.ask(`/v1/channels/orders/cursors/${name}`);
    assert.ok(cursor.after >= last - (name === 'iterated' ? 1 : 0), `${name} is at ${cursor.after}, not ${last}`);
  }
  console.log(`ok: ${language}: nothing is lost and nothing twice of a node that is killed ${CRASHES} times`);
  await checkClients(stage, command);
  console.log(`ok: ${language}: whoever comes back under a name goes on where they were killed`);
  return 2;
}

/** Clients of one name are killed while they read: at most a page is handed over once more. */
async function checkClients(stage, command) {
  let last = 0;
  for (const until of [90, 91, 250, EVENTS]) {
    const lines = await stage.run(command, 'mortal', {}, (line, kill) => {
      if (Number(line) >= until && until < EVENTS)
        kill();
    });
    const numbers = lines.map(Number);
    const first = numbers[0];
    assert.ok(first <= last + 1 && first > last - PAGE, `it begins with ${first} after ${last}`);
    assert.deepEqual(numbers, numbers.map((_, at) => first + at));
    assert.ok(numbers.at(-1) >= until);
    last = numbers.at(-1);
  }
  assert.equal(last, EVENTS);
}

module.exports = { check };
