'use strict';
// A folder with packages of PyPI beside its sources.

const assert = require('node:assert/strict');
const { spawnSync } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const { program } = require('../clients/harness/suite');

const checks = [
  ['a project comes with its packages, and its own texts', async (stage, reports) => {
    const answers = await stage.listen('custom.packed');
    for (const [name, text] of [
      ['.packages/single.py', 'value = 1\n'],
      ['.packages/whole/__init__.py', 'from .part import value\n'],
      ['.packages/whole/part.py', 'value = 2\n\ndef broken():\n    raise ValueError("in a package")\n'],
      ['.packages/spaced/inner/deep.py', 'from whole import part\nvalue = part.value + 1\n'],
      ['prices.py', 'value = 4\n'],
      ['main.py', `import prices
import single
import spaced.inner.deep
import whole
from hearken import listen, send


@listen("custom.pack")
def pack(event):
    if event.data:
        whole.part.broken()
    send("packed", data=[single.value, whole.value, spaced.inner.deep.value, prices.value])
`],
    ])
      stage.save(`packed/${name}`, text);
    await reports.about('plugin.started', 'packed');
    await stage.send('pack', 0);
    assert.deepEqual(await answers.data(), [1, 2, 3, 4]);
    await stage.send('pack', 1);
    const failed = await reports.about('plugin.failed', 'packed');
    assert.match(failed.data.reason, /ValueError: in a package/);
    assert.match(failed.data.trace, /at pack \(packed\/main\.py:11:9\)/);
    stage.remove('packed');
    await reports.about('plugin.removed', 'packed');
  }],

  ['a command gets the packages that a project names', async (stage) => {
    // Beside the plugins folder, and with a pip that is at hand.
    const elsewhere = path.join(stage.place, 'elsewhere');
    const tools = path.join(elsewhere, 'tools');
    const write = (name, text, mode) => {
      const file = path.join(elsewhere, name);
      fs.mkdirSync(path.dirname(file), { recursive: true });
      fs.writeFileSync(file, text, { mode });
    };
    write('tools/python3', '#!/bin/sh\nfor it; do [ "$last" != --target ] || to=$it; last=$it; done\nmkdir -p "$to"\necho "value = 5" > "$to/got.py"\n', 0o755);
    write('shop/pyproject.toml', '[project]\nname = "shop"\ndependencies = ["got"]\n');
    write('shop/main.py', `import got
from hearken import listen, send


@listen("custom.get")
def get(event):
    send("got", data=got.value)
`);
    const data = path.join(stage.place, 'data');
    const hearken = (given, input) => {
      const env = { PATH: `${tools}:${process.env.PATH}` };
      const ran = spawnSync(program(), ['plugin', ...given, '--data', data], { cwd: elsewhere, env, input, encoding: 'utf8' });
      assert.equal(ran.status, 0, `${given}: ${ran.error || ''}${ran.stdout}${ran.stderr}`);
      return ran.stdout;
    };
    assert.match(hearken(['check', 'shop']), /custom\.get \(get\)/);
    assert.match(hearken(['try', 'shop', '--event', '-'], '{"type":"get"}'), /sent custom\.got 5/);
    assert.equal(hearken(['build', 'shop']).trim(), path.join('target', 'shop.wasm'));
    assert.match(hearken(['try', 'target/shop.wasm', '--event', '-'], '{"type":"get"}'), /sent custom\.got 5/);
  }],
];

module.exports = { checks };
