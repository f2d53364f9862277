'use strict';
// Channels: each event until it is handled, what is appended once, and the dead letters.

const assert = require('node:assert/strict');

/** Reads a channel until something is true of its events. */
async function until(stage, channel, wants) {
  for (const end = Date.now() + 30000; Date.now() < end;) {
    const page = await stage.ask('GET', `/v1/channels/${channel}/events?limit=100&wait=1s`);
    if (wants(page.events))
      return page.events;
  }
  throw new Error(`${channel} does not come to that`);
}

const checks = [
  ['an event is tried again, and what was appended for it is stored once', async (stage, reports) => {
    for (const channel of ['orders', 'booked'])
      await stage.ask('PUT', `/v1/channels/${channel}`, {});
    stage.save('books.toml', '[allow]\nappend = ["booked"]\nread = ["booked", "orders"]\n[consume.orders]\nbackoff = "1ms"\n');
    stage.save('books.py', `from hearken import AppendError, Reject, Retry, append, bounds, listen, read

attempts = 0

@listen("custom.order.*", channel="orders")
def book(event):
    global attempts
    if event.data == "bad":
        raise Reject("it is bad")
    attempts += 1
    stored = append("booked", "booked", data=event.data)
    if attempts == 1:
        raise Retry("not now", after="1ms")
    if attempts < 3:
        raise ValueError(f"attempt {attempts}")
    try:
        append("booked", "never", expect=0)
    except AppendError as error:
        conflict = [error.code, error.last]
    page = read("booked")
    last = bounds("orders").last
    append("booked", [{"type": "done", "id": "done", "data": [stored.duplicate, len(page.events), conflict, last]}])
`);
    await reports.about('plugin.started', 'books');
    for (const data of ['bad', 'good'])
      await stage.ask('POST', '/v1/events', { type: 'order.placed', channel: 'orders', data });
    const events = await until(stage, 'booked', (all) => all.length === 2);
    assert.deepEqual(events.map(({ data }) => data), ['good', [true, 1, ['conflict', 1], 2]]);
    const rejected = await reports.about('plugin.rejected', 'books');
    assert.match(JSON.stringify(rejected.data), /Reject: it is bad/);
  }],
  ['what two listeners do with an event counts for each', async (stage, reports) => {
    await stage.ask('PUT', '/v1/channels/both', {});
    await stage.ask('PUT', '/v1/channels/seen', {});
    stage.save('pair.toml', '[allow]\nappend = ["seen"]\n[consume.both]\nbackoff = "1ms"\n');
    stage.save('pair.py', `from hearken import append, listen

calls = {"calm": 0, "late": 0}

@listen("custom.*", channel="both")
def calm(event):
    calls["calm"] += 1

@listen("custom.*", channel="both")
async def late(event):
    calls["late"] += 1
    if calls["late"] < 3:
        raise RuntimeError("not yet")
    append("seen", "seen", data=calls)
`);
    await reports.about('plugin.started', 'pair');
    await stage.ask('POST', '/v1/events', { type: 'both', channel: 'both' });
    const [seen] = await until(stage, 'seen', (all) => all.length === 1);
    assert.deepEqual(seen.data, { calm: 1, late: 3 });
  }],
  ['what is not granted is an error that says so', async (stage, reports) => {
    const answers = await stage.listen('custom.refused');
    stage.save('poor.py', `from hearken import (AppendError, FetchError, KeyValueError, ReadError, SecretError, SessionsError,
    append, bucket, config, fetch, listen, read, secrets, send, sessions)

def code(call, *arguments, error, **options):
    try:
        return call(*arguments, **options)
    except error as refused:
        return refused.code

@listen("custom.try")
def attempt(event):
    send("refused", data=[
        code(append, "booked", "x", error=AppendError),
        code(read, "booked", error=ReadError),
        code(bucket, "visits", error=KeyValueError),
        code(secrets.get, "key", error=SecretError),
        code(sessions.send, "all", 1, error=SessionsError),
        code(lambda: fetch("http://localhost/").result(), error=FetchError),
        config.get("none", "usual"),
    ])
`);
    await reports.about('plugin.started', 'poor');
    await stage.send('try');
    const told = await answers.data();
    assert.deepEqual(told, ['denied', 'denied', 'denied', 'not-found', told[4], 'http-request-denied', 'usual']);
    assert.ok(['denied', 'off'].includes(told[4]), told[4]);
  }],
];

module.exports = { checks };
