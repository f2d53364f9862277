'use strict';
// What the suites of clients share: finding the program, and installing a client as it is
// published.

const { spawnSync } = require('node:child_process');
const fs = require('node:fs');
const { createRequire } = require('node:module');
const path = require('node:path');

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

/**
 * Installs what the lock file of a suite's folder has below the target folder, unless it is
 * there already; returns a `require` that finds it.
 */
function install(suite) {
  const folder = path.join(target, 'clients', path.basename(suite));
  const installed = path.join(folder, 'installed.json');
  const lock = fs.readFileSync(path.join(suite, 'package-lock.json'), 'utf8');
  const found = createRequire(path.join(folder, 'run.js'));
  if (fs.existsSync(installed) && fs.readFileSync(installed, 'utf8') === lock)
    return found;
  fs.rmSync(folder, { recursive: true, force: true });
  fs.mkdirSync(folder, { recursive: true });
  for (const file of ['package.json', 'package-lock.json'])
    fs.copyFileSync(path.join(suite, file), path.join(folder, file));
  // Nothing of what is installed runs while it is.
  const npm = ['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'];
  const { status, error } = spawnSync('npm', npm, { cwd: folder, stdio: 'inherit' });
  if (error && error.code === 'ENOENT')
    fail('there is no npm; on Debian and Ubuntu it is in the package `npm`');
  if (status !== 0)
    fail(`npm cannot install the client (${error || `status ${status}`})`);
  fs.writeFileSync(installed, lock);
  return found;
}

/** Ends the process as the checks do, of which there were so many. */
function conclude(checks) {
  checks.then(
    (count) => {
      console.log(`${count} checks passed`);
      // Clients may keep connections for as long as the process runs.
      process.exit(0);
    },
    (error) => fail(error.stack),
  );
}

module.exports = { conclude, fail, install, program, target };
