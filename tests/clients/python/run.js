'use strict';
// Drives the client library `centrifuge-python`, as it is published, against a node:
//
//   node tests/clients/python/run.js [PROGRAM]
//
// PROGRAM is `hearken`; by default the one in the target folder, which `cargo build` makes.
// The library is installed below the target folder, with pip. Whatever is missing fails.

const path = require('node:path');
const application = require('../harness/application');
const { install, run } = require('../harness/python');
const { conclude, program } = require('../harness/suite');

const interpreter = install(__dirname);
conclude(application.check(program(), async (given) => {
  const lines = await run(interpreter, path.join(__dirname, 'checks.py'), given);
  return lines.length;
}));
