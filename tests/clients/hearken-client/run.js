'use strict';
// Drives the client libraries of this repository, for JavaScript and for Python, against a node,
// which is killed amid their work:
//
//   node tests/clients/hearken-client/run.js [PROGRAM]
//
// PROGRAM is `hearken`; by default the one in the target folder, which `cargo build` makes. Needs
// `python3`, and nothing to be installed. Whatever is missing fails.

const path = require('node:path');
const { conclude, program } = require('../harness/suite');
const { Stage } = require('./stage');
const survive = require('./survive');
const tls = require('./tls');

const LANGUAGES = {
  javascript: [process.execPath, path.join(__dirname, 'client.mjs')],
  // Leaves no compiled files beside what is run.
  python: ['python3', '-B', path.join(__dirname, 'client.py')],
};

/** Runs all checks in all languages; returns how many there were. */
async function all(hearken) {
  let count = 0;
  for (const [language, command] of Object.entries(LANGUAGES)) {
    const stage = await Stage.start(hearken);
    try {
      const lines = await stage.run(command, 'checks');
      count += lines.length;
      count += await survive.check(stage, command, language);
      await stage.stop();
    } catch (error) {
      console.error(stage.log.join('\n'));
      throw error;
    } finally {
      stage.remove();
    }
    count += await tls.check(hearken, command);
  }
  return count;
}

conclude(all(program()));
