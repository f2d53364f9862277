'use strict';
// Drives the client libraries `centrifuge-client` and `tokio-centrifuge`, as they are published,
// against a node:
//
//   node tests/clients/rust/run.js [PROGRAM]
//
// PROGRAM is `hearken`; by default the one in the target folder, which `cargo build` makes. The
// libraries are built below the target folder, with cargo. Whatever is missing fails.

const { spawnSync } = require('node:child_process');
const path = require('node:path');
const application = require('../harness/application');
const { run } = require('../harness/process');
const { conclude, fail, program, target } = require('../harness/suite');

/** Builds what drives the libraries; returns it. */
function build() {
  const folder = path.join(target, 'clients', 'rust');
  const manifest = path.join(__dirname, 'Cargo.toml');
  const cargo = ['build', '--quiet', '--locked', '--manifest-path', manifest, '--target-dir', folder];
  const { status, error } = spawnSync('cargo', cargo, { stdio: 'inherit' });
  if (status !== 0)
    fail(`cargo cannot build the clients (${error || `status ${status}`})`);
  return path.join(folder, 'debug', 'hearken-clients');
}

const clients = build();
conclude(application.check(program(), async (given) => (await run(clients, given)).length));
