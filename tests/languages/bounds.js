'use strict';
// What a text may take is what any plugin may, and whatever it does its neighbours do not notice.

const assert = require('node:assert/strict');

/** A plugin that does something hostile on an event, and what it is reported for. */
const hostile = [
  ['spins', 'while True:\n        pass', /deadline of 1s exceeded.* \(spins\.py:\d+:\d+\)/],
  ['matches', 'import re\n    re.match(r"(a+)+$", "a" * 40 + "b")', /deadline of 1s exceeded/],
  ['sorts', 'sorted(range(10**9), key=lambda n: -n)', /deadline of 1s exceeded|MemoryError|memory/],
  ['leaks', 'kept = []\n    while True:\n        kept.append(bytearray(1 << 20))', /MemoryError|memory limit/],
  ['inflates', '"x" * (1 << 31)', /MemoryError|OverflowError|memory limit/],
  ['numbers', '10 ** 10 ** 8', /deadline of 1s exceeded|MemoryError/],
  ['recurses', 'down(0)', /RecursionError: maximum recursion depth exceeded/],
  ['nests', 'import json\n    json.loads("[" * 100000)', /RecursionError|stack overflow/],
  ['mirrors', 'class Mirror:\n        def __repr__(self):\n            return repr(self)\n    repr(Mirror())', /RecursionError/],
  ['sifts', 'def sift(n):\n        return sorted([1], key=lambda _: sift(n + 1))\n    sift(0)', /RecursionError/],
  ['floods', 'from hearken import send\n    send("flood", data="x" * (4 << 20))', /ValueError: the data has \d+ bytes, of which one call takes at most/],
  ['shouts', 'print("x" * (4 << 20))\n    raise ValueError("y" * (4 << 20))', /ValueError: yyy/],
  ['halves', 'print("\\ud800")\n    raise ValueError("half \\ud800")', /ValueError: half \?/],
  ['mangles', 'from hearken import send\n    send("x", subject="\\ud800")', /UnicodeEncodeError/],
  ['names', 'from hearken import config\n    config.get("x" * (4 << 20))', /ValueError: the text has \d+ bytes/],
  ['exits', 'raise SystemExit(3)', /SystemExit: 3/],
  ['aborts', 'import os\n    os.abort()', /.*/],
  ['reads', 'open("/etc/passwd")', /FileNotFoundError|OSError|PermissionError/],
  ['connects', 'import socket\n    socket.create_connection(("127.0.0.1", 22), 1)', /[eE]rror/],
  ['threads', 'import threading\n    threading.Thread(target=print).start()', /RuntimeError: can't start new thread/],
  ['forks', 'import os\n    os.fork()', /AttributeError/],
  ['breaks', 'import hearken, sys\n    sys.modules.clear()\n    import json', /Error/],
  ['pokes', 'type(event).type.fset(event, 3)', /TypeError/],
];

const checks = [
  ['what is hostile is reported and its neighbour misses nothing', async (stage, reports) => {
    const answers = await stage.listen('custom.pong');
    stage.save('good.py', `from hearken import listen, send

@listen("custom.ping")
def answer(event):
    send("pong", data=event.data)
`);
    await reports.about('plugin.started', 'good');
    for (const [name, text, expected] of hostile) {
      stage.save(`${name}.toml`, '[limits]\ndeadline = "1s"\nmemory = "64MiB"\n');
      stage.save(`${name}.py`, `from hearken import listen

def down(n):
    return 1 + down(n + 1)

@listen("custom.${name}")
def act(event):
    ${text}
`);
      await reports.about('plugin.started', name);
      await stage.send(name);
      for (let number = 0; number < 5; number += 1) {
        await stage.send('ping', number);
        assert.equal(await answers.data(), number, `beside ${name}`);
      }
      const failed = await reports.about('plugin.failed', name);
      assert.match(failed.data.reason, expected, `${name}: ${failed.data.reason}`);
      console.log(`   ${name}: ${failed.data.reason.split('\n')[0]}`);
      stage.remove(`${name}.py`);
      await reports.about('plugin.removed', name);
    }
  }],
  ['a recursion can be caught, and the instance lives', async (stage, reports) => {
    const answers = await stage.listen('custom.caught');
    stage.save('deep.py', `from hearken import listen, send
seen = 0

def down(n):
    return 1 + down(n + 1)

@listen("custom.deep")
def fall(event):
    global seen
    seen += 1
    try:
        down(0)
    except RecursionError:
        send("caught", data=seen)
`);
    await reports.about('plugin.started', 'deep');
    for (const seen of [1, 2]) {
      await stage.send('deep');
      assert.equal(await answers.data(), seen);
    }
    assert.equal((await stage.plugin('deep')).counters.restarts, 0);
  }],
  ['memory beyond the limit can be caught, and the instance lives', async (stage, reports) => {
    const answers = await stage.listen('custom.caught');
    stage.save('greedy.py', `from hearken import listen, send
seen = 0

@listen("custom.greedy")
def hoard(event):
    global seen
    seen += 1
    kept = []
    try:
        while True:
            kept.append(bytearray(1 << 20))
    except MemoryError:
        kept.clear()
        send("caught", data=seen)
`);
    await reports.about('plugin.started', 'greedy');
    for (const seen of [1, 2]) {
      await stage.send('greedy');
      assert.equal(await answers.data(), seen);
    }
  }],
  ['an error names the calls that led there, the innermost first', async (stage, reports) => {
    stage.save('throws.py', `from hearken import listen

def inner(event):
    return event.data["missing"]["deeper"]

@listen("custom.throw")
def outer(event):
    try:
        inner(event)
    except KeyError as error:
        raise ValueError("it has no answer") from error
`);
    await reports.about('plugin.started', 'throws');
    await stage.send('throw', {});
    const failed = await reports.about('plugin.failed', 'throws');
    assert.match(failed.data.reason, /^outer: ValueError: it has no answer/);
    assert.match(failed.data.trace, /at outer \(throws\.py:11:9\)/);
    assert.match(failed.data.trace, /at inner \(throws\.py:4:12\)/);
    assert.match(failed.data.reason, /KeyError: 'missing'/);
  }],
  ['seeds and hashes are those of the instance and not of the engine', async (stage, reports) => {
    const answers = await stage.listen('custom.drawn');
    const drawn = [];
    for (const name of ['one', 'two']) {
      stage.save(`${name}.py`, `import random, secrets, time, uuid
from hearken import listen, send

@listen("custom.${name}")
def draw(event):
    send("drawn", data=[random.random(), secrets.token_hex(8), str(uuid.uuid4()), time.time()])
`);
      await reports.about('plugin.started', name);
      await stage.send(name);
      drawn.push(await answers.data());
    }
    for (const at of [0, 1, 2])
      assert.notEqual(drawn[0][at], drawn[1][at]);
    assert.ok(Math.abs(drawn[1][3] - Date.now() / 1000) < 60, 'the clock is that of now');
  }],
];

module.exports = { checks };
