'use strict';
// Clients in Python, installed as they are published.

const { spawn, spawnSync } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const { fail, target } = require('./suite');
const { within } = require('./wait');

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
async function run(interpreter, script, given) {
  const child = spawn(interpreter, ['-B', script, ...given], { stdio: ['ignore', 'pipe', 'inherit'] });
  let printed = '';
  child.stdout.setEncoding('utf8').on('data', (text) => {
    process.stdout.write(text);
    printed += text;
  });
  const ended = new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => resolve(code === null ? signal : code));
  });
  try {
    const how = await within('the client ends', ended);
    if (how !== 0)
      throw new Error(`the client has ended with ${how}`);
  } finally {
    child.kill('SIGKILL');
  }
  return printed.split('\n').filter((line) => line !== '');
}

module.exports = { install, run };
