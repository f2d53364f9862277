'use strict';
// Drives Autobahn's test suite for WebSocket, as it is published, against the codec of
// sessions:
//
//   node tests/clients/autobahn/run.js [PROGRAM]
//
// PROGRAM is the example `echo` of `hearken-session-protocol`; by default the one in the target
// folder, which `cargo build -p hearken-session-protocol --example echo` makes. The suite runs
// on Python 2 alone: where there is none, that is said and nothing is tried. Otherwise the suite
// is installed below the target folder, with pip; some of it comes as source and is built then.

const assert = require('node:assert/strict');
const { spawn, spawnSync } = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const readline = require('node:readline');
const { conclude, fail, target } = require('../harness/suite');
const { within } = require('../harness/wait');

/** Longest that all cases may take; those with large messages take a minute or two. */
const DEADLINE = 600000;

/** The cases: all but those of compression, which is not spoken. */
const CASES = ['1.*', '2.*', '3.*', '4.*', '5.*', '6.*', '7.*', '9.*', '10.*'];

/** How many there are. */
const COUNT = 301;

/** What some servers may do so and others otherwise, and the suite only looks at. */
const INFORMATIONAL = ['7.1.6', '7.13.1', '7.13.2'];

const START = `
import site, sys
site.addsitedir(sys.argv.pop(1))
from autobahntestsuite import wstest
wstest.run()
`;

/** A Python 2 with pip, if there is one. */
function python2() {
  const folders = (process.env.PATH || '').split(path.delimiter);
  const versions = path.join(process.env.PYENV_ROOT || path.join(os.homedir(), '.pyenv'), 'versions');
  if (fs.existsSync(versions))
    for (const version of fs.readdirSync(versions).filter((name) => name.startsWith('2.7')))
      folders.push(path.join(versions, version, 'bin'));
  const programs = folders.map((folder) => path.join(folder, 'python2.7'));
  // A shim of pyenv is there for versions that are not the chosen one too, and then fails.
  const has = (file) => fs.existsSync(file) && spawnSync(file, ['-m', 'pip', '--version']).status === 0;
  return programs.find(has);
}

/** Installs the suite, unless it is there already; returns its folder. */
function install(python) {
  const requirements = path.join(__dirname, 'requirements.txt');
  const wanted = fs.readFileSync(requirements, 'utf8');
  const folder = path.join(target, 'clients', 'autobahn');
  const installed = path.join(folder, 'installed.txt');
  if (fs.existsSync(installed) && fs.readFileSync(installed, 'utf8') === wanted)
    return folder;
  fs.rmSync(folder, { recursive: true, force: true });
  const pip = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check',
    '--target', folder, '-r', requirements];
  const { status, error } = spawnSync(python, pip, { stdio: 'inherit' });
  if (status !== 0)
    fail(`pip cannot install the suite (${error || `status ${status}`})`);
  fs.writeFileSync(installed, wanted);
  return folder;
}

/** Starts what is tested; returns it with its address. */
async function echo() {
  const program = path.resolve(process.argv[2] || path.join(target, 'debug', 'examples', 'echo'));
  if (!fs.existsSync(program)) {
    const build = 'cargo build -p hearken-session-protocol --example echo';
    fail(`there is no ${program}; make it with \`${build}\`, or name another`);
  }
  const child = spawn(program, { stdio: ['pipe', 'pipe', 'inherit'] });
  const listening = new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code) => reject(new Error(`it has ended with ${code}`)));
    readline.createInterface({ input: child.stdout }).on('line', (line) => resolve(line.split(' ').pop()));
  });
  const address = await within('it listens', listening);
  return { child, address };
}

/** Runs all cases; returns how many there are. */
async function all(python) {
  const suite = install(python);
  const place = fs.mkdtempSync(path.join(os.tmpdir(), 'hearken-autobahn-'));
  const { child, address } = await echo();
  try {
    const specification = path.join(place, 'specification.json');
    const servers = [{ agent: 'hearken', url: `ws://${address}` }];
    const cases = { cases: CASES, 'exclude-cases': [], 'exclude-agent-cases': {} };
    fs.writeFileSync(specification, JSON.stringify({ outdir: place, servers, ...cases }));
    const given = ['-c', START, suite, '--mode', 'fuzzingclient', '--spec', specification];
    const options = { cwd: place, encoding: 'utf8', timeout: DEADLINE, maxBuffer: 1 << 26 };
    const { status, error, stdout, stderr } = spawnSync(python, given, options);
    if (status !== 0)
      throw new Error(`the suite has ended with ${error || status}:\n${stdout}\n${stderr}`);
    return checked(JSON.parse(fs.readFileSync(path.join(place, 'index.json'), 'utf8')).hearken);
  } finally {
    child.kill('SIGKILL');
    fs.rmSync(place, { recursive: true, force: true });
  }
}

/** Fails unless each case has ended as it should. */
function checked(cases) {
  const wrong = Object.entries(cases).filter(([name, { behavior, behaviorClose }]) => {
    const expected = INFORMATIONAL.includes(name) ? 'INFORMATIONAL' : 'OK';
    return behavior !== expected || !['OK', 'INFORMATIONAL'].includes(behaviorClose);
  });
  const told = wrong.map(([name, { behavior, behaviorClose, duration }]) =>
    `case ${name} ends ${behavior}, and closes ${behaviorClose}, after ${duration} ms`);
  assert.deepEqual(told, []);
  const count = Object.keys(cases).length;
  assert.equal(count, COUNT, 'cases are missing, or there are more');
  return count;
}

const python = python2();
if (python)
  conclude(all(python));
else
  console.log('Autobahn: NOT RUN, since it needs Python 2 with pip, and there is none');
