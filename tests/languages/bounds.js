'use strict';
// What a text may take is what any plugin may, and whatever it does its neighbours do not notice.

const assert = require('node:assert/strict');

/**
 * Time in milliseconds in which the slowest answer comes, or five times that of before: less than the
 * second of CPU that a hostile handler has, which whoever has to wait for it waits at least.
 */
const PROMPT = 900;

/** A plugin that does something hostile on an event, and what it is reported for. */
const hostile = [
  ['spins', 'while True:\n        pass', /deadline of 1s exceeded.* \(spins\.py:\d+:\d+\)/],
  ['insists', 'while True:\n        try:\n            while True:\n                pass\n        except BaseException:\n            pass', /deadline of 1s exceeded/],
  ['generates', 'sum(1 for _ in iter(int, 1))', /deadline of 1s exceeded/],
  ['comprehends', '[0 for _ in iter(int, 1)]', /deadline of 1s exceeded|MemoryError/],
  ['counts', 'sum(range(10**12))', /deadline of 1s exceeded/],
  ['collides', 'kept = {n * (2**31 - 1): 0 for n in range(10**6)}', /deadline of 1s exceeded|MemoryError/],
  ['matches', 'import re\n    re.match(r"(a+)+$", "a" * 40 + "b")', /deadline of 1s exceeded/],
  ['sorts', 'sorted(range(10**9), key=lambda n: -n)', /deadline of 1s exceeded|MemoryError|memory/],
  ['leaks', 'kept = []\n    while True:\n        kept.append(bytearray(1 << 20))', /MemoryError|memory limit/],
  ['inflates', '"x" * (1 << 31)', /MemoryError|OverflowError|memory limit/],
  ['numbers', '10 ** 10 ** 8', /deadline of 1s exceeded|MemoryError/],
  ['recurses', 'down(0)', /RecursionError: maximum recursion depth exceeded/],
  ['digs', 'import sys\n    sys.setrecursionlimit(10**9)\n    down(0)', /RecursionError|MemoryError|stack overflow/],
  ['nests', 'import json\n    json.loads("[" * 100000)', /RecursionError|stack overflow/],
  ['compiles', 'compile("-" * 100000 + "1", "x", "eval")', /RecursionError|MemoryError|SyntaxError|stack overflow/],
  ['mirrors', 'class Mirror:\n        def __repr__(self):\n            return repr(self)\n    repr(Mirror())', /RecursionError/],
  ['sifts', 'def sift(n):\n        return sorted([1], key=lambda _: sift(n + 1))\n    sift(0)', /RecursionError/],
  ['finalizes', 'class Gone:\n        def __del__(self):\n            while True:\n                pass\n    Gone()', /deadline of 1s exceeded/],
  ['lies', 'class Lie(Exception):\n        def __str__(self):\n            while True:\n                pass\n    raise Lie()', /deadline of 1s exceeded/],
  ['mutters', 'error = ValueError("x")\n    error.__notes__ = 5\n    raise error', /ValueError: it cannot be said/],
  ['hides', 'class Hidden(AttributeError):\n        name = property(lambda self: 1 / 0)\n    raise Hidden("here")', /Hidden: here/],
  ['floods', 'from hearken import send\n    send("flood", data="x" * (4 << 20))', /ValueError: the data has \d+ bytes, of which one call takes at most/],
  ['pours', 'from hearken import send\n    while True:\n        send("poured")', /budget|deadline of 1s exceeded/],
  ['heaps', 'from hearken import append\n    name = "a" * 60000\n    append("orders", [{"type": name} for _ in range(1000)])', /ValueError: the data has \d+ bytes, of which one call takes at most/],
  ['labels', 'from hearken import append\n    text = "é" * 1600\n    append("orders", [{"type": "a", "extensions": {"a": text}} for _ in range(1000)])', /ValueError: the data has \d+ bytes, of which one call takes at most/],
  ['chatters', 'while True:\n        print("x" * 1000)', /deadline of 1s exceeded/],
  ['mumbles', 'print("x" * (10 << 20), end="")\n    raise ValueError("said")', /ValueError: said/],
  ['shouts', 'print("x" * (4 << 20))\n    raise ValueError("y" * (4 << 20))', /ValueError: yyy/],
  ['halves', 'print("\\ud800")\n    raise ValueError("half \\ud800")', /ValueError: half \?/],
  ['mangles', 'from hearken import send\n    send("x", subject="\\ud800")', /UnicodeEncodeError/],
  ['names', 'from hearken import config\n    config.get("x" * (4 << 20))', /ValueError: the text has \d+ bytes/],
  ['hoards', 'from hearken import wait\n    kept = [wait("custom.never") for _ in range(1000)]', /no more than \d+ waits/],
  ['exits', 'raise SystemExit(3)', /SystemExit: 3/],
  ['leaves', 'import os\n    os._exit(0)', /.*/],
  ['aborts', 'import os\n    os.abort()', /.*/],
  ['reads', 'open("/etc/passwd")', /(FileNotFoundError|OSError|PermissionError).*plugins have no files/],
  ['connects', 'import socket\n    socket.create_connection(("127.0.0.1", 22), 1)', /[eE]rror.*plugins have no sockets/],
  ['threads', 'import threading\n    threading.Thread(target=print).start()', /RuntimeError: can't start new thread; plugins have no threads/],
  ['forks', 'import os\n    os.fork()', /AttributeError/],
  ['loads', 'import ctypes', /the engine of Python has no `ctypes`/],
  ['unpickles', 'import pickle\n    pickle.loads(b"cos\\nsystem\\n(S\'ls\'\\ntR.")', /AttributeError/],
  ['breaks', 'import hearken, sys\n    sys.modules.clear()\n    import json', /Error/],
  ['pokes', 'type(event).type.fset(event, 3)', /TypeError/],
  ['skips', 'from engine_world.imports import frames\n    frames.next()', /asked for another event/],
  ['shows', 'from engine_world.imports import progress\n    progress.watch(bytes(16))', /in the middle of a frame/],
  ['reaches', 'import componentize_py_runtime\n    componentize_py_runtime.call_import(99999, [])', /.*/],
  ['blinds', 'import sys\n    sys.monitoring.free_tool_id(2)\n    while True:\n        pass', /deadline of 1s exceeded/],
];

/** The longest time that an event takes to be answered, of ten each sent when the one before was. */
async function answered(stage, answers, beside) {
  let longest = 0;
  for (let number = 0; number < 10; number += 1) {
    const began = performance.now();
    await stage.send('ping', number);
    assert.equal(await answers.data(), number, `beside ${beside}`);
    longest = Math.max(longest, performance.now() - began);
  }
  return longest;
}

const checks = [
  ['what is hostile is reported and its neighbour misses nothing', async (stage, reports) => {
    const answers = await stage.listen('custom.pong');
    stage.save('good.py', `from hearken import listen, send

@listen("custom.ping")
def answer(event):
    send("pong", data=event.data)
`);
    await reports.about('plugin.started', 'good');
    const alone = await answered(stage, answers, 'nobody');
    for (const [name, text, expected] of hostile) {
      stage.save(`${name}.toml`, '[limits]\ndeadline = "1s"\nmemory = "64MiB"\n\n[allow]\nappend = ["orders"]\n');
      stage.save(`${name}.py`, `from hearken import listen

def down(n):
    return 1 + down(n + 1)

@listen("custom.${name}")
def act(event):
    ${text}
`);
      await reports.about('plugin.started', name);
      await stage.send(name);
      const took = await answered(stage, answers, name);
      assert.ok(took <= Math.max(PROMPT, 5 * alone), `beside ${name} an answer took ${took} ms, and ${alone} alone`);
      const failed = await reports.about('plugin.failed', name);
      assert.match(failed.data.reason, expected, `${name}: ${failed.data.reason}`);
      console.log(`   ${name}: ${failed.data.reason.split('\n')[0].slice(0, 200)}`);
      stage.remove(`${name}.py`);
      await reports.about('plugin.removed', name);
    }
    const { counters } = await stage.plugin('good');
    assert.deepEqual([counters.dropped, counters.failed, counters.restarts], [0, 0, 0]);
  }],
  ['a start that does not end is given up with its line', async (stage, reports) => {
    stage.save('starts.toml', '[limits]\ndeadline = "1s"\n');
    stage.save('starts.py', 'from hearken import listen\n\nwhile True:\n    pass\n');
    const failed = await reports.about('plugin.failed', 'starts');
    assert.match(failed.data.reason, /deadline of 1s exceeded.*\(starts\.py:[34]:\d+\)/);
    stage.remove('starts.py');
    await reports.about('plugin.removed', 'starts');
  }],
  ['of a frame each event fails by itself, and one that spins is the only one to die', async (stage, reports) => {
    const answers = await stage.listen('custom.counted');
    stage.save('frames.toml', '[limits]\ndeadline = "1s"\n');
    stage.save('frames.py', `from hearken import listen, send
seen = 0

@listen("custom.frame")
def act(event):
    global seen
    seen += 1
    print("part of", event.data, end="")
    if event.data == 3:
        raise ValueError("three")
    while event.data == 6:
        pass
    send("counted", data=[event.data, seen])
`);
    await reports.about('plugin.started', 'frames');
    await stage.ask('POST', '/v1/plugins/frames/pause');
    for (let number = 0; number < 10; number += 1)
      await stage.send('frame', number);
    await stage.ask('POST', '/v1/plugins/frames/resume');
    const told = [];
    for (let count = 0; count < 8; count += 1)
      told.push(await answers.data());
    // A fresh instance goes on behind the one that died.
    assert.deepEqual(told, [[0, 1], [1, 2], [2, 3], [4, 5], [5, 6], [7, 1], [8, 2], [9, 3]]);
    const three = await reports.about('plugin.failed', 'frames');
    assert.match(three.data.reason, /ValueError: three/);
    const six = await reports.about('plugin.failed', 'frames');
    assert.match(six.data.reason, /deadline of 1s exceeded.*\(frames\.py:1[12]:\d+\)/);
    await stage.logged('part of 4');
    assert.ok(!stage.started.log.some((line) => line.includes('part of 4part')), 'each line is an event\'s own');
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
