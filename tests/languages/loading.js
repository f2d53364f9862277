'use strict';
// A text is listening a moment after it was saved, and a mistake leaves the one before running.

const assert = require('node:assert/strict');

const answering = (expression) => `from hearken import listen, send

@listen("custom.asked")
def answer(event):
    send("answered", data=${expression})
`;

const checks = [
  ['a text without its engine fails and says what to do', async (stage, reports) => {
    stage.save('first.py', answering('event.data'));
    const failed = await reports.about('plugin.failed', 'first');
    assert.match(failed.data.reason, /hearken engine add python/);
  }],
  ['a running node picks an engine up that is added', async (stage, reports, add) => {
    const answers = await stage.listen('custom.answered');
    add();
    await reports.about('plugin.started', 'first');
    await stage.send('asked', 7);
    assert.equal(await answers.data(), 7);
    const { language, state, listeners } = await stage.plugin('first');
    assert.deepEqual([language, state, listeners[0].pattern, listeners[0].name], ['python', 'running', 'custom.asked', 'answer']);
  }],
  ['a save is the next version, and its state is new', async (stage, reports) => {
    const answers = await stage.listen('custom.answered');
    const counting = (by) => `from hearken import listen, send
count = 0

@listen("custom.asked")
def answer(event):
    global count
    count += ${by}
    send("answered", data=count)
`;
    for (const by of [1, 10]) {
      stage.save('first.py', counting(by));
      await reports.about('plugin.reloaded', 'first');
      for (const times of [1, 2]) {
        await stage.send('asked', 0);
        assert.equal(await answers.data(), by * times);
      }
    }
  }],
  ['a mistake keeps the version before and names line, column and source', async (stage, reports) => {
    const answers = await stage.listen('custom.answered');
    stage.save('first.py', 'from hearken import listen\n\n@listen("custom.asked")\ndef answer(event)\n    pass\n');
    const failed = await reports.about('plugin.failed', 'first');
    assert.match(failed.data.reason, /SyntaxError: expected ':' \(first\.py:4:18\)/);
    const { last_error: error } = await stage.plugin('first');
    assert.match(error, /first\.py:4:18/);
    await stage.send('asked', 0);
    assert.equal(await answers.data(), 30);
    await stage.logged('4 | def answer(event)');
  }],
  ['what fails at the top of the file is told with its place', async (stage, reports) => {
    for (const [line, expected] of [
      ['missing_name', /NameError: name 'missing_name' is not defined.*\(top\.py:3:1\)/],
      ['import numpy', /there is no module `numpy`.*\(top\.py:3:1\)/],
      ['import ssl', /the engine of Python has no `ssl`.*\(top\.py:3:1\)/],
      ['send("too.early")', /send is for handlers.*\(top\.py:3:1\)/],
      ['append("orders", "too.early")', /append is for handlers/],
      ['fetch("http://localhost/")', /fetch is for handlers/],
      ['wait("custom.*")', /wait is for handlers/],
      ['', /top\.py listens to nothing/],
      ['listen("custom.{a")(print)', /a brace of the pattern has no partner.*\(top\.py:3:1\)/],
    ]) {
      stage.save('top.py', `from hearken import append, fetch, listen, send, wait\n\n${line}\n`);
      const failed = await reports.about('plugin.failed', 'top');
      assert.match(failed.data.reason, expected);
    }
    stage.remove('top.py');
    await reports.about('plugin.removed', 'top');
  }],
  ['shared texts, and a save of one reloads its importers', async (stage, reports) => {
    const answers = await stage.listen('custom.sum');
    stage.save('_rates.py', 'rate = 2\n');
    stage.save('sums.py', `import _rates
from hearken import listen, send

@listen("custom.price")
def total(event):
    send("sum", data=event.data * _rates.rate)
`);
    await reports.about('plugin.started', 'sums');
    await stage.send('price', 4);
    assert.equal(await answers.data(), 8);
    stage.save('_rates.py', 'rate = 3\n');
    await reports.about('plugin.reloaded', 'sums');
    await stage.send('price', 4);
    assert.equal(await answers.data(), 12);
  }],
  ['a plugin that is called as a module of the library leaves that to others', async (stage, reports) => {
    const answers = await stage.listen('custom.mailed');
    stage.save('_json.py', 'shared = "mine"\n');
    stage.save('email.py', `import email.message
import typing
from dataclasses import dataclass

import _json
from hearken import listen, send

@dataclass
class Letter:
    to: "str"

@listen("custom.mail")
def mail(event):
    message = email.message.EmailMessage()
    message["To"] = Letter(event.data).to
    send("mailed", data=[message["To"], _json.shared, typing.get_type_hints(Letter) == {"to": str}])
`);
    await reports.about('plugin.started', 'email');
    await stage.send('mail', 'ada@example.com');
    assert.deepEqual(await answers.data(), ['ada@example.com', 'mine', true]);
  }],
  ['what is misunderstood is said where it is written', async (stage, reports) => {
    for (const [text, expected] of [
      ['@listen("custom.x")\ndef act():\n    pass', /`act` is called with the event and nothing else, and takes \(\).*\(odd\.py:3:2\)/],
      ['@listen("custom.x")\ndef act(event):\n    yield 1', /`act` has a `yield`.*\(odd\.py:3:2\)/],
      ['from hearken import lisen', /cannot import name 'lisen' from 'hearken'; did you mean 'listen'\? \(odd\.py:3:1\)/],
      ['import requests', /`fetch` of `hearken` makes requests/],
      ['input("who? ")', /EOFError.*nobody types/],
      ['open("notes.txt")', /FileNotFoundError.*plugins have no files/],
    ]) {
      stage.save('odd.py', `from hearken import listen\n\n${text}\n`);
      const failed = await reports.about('plugin.failed', 'odd');
      assert.match(failed.data.reason, expected);
    }
    stage.save('odd.toml', '[engine]\ncompat = "enonic"\n');
    const failed = await reports.about('plugin.failed', 'odd');
    assert.match(failed.data.reason, /odd\.toml: `compat` in `\[engine\]` is for plugins in JavaScript and TypeScript/);
    stage.remove('odd.toml');
    stage.remove('odd.py');
  }],
  ['asyncio.run is for handlers that are not async', async (stage, reports) => {
    const answers = await stage.listen('custom.ran');
    stage.save('runs.py', `import asyncio
from hearken import listen, send, wait

async def later(value):
    await asyncio.sleep(0.001)
    return value

first = asyncio.run(later(1))

@listen("custom.run")
def act(event):
    answer = wait("custom.run.answered", timeout="5s")
    send("run.answered", data=3)
    send("ran", data=[first, asyncio.run(later(2)), answer.result().data])
`);
    await reports.about('plugin.started', 'runs');
    await stage.send('run');
    assert.deepEqual(await answers.data(), [1, 2, 3]);
  }],
  ['a folder with main.py is a plugin of several files', async (stage, reports) => {
    const answers = await stage.listen('custom.bill');
    stage.save('shop/cart.py', 'from ._names import name\n\ndef line(event):\n    return name + event.data\n');
    stage.save('shop/_names.py', 'name = "Ada: "\n');
    stage.save('shop/calendar.py', 'day = "today"\n');
    stage.save('shop/main.py', `import calendar
from . import cart
from hearken import listen, send
import _rates

@listen("custom.order")
def bill(event):
    send("bill", data=[cart.line(event), calendar.day, _rates.rate])
`);
    await reports.about('plugin.started', 'shop');
    await stage.send('order', 'tea');
    assert.deepEqual(await answers.data(), ['Ada: tea', 'today', 3]);
  }],
  ['print and logging are in the log under the plugin', async (stage, reports) => {
    const answers = await stage.listen('custom.spoke');
    stage.save('speaks.py', `import logging, sys
from hearken import listen, log, send

@listen("custom.speak")
def speak(event):
    print("printed", 1, end="")
    print("complained", file=sys.stderr)
    logging.getLogger("shop").error("logged %s", 2)
    log.warn("warned", 3)
    send("spoke")
`);
    await reports.about('plugin.started', 'speaks');
    await stage.send('speak');
    await answers.next();
    const line = await stage.logged('printed 1');
    assert.deepEqual([line.level, line.plugin], ['INFO', 'speaks']);
    assert.equal((await stage.logged('complained')).level, 'WARN');
    const logged = await stage.logged('logged 2');
    assert.deepEqual([logged.level, logged.context], ['ERROR', 'shop']);
    assert.equal((await stage.logged('warned 3')).level, 'WARN');
  }],
  ['too little memory is an error that says so', async (stage, reports) => {
    stage.save('small.toml', '[limits]\nmemory = "16MiB"\n');
    stage.save('small.py', answering('1'));
    const failed = await reports.about('plugin.failed', 'small');
    assert.match(failed.data.reason, /engine of Python needs at least 32\.0 MiB.*leaves it 16\.0 MiB/);
    stage.remove('small.py');
    await reports.about('plugin.removed', 'small');
  }],
];

module.exports = { checks };
