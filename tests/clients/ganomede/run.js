'use strict';
// Drives the client of ganomede-events, as it is published, against a node:
//
//   node tests/clients/ganomede/run.js [PROGRAM]
//
// PROGRAM is `hearken`; by default the one in the target folder, which `cargo build` makes.
// The client is installed below the target folder, with npm. Whatever is missing fails.

const { spawnSync } = require('node:child_process');
const fs = require('node:fs');
const { createRequire } = require('node:module');
const path = require('node:path');
const checks = require('./checks');

const root = path.join(__dirname, '..', '..', '..');
const target = path.resolve(root, process.env.CARGO_TARGET_DIR || 'target');

/** Ends everything with a message that says what to do. */
function fail(message) {
  console.error(`run.js: ${message}`);
  process.exit(1);
}

/** The program, which must be there. */
function program() {
  const file = process.argv[2] || path.join(target, 'debug', 'hearken');
  if (!fs.existsSync(file))
    fail(`there is no ${file}; make it with \`cargo build\`, or name another`);
  return path.resolve(file);
}

/** Installs what the lock file has, unless it is there already; returns the folder. */
function install() {
  const folder = path.join(target, 'clients', 'ganomede');
  const installed = path.join(folder, 'installed.json');
  const lock = fs.readFileSync(path.join(__dirname, 'package-lock.json'), 'utf8');
  if (fs.existsSync(installed) && fs.readFileSync(installed, 'utf8') === lock)
    return folder;
  fs.rmSync(folder, { recursive: true, force: true });
  fs.mkdirSync(folder, { recursive: true });
  for (const file of ['package.json', 'package-lock.json'])
    fs.copyFileSync(path.join(__dirname, file), path.join(folder, file));
  // Nothing of what is installed runs while it is.
  const npm = ['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'];
  const { status, error } = spawnSync('npm', npm, { cwd: folder, stdio: 'inherit' });
  if (error && error.code === 'ENOENT')
    fail('there is no npm; on Debian and Ubuntu it is in the package `npm`');
  if (status !== 0)
    fail(`npm cannot install the client (${error || `status ${status}`})`);
  fs.writeFileSync(installed, lock);
  return folder;
}

/** The client. */
function load(folder) {
  // Its module has the settings of its server too, which are refused without this.
  process.env.API_SECRET = 'of the server that is not used';
  return createRequire(path.join(folder, 'run.js'))('ganomede-events');
}

checks.all(program(), load(install())).then(
  (count) => {
    console.log(`${count} checks passed`);
    // The client keeps connections, and asks on those for as long as the process runs.
    process.exit(0);
  },
  (error) => fail(error.stack),
);
