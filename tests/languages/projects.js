'use strict';
// A folder with packages of PyPI beside its sources.

const assert = require('node:assert/strict');

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
];

module.exports = { checks };
