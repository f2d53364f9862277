'use strict';
// Opens the pages that a node serves in a real browser:
//
//   node tests/clients/browser/run.js [PROGRAM]
//
// PROGRAM is `hearken`; by default the one in the target folder, which `cargo build` makes.
// The browser is `chromium` of the system, or what CHROMIUM names. What drives it is installed
// below the target folder, with npm. Whatever is missing fails.

const { conclude, install, program } = require('../harness/suite');
const checks = require('./checks');

const find = install(__dirname);
conclude(checks.all(program(), find('playwright-core').chromium));
