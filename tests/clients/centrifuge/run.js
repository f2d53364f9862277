'use strict';
// Drives the client library `centrifuge`, as it is published, against a node, and against three:
//
//   node tests/clients/centrifuge/run.js [PROGRAM]
//
// PROGRAM is `hearken`; by default the one in the target folder, which `cargo build` makes.
// The library is installed below the target folder, with npm. Whatever is missing fails.

const { conclude, install, program } = require('../harness/suite');
const { across } = require('./across');
const checks = require('./checks');
const durable = require('./durable');
const { all } = require('./stage');

const find = install(__dirname);
const library = {
  json: find('centrifuge').Centrifuge,
  protobuf: find('centrifuge/build/protobuf').Centrifuge,
  WebSocket: find('ws'),
  EventSource: find('eventsource').EventSource,
};

/** Runs all suites; returns how many checks there were. */
async function suites() {
  const first = await all(checks, program(), library);
  const second = await all(durable, program(), library);
  return first + second + await across(program(), library);
}

conclude(suites());
