'use strict';
// The types that are published, by TypeScript itself: what they take, and what they refuse.

const assert = require('node:assert/strict');
const { spawnSync } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');

const root = path.join(__dirname, '..', '..', '..');

/** What is the same wherever types are used. */
const STRICT = { strict: true, exactOptionalPropertyTypes: true, noUncheckedIndexedAccess: true, noEmit: true, skipLibCheck: false };

/** Who uses them, and what there is where they do. */
const USES = [
  ['a plugin', '_plugin.ts', { lib: ['es2024'], types: [], module: 'esnext', moduleResolution: 'bundler' }],
  ['a test of a plugin', 'tests.ts', { lib: ['es2024'], types: [], module: 'nodenext' }],
  ['a page', 'page.ts', { lib: ['es2022', 'dom', 'dom.iterable'], types: [], module: 'esnext', moduleResolution: 'bundler' }],
  ['a program in Node', 'program.ts', { lib: ['esnext'], types: ['node'], module: 'nodenext' }],
];

/** Puts texts into a plugins folder: those of the gallery, and what is to be a plugin's. */
function fill(plugins) {
  fs.mkdirSync(plugins, { recursive: true });
  const gallery = path.join(root, 'plugins');
  for (const name of fs.readdirSync(gallery).filter((name) => /\.(js|ts)$/.test(name)))
    fs.copyFileSync(path.join(gallery, name), path.join(plugins, name));
  fs.copyFileSync(path.join(__dirname, 'types', '_plugin.ts'), path.join(plugins, '_plugin.ts'));
  fs.writeFileSync(path.join(plugins, '_client.ts'), 'export { Client } from "hearken/client";\nexport { host } from "hearken/testing";\n');
}

/** Checks the types that `hearken dev` has kept in the plugins folder of a place; returns how many checks that are. */
function check(place, installed) {
  const compiler = path.join(installed, 'typescript', 'bin', 'tsc');
  const compile = (project, what) => {
    const { status, stdout, stderr } = spawnSync(process.execPath, [compiler, '-p', project], { cwd: place, encoding: 'utf8' });
    assert.equal(status, 0, `${what}: ${stdout}${stderr}`);
    console.log(`ok types: ${what}`);
  };
  compile('plugins', 'the texts of a plugins folder, as an editor has them');
  const uses = path.join(place, 'uses');
  fs.cpSync(path.join(__dirname, 'types'), uses, { recursive: true });
  fs.writeFileSync(path.join(uses, 'package.json'), '{ "type": "module" }');
  fs.mkdirSync(path.join(uses, 'node_modules'));
  fs.symlinkSync(path.join(place, 'plugins', '.hearken', 'npm'), path.join(uses, 'node_modules', 'hearken'));
  for (const [what, file, there] of USES) {
    const compilerOptions = { ...STRICT, target: 'es2022', typeRoots: [path.join(installed, '@types')], ...there };
    const project = path.join(uses, `${file}.json`);
    fs.writeFileSync(project, JSON.stringify({ compilerOptions, files: [file] }));
    compile(project, what);
  }
  return 1 + USES.length;
}

module.exports = { check, fill };
