'use strict';
// An engine that comes with the program, as in an image: nothing is added to the data folder.

const assert = require('node:assert/strict');
const { execFileSync } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const node = require('../clients/harness/node');
const { on } = require('./stage');

const TEXT = `from hearken import listen, send

@listen("custom.asked")
def answer(event):
    send("answered", data=event.data + 1)
`;

/** Lays the program out as an installer does, with the engine that is in the data folder `made`. */
function installed(hearken, made, root) {
  const program = path.join(root, 'bin', 'hearken');
  const engine = path.join(root, 'share', 'hearken', 'engines', 'python.wasm');
  for (const [from, to] of [[hearken, program], [path.join(made, 'engines', 'python.wasm'), engine]]) {
    fs.mkdirSync(path.dirname(to), { recursive: true });
    fs.copyFileSync(from, to, fs.constants.COPYFILE_FICLONE);
  }
  // As it is of another owner, and on a layer that nobody writes to.
  fs.chmodSync(engine, 0o444);
  return { program, engine };
}

const checks = [
  ['an engine beside the program needs nothing in the data folder', async (hearken, made) => {
    const place = node.folder();
    try {
      const { program, engine } = installed(hearken, made, path.join(place, 'usr'));
      const data = path.join(place, 'data');
      fs.mkdirSync(data);
      // What takes a minute elsewhere.
      if (fs.existsSync(path.join(made, 'code')))
        fs.cpSync(path.join(made, 'code'), path.join(data, 'code'), { recursive: true });
      const listed = execFileSync(program, ['engine', 'list', '--json'], { cwd: place, encoding: 'utf8' });
      const python = listed.trim().split('\n').map((line) => JSON.parse(line)).find(({ name }) => name === 'python');
      assert.equal(python.file, engine);
      assert.equal(python.built_in, false);
      await on(program, place, {}, async (stage) => {
        const reports = await stage.listen('plugin.*');
        const answers = await stage.listen('custom.answered');
        stage.save('first.py', TEXT);
        await reports.about('plugin.started', 'first');
        await stage.send('asked', 6);
        assert.equal(await answers.data(), 7);
      });
      assert.ok(!fs.existsSync(path.join(data, 'engines')), 'nothing is put there');
    } finally {
      fs.rmSync(place, { recursive: true, force: true });
    }
  }],
];

module.exports = { checks };
