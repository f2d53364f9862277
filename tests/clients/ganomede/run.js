'use strict';
// Drives the client of ganomede-events, as it is published, against a node:
//
//   node tests/clients/ganomede/run.js [PROGRAM]
//
// PROGRAM is `hearken`; by default the one in the target folder, which `cargo build` makes.
// The client is installed below the target folder, with npm. Whatever is missing fails.

const { conclude, install, program } = require('../harness/suite');
const checks = require('./checks');

// Its module has the settings of its server too, which are refused without this.
process.env.API_SECRET = 'of the server that is not used';
conclude(checks.all(program(), install(__dirname)('ganomede-events')));
