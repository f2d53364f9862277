'use strict';
// Clients in Python, installed as they are published.

const { spawnSync } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const { run: runProgram } = require('./process');
const { fail, target } = require('./suite');

/** Runs a program that must succeed. */
function succeed(program, given, folder, what) {
  const { status, error } = spawnSync(program, given, { cwd: folder, stdio: 'inherit' });
  if (error && error.code === 'ENOENT')
    fail('there is no python3; on Debian and Ubuntu take the packages `python3` and `python3-venv`');
  if (status !== 0)
    fail(`${what} (${error || `status ${status}`})`);
}

/**
 * Installs what `requirements.txt` of a suite's folder has below the target folder, unless it
 * is there already; returns the interpreter that finds it.
 */
function install(suite) {
  const folder = path.join(target, 'clients', path.basename(suite));
  const installed = path.join(folder, 'installed.txt');
  const interpreter = path.join(folder, 'bin', 'python3');
  const wanted = fs.readFileSync(path.join(suite, 'requirements.txt'), 'utf8');
  if (fs.existsSync(installed) && fs.readFileSync(installed, 'utf8') === wanted)
    return interpreter;
  fs.rmSync(folder, { recursive: true, force: true });
  fs.mkdirSync(folder, { recursive: true });
  const venv = ['-m', 'venv', folder];
  succeed('python3', venv, folder, 'python3 makes no environment; is there `python3-venv`?');
  const requirements = path.join(suite, 'requirements.txt');
  // Nothing of what is installed runs while it is.
  const pip = ['-m', 'pip', 'install', '--quiet', '--only-binary', ':all:', '-r', requirements];
  succeed(interpreter, pip, folder, 'pip cannot install the client');
  fs.writeFileSync(installed, wanted);
  return interpreter;
}

/** Runs a script; fails unless it succeeds. Returns the lines that it has printed. */
function run(interpreter, script, given) {
  // Leaves no compiled files beside what is run.
  return runProgram(interpreter, ['-B', script, ...given]);
}

module.exports = { install, run };
