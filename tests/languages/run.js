'use strict';
// Plugins in Python against a node, and what authors test them with:
//
//   node tests/languages/run.js [PROGRAM [SUITE…]]
//
// PROGRAM is `hearken`; by default the one in the target folder, which `cargo build` makes. It
// makes the engine itself, with pip, once for its sources; then it is taken from below the target
// folder, or from where HEARKEN_PYTHON_ENGINE names it. Whatever is missing fails.

const { spawnSync } = require('node:child_process');
const crypto = require('node:crypto');
const fs = require('node:fs');
const path = require('node:path');
const { conclude, fail, program, target } = require('../clients/harness/suite');
const node = require('../clients/harness/node');
const { run } = require('./checks');
const { on } = require('./stage');

const root = path.join(__dirname, '..', '..');

/** Runs a program that must succeed. */
function succeed(what, command, given, options = {}) {
  const { status, error } = spawnSync(command, given, { stdio: 'inherit', ...options });
  if (status !== 0)
    fail(`${what} (${error || `status ${status}`})`);
}

/** Of all that the engine is made of. */
function sources() {
  const hash = crypto.createHash('sha256');
  const read = (file) => {
    if (fs.statSync(file).isDirectory())
      return fs.readdirSync(file).sort().filter((name) => name !== '__pycache__').forEach((name) => read(path.join(file, name)));
    hash.update(`${path.relative(root, file)}\0`).update(fs.readFileSync(file));
  };
  ['sdk/python/engine', 'sdk/python/hearken', 'wit'].forEach((name) => read(path.join(root, name)));
  return hash.digest('hex').slice(0, 16);
}

/** The engine as the program makes it. */
function engine(hearken) {
  const folder = path.join(target, 'languages', sources());
  const made = path.join(folder, 'data', 'engines', 'python.wasm');
  if (!fs.existsSync(made)) {
    fs.rmSync(path.dirname(folder), { recursive: true, force: true });
    fs.mkdirSync(folder, { recursive: true });
    succeed('the engine of Python cannot be made', hearken, ['engine', 'add', 'python'], { cwd: folder });
  }
  return path.join(folder, 'data');
}

/** A data folder with the engine. */
function data(hearken) {
  const given = process.env.HEARKEN_PYTHON_ENGINE;
  return given === undefined ? engine(hearken) : path.dirname(path.dirname(path.resolve(given)));
}

/** Rows of some suites against one node; returns how many there are. */
async function rows(hearken, made, suites) {
  const place = node.folder();
  const data = path.join(place, 'data');
  fs.writeFileSync(path.join(place, 'hearken.toml'), CONFIGURATION);
  fs.mkdirSync(data);
  const add = () => {
    // As if it had been made here.
    for (const part of ['code', 'engines'])
      if (fs.existsSync(path.join(made, part)))
        fs.cpSync(path.join(made, part), path.join(data, part), { recursive: true, mode: fs.constants.COPYFILE_FICLONE });
  };
  // Which begins without.
  if (suites[0] !== 'loading')
    add();
  try {
    return await on(hearken, place, {}, async (stage) => {
      const reports = await stage.listen('plugin.*');
      let count = 0;
      for (const suite of suites)
        count += await run(require(`./${suite}`).checks, stage, reports, add);
      return count;
    });
  } finally {
    fs.rmSync(place, { recursive: true, force: true });
  }
}

const SUITES = ['loading', 'projects', 'api', 'channels', 'sessions', 'bounds'];

const APART = {
  installed: (hearken, made) => run(require('./installed').checks, hearken, made),
  runners: () => run(require('./runners').checks),
};

const CONFIGURATION = `
[sessions]
anonymous = true
connect = "chats"
rpc = { "*" = "chats" }

[sessions.namespaces.chat]
allow_subscribe_for_client = true
allow_subscribe_for_anonymous = true
allow_publish_for_subscriber = true
hooks = "chats"
`;

/** The suites that are named, or all: those that share a node, and then those that have their own. */
async function all(hearken) {
  const chosen = process.argv.length > 3 ? process.argv.slice(3) : [...SUITES, ...Object.keys(APART)];
  const made = data(hearken);
  const together = chosen.filter((name) => SUITES.includes(name));
  let count = together.length > 0 ? await rows(hearken, made, together) : 0;
  for (const name of chosen.filter((name) => !SUITES.includes(name))) {
    if (APART[name] === undefined)
      fail(`there is no suite ${name}`);
    count += await APART[name](hearken, made);
  }
  return count;
}

conclude(all(program()));
