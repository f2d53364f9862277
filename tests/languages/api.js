'use strict';
// What a text imports does what it does for any plugin, and the standard library is there.

const assert = require('node:assert/strict');
const http = require('node:http');

/** A server that answers two requests when both have come, and none before. */
async function server() {
  const waiting = [];
  const serving = http.createServer((request, response) => {
    let body = '';
    request.on('data', (text) => { body += text; });
    request.on('end', () => {
      if (request.url === '/away')
        return response.writeHead(302, { location: '/there' }).end();
      const answer = () => response.setHeader('x-kind', 'test').end(JSON.stringify({ got: body, of: request.method, type: request.headers['content-type'] }));
      if (request.url === '/there')
        return answer();
      waiting.push(answer);
      if (waiting.length === 2)
        waiting.splice(0).forEach((each) => each());
    });
  });
  await new Promise((resolve) => serving.listen(0, '127.0.0.1', resolve));
  return serving;
}

const checks = [
  ['an async handler waits for several things side by side', async (stage, reports) => {
    const answers = await stage.listen('custom.replied');
    const asked = await stage.listen('custom.question.*');
    stage.save('asks.py', `import asyncio
from hearken import WaitTimeout, listen, send, wait

@listen("custom.ask")
async def ask(event):
    waits = [wait(f"custom.reply.{name}", subject=event.subject, timeout="20s") for name in ("one", "two")]
    send("question.both")
    one, two = await asyncio.gather(*waits)
    try:
        await wait("custom.never", timeout=0.01)
    except WaitTimeout as error:
        late = error.code
    await asyncio.sleep(0.005)
    async with asyncio.timeout(5), asyncio.TaskGroup() as group:
        slept = group.create_task(asyncio.sleep(0.001, "slept"))
    queue = asyncio.Queue()
    await queue.put(1)
    send("replied", data=[one.data, two.data, late, slept.result(), await queue.get()])
`);
    await reports.about('plugin.started', 'asks');
    await stage.send('ask', 0);
    await asked.next();
    await stage.send('reply.two', 2);
    await stage.send('reply.one', 1);
    assert.deepEqual(await answers.data(), [1, 2, 'timed-out', 'slept', 1]);
  }],
  ['a handler that is not async waits by result()', async (stage, reports) => {
    const answers = await stage.listen('custom.replied');
    const asked = await stage.listen('custom.question.one');
    stage.save('waits.py', `from hearken import WaitTimeout, listen, send, wait

@listen("custom.wait")
def ask(event):
    answer = wait("custom.reply.one", timeout="20s")
    send("question.one")
    try:
        answer.data
    except AttributeError as error:
        hint = "result()" in str(error)
    got = answer.result()
    try:
        wait("custom.never", timeout="10ms").result()
    except TimeoutError:
        send("replied", data=[got.data, got.type, hint])
`);
    await reports.about('plugin.started', 'waits');
    await stage.send('wait');
    await asked.next();
    await stage.send('reply.one', 5);
    assert.deepEqual(await answers.data(), [5, 'custom.reply.one', true]);
  }],
  ['what nothing can settle any more, and what is left behind, is told', async (stage, reports) => {
    const answers = await stage.listen('custom.went.on');
    stage.save('stuck.py', `import asyncio
from hearken import listen, send, wait

@listen("custom.stuck")
async def hang(event):
    await asyncio.get_running_loop().create_future()

@listen("custom.leave")
async def leave(event):
    wait("custom.never", timeout="1h")
    asyncio.create_task(asyncio.sleep(3600))
    send("went.on")
`);
    await reports.about('plugin.started', 'stuck');
    await stage.send('stuck');
    const failed = await reports.about('plugin.failed', 'stuck');
    assert.match(failed.data.reason, /nothing can settle any more/);
    await stage.send('leave');
    await answers.next();
    await stage.send('leave');
    await answers.next();
    await stage.logged('is dropped: 2');
    assert.equal((await stage.plugin('stuck')).counters.restarts, 0);
  }],
  ['several requests are under way at once, and redirects are followed', async (stage, reports) => {
    const serving = await server();
    const host = `127.0.0.1:${serving.address().port}`;
    const answers = await stage.listen('custom.fetched');
    stage.save('fetches.toml', `[allow]\nhttp = ["${host}"]\n[config]\nto = "${host}"\n`);
    stage.save('fetches.py', `import asyncio
from hearken import FetchError, config, fetch, listen, send

to = "http://" + config.get("to")

@listen("custom.fetch")
async def both(event):
    one, two = await asyncio.gather(fetch(to + "/", method="POST", json=[1]), fetch(to + "/", method="post", body="two"))
    away = await fetch(to + "/away", method="POST", body=b"x")
    try:
        await fetch("http://elsewhere.example/")
    except FetchError as error:
        denied = str(error)
    send("fetched", data=[one.status, one.ok, one.headers["X-Kind"], one.json(), two.json(), away.json(), away.url, denied])
`);
    await reports.about('plugin.started', 'fetches');
    await stage.send('fetch');
    const [status, ok, kind, one, two, away, url, denied] = await answers.data();
    assert.deepEqual([status, ok, kind], [200, true, 'test']);
    assert.deepEqual(one, { got: '[1]', of: 'POST', type: 'application/json' });
    assert.deepEqual([two.got, two.of], ['two', 'POST']);
    assert.deepEqual([away.got, away.of], ['', 'GET']);
    assert.equal(url, `http://${host}/there`);
    assert.match(denied, /\[allow\] http/);
    serving.close();
  }],
  ['buckets keep what a text puts there', async (stage, reports) => {
    const answers = await stage.listen('custom.kept');
    stage.save('keeps.toml', '[allow]\nkeyvalue = ["visits"]\n');
    stage.save('keeps.py', `from hearken import bucket, listen, send

@listen("custom.keep")
def keep(event):
    visits = bucket("visits")
    visits.set("last", {"of": event.data})
    visits.set("raw", b"\\xff")
    total = visits.increment("total", 2)
    visits.set_many({"a": 1, "b": "two"})
    visits.delete_many(["a"])
    found = visits.get_many(["last", "b", "none"])
    keys, after = visits.keys()
    send("kept", data=[found, total, "none" in visits, visits.get("none", 3), visits.get_bytes("raw")[0], sorted(keys), after])
`);
    await reports.about('plugin.started', 'keeps');
    for (const total of [2, 4]) {
      await stage.send('keep', total);
      const expected = [{ last: { of: total }, b: 'two' }, total, false, 3, 255, ['b', 'last', 'raw', 'total'], null];
      assert.deepEqual(await answers.data(), expected);
    }
  }],
  ['an event has its attributes, and what is sent has its own', async (stage, reports) => {
    const answers = await stage.listen('custom.looked');
    stage.save('looks.py', `from datetime import datetime, timezone
from hearken import Event, SendError, listen, send

kept = []

@listen(["custom.look.*", "custom.never"])
def look(event: Event) -> None:
    kept.append(event)
    try:
        send("not a type")
    except SendError as error:
        code = error.code
    send("looked", subject=event.subject, id=f"id-{len(kept)}", time=datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone.utc),
         extensions={"tries": 3, "ok": True}, data=[event.to_dict(), event.text(), code, [one.data for one in kept]])

@listen("custom.text")
def text(event):
    send("looked", datacontenttype="text/plain", data="as it is")
    send("looked", data=b"\\x00\\x01")
    send("looked", data=None)
    send("looked")
`);
    await reports.about('plugin.started', 'looks');
    await stage.send('look.first', { é: [1, null, 2.5] }, { subject: 'Ada', id: 'mine' });
    const first = await answers.next();
    assert.deepEqual([first.subject, first.id, first.time, first.tries, first.ok], ['Ada', 'id-1', '2026-01-02T03:04:05Z', 3, true].map((value, at) => at > 2 ? first[['', '', '', 'tries', 'ok'][at]] : value));
    const [whole, text, code, kept] = first.data;
    assert.deepEqual([whole.type, whole.subject, whole.id, whole.localorigin, whole.data], ['custom.look.first', 'Ada', 'mine', true, { é: [1, null, 2.5] }]);
    assert.deepEqual(JSON.parse(text), { é: [1, null, 2.5] });
    assert.equal(code, 'invalid');
    await stage.send('look.second', 2);
    assert.deepEqual((await answers.next()).data[3], [...kept, 2]);
    await stage.send('text');
    const texts = [await answers.next(), await answers.next(), await answers.next(), await answers.next()];
    assert.deepEqual(texts.map(({ data, data_base64: bytes }) => data ?? bytes ?? null), ['as it is', 'AAE=', null, null]);
  }],
  ['the standard library is there', async (stage, reports) => {
    const answers = await stage.listen('custom.known');
    stage.save('library.py', `import base64, collections, csv, dataclasses, datetime, decimal, enum, fractions, functools, gzip, hashlib
import heapq, hmac, html, io, itertools, json, logging, math, operator, random, re, secrets, sqlite3, statistics, string, struct
import textwrap, tomllib, typing, unicodedata, urllib.parse, uuid, xml.etree.ElementTree as tree, zlib, zoneinfo
from hearken import listen, send

@dataclasses.dataclass(order=True)
class Line:
    name: str
    price: decimal.Decimal = dataclasses.field(default=decimal.Decimal("1.10"))

@listen("custom.know")
def know(event):
    database = sqlite3.connect(":memory:")
    database.execute("create table t (n integer, name text)")
    database.executemany("insert into t values (?, ?)", [(1, "one"), (2, "two")])
    oslo = datetime.datetime(2026, 7, 1, 12, tzinfo=zoneinfo.ZoneInfo("Europe/Oslo"))
    send("known", data={
        "json": json.loads(json.dumps({"a": [1, 2]})),
        "datetime": oslo.astimezone(datetime.timezone.utc).isoformat(),
        "strptime": datetime.datetime.strptime("2026-02-03", "%Y-%m-%d").strftime("%d.%m.%y"),
        "decimal": str(decimal.Decimal("0.1") + decimal.Decimal("0.2")),
        "re": re.findall(r"(?<=-)\\w+", "spam-egg-ham"),
        "sqlite3": database.execute("select sum(n), group_concat(name) from t").fetchone(),
        "dataclasses": str(dataclasses.replace(Line("tea"), name="milk")),
        "csv": list(csv.reader(io.StringIO("a,b\\n1,2\\n"))),
        "hashlib": hashlib.sha256(b"x").hexdigest()[:8],
        "zlib": zlib.decompress(gzip.decompress(gzip.compress(zlib.compress(b"y")))).decode(),
        "tomllib": tomllib.loads("a = [1, 2]"),
        "xml": tree.fromstring("<a><b c='d'/></a>")[0].attrib,
        "url": urllib.parse.urlencode({"q": "a b"}),
        "statistics": statistics.median([3, 1, 2]),
    })
`);
    await reports.about('plugin.started', 'library');
    await stage.send('know');
    assert.deepEqual(await answers.data(), {
      json: { a: [1, 2] },
      datetime: '2026-07-01T10:00:00+00:00',
      strptime: '03.02.26',
      decimal: '0.3',
      re: ['egg', 'ham'],
      sqlite3: [3, 'one,two'],
      dataclasses: "Line(name='milk', price=Decimal('1.10'))",
      csv: [['a', 'b'], ['1', '2']],
      hashlib: '2d711642',
      zlib: 'y',
      tomllib: { a: [1, 2] },
      xml: { c: 'd' },
      url: 'q=a+b',
      statistics: 2,
    });
  }],
];

module.exports = { checks };
