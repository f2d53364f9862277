'use strict';
// Opens pages in a real browser: those that a node serves, one of an application with the client
// library `centrifuge`, and one with that of this repository:
//
//   node tests/clients/browser/run.js [PROGRAM]
//
// PROGRAM is `hearken`; by default the one in the target folder, which `cargo build` makes.
// The browser is `chromium` of the system, or what CHROMIUM names. What drives it, the library and
// what bundles it are installed below the target folder, with npm. Whatever is missing fails.

const { conclude, install, program } = require('../harness/suite');
const chat = require('./chat');
const hearken = require('./hearken');
const library = require('./library');

const BROWSER = process.env.CHROMIUM || '/usr/bin/chromium';

// The sandbox of a browser needs what a container does not give; it opens our own pages only.
const QUIET = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
  '--disable-background-networking', '--disable-component-update', '--disable-sync'];

const find = install(__dirname);

/** Runs all suites; returns how many checks there were. */
async function suites() {
  const { chromium } = find('playwright-core');
  const browser = await chromium.launch({ executablePath: BROWSER, args: QUIET });
  try {
    const first = await chat.all(program(), browser);
    const second = await library.all(program(), browser, find('esbuild'));
    return first + second + await hearken.all(program(), browser);
  } finally {
    await browser.close();
  }
}

conclude(suites());
