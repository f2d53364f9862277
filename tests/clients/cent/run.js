'use strict';
// Drives the library `cent` for servers of applications, as it is published, against a node:
//
//   node tests/clients/cent/run.js [PROGRAM]
//
// PROGRAM is `hearken`; by default the one in the target folder, which `cargo build` makes.
// The library is installed below the target folder, with pip. Whatever is missing fails.

const fs = require('node:fs');
const path = require('node:path');
const node = require('../harness/node');
const python = require('../harness/python');
const { conclude, program } = require('../harness/suite');

const KEY = 'the key of the servers of an application';

const CONFIGURATION = `
[access.tokens.app]
hmac_secret_file = "token.secret"

[sessions]
token = "app"
anonymous = true

[sessions.api]
key_file = "api.key"

[sessions.namespaces.default]
presence = true
history_size = 100
history_ttl = "5m"

[sessions.namespaces.plain]
`;

/** Runs all checks; returns how many there are. */
async function all(hearken, interpreter) {
  const place = node.folder();
  fs.writeFileSync(path.join(place, 'hearken.toml'), CONFIGURATION);
  fs.writeFileSync(path.join(place, 'token.secret'), 'of the backend and of the node: 0123456789');
  fs.writeFileSync(path.join(place, 'api.key'), KEY);
  const started = await node.start(hearken, place, {});
  try {
    const url = `http://127.0.0.1:${started.port}`;
    const checks = await python.run(interpreter, path.join(__dirname, 'checks.py'), [url, KEY]);
    await started.stop();
    for (const line of started.log)
      if (line.includes(KEY))
        throw new Error(`the log has the key: ${line}`);
    return checks.length;
  } catch (error) {
    console.error(started.log.join('\n'));
    throw error;
  } finally {
    started.kill();
    fs.rmSync(place, { recursive: true, force: true });
  }
}

conclude(all(program(), python.install(__dirname)));
