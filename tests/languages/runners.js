'use strict';
// What authors test their plugins with, each by the runner of its own community.

const { spawnSync } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const python = require('../clients/harness/python');
const { fail, install, target } = require('../clients/harness/suite');

const root = path.join(__dirname, '..', '..');

/** Runs a program that must succeed. */
function succeed(what, program, given, options = {}) {
  const { status, error } = spawnSync(program, given, { stdio: 'inherit', ...options });
  if (status !== 0)
    fail(`${what} (${error || `status ${status}`})`);
}

/** The distribution `hearken-sdk`, installed as it would be from PyPI, with its fixture. */
function pytest() {
  const interpreter = python.install(path.join(__dirname, 'pytest'));
  const sources = path.join(target, 'clients', 'hearken-sdk');
  // Building leaves files beside the sources.
  fs.rmSync(sources, { recursive: true, force: true });
  for (const part of ['hearken', 'pyproject.toml', 'README.md'])
    fs.cpSync(path.join(root, 'sdk/python', part), path.join(sources, part), { recursive: true });
  const pip = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '--force-reinstall', '--no-deps', sources];
  succeed('pip cannot install hearken-sdk', interpreter, pip);
  // The gallery's example has a test of its own, as an author's would.
  for (const tests of ['sdk/python/tests', 'plugins/python'])
    succeed('pytest', interpreter, ['-B', '-m', 'pytest', '-q', '-p', 'no:cacheprovider', path.join(root, tests)], { cwd: sources });
}

/** The package `hearken`, by node's own runner and by vitest. */
function npm() {
  succeed('npm test', 'npm', ['test', '--silent'], { cwd: path.join(root, 'sdk/js') });
  const installed = install(__dirname);
  const vitest = path.join(path.dirname(installed.resolve('vitest/package.json')), 'vitest.mjs');
  const tests = path.join(__dirname, 'vitest');
  const config = path.join(tests, 'vitest.config.mjs');
  succeed('vitest', process.execPath, [vitest, 'run', '--root', tests, '--config', config]);
}

const checks = [
  ['hearken-sdk by pytest', pytest],
  ['hearken by node --test and vitest', npm],
];

module.exports = { checks };
