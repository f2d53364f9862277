'use strict';
// Drives the client library `centrifuge-python`, as it is published, against a node:
//
//   node tests/clients/python/run.js [PROGRAM]
//
// PROGRAM is `hearken`; by default the one in the target folder, which `cargo build` makes.
// The library is installed below the target folder, with pip. Whatever is missing fails.

const fs = require('node:fs');
const path = require('node:path');
const node = require('../harness/node');
const python = require('../harness/python');
const { conclude, program } = require('../harness/suite');

const SECRET = 'of the backend and of the node: 0123456789abcdef';

const CONFIGURATION = `
[access]
anonymous = ["house"]

[access.roles.house]
publish = ["custom.*"]
append = ["*"]

[access.tokens.app]
hmac_secret_file = "token.secret"

[sessions]
token = "app"
anonymous = true

[sessions.namespaces.chat]
allow_subscribe_for_client = true
allow_publish_for_subscriber = true
allow_history_for_subscriber = true
allow_presence_for_subscriber = true
presence = true
join_leave = true
history_size = 100
history_ttl = "5m"

[sessions.namespaces.text]
allow_subscribe_for_client = true
allow_history_for_client = true
allowed_delta_types = ["fossil"]
delta_publish = true
history_size = 100
history_ttl = "5m"

[sessions.namespaces.live]
allow_subscribe_for_client = true
allow_subscribe_for_anonymous = true
allow_tags_filter = true
`;

/** Runs all checks; returns how many there are. */
async function all(hearken, interpreter) {
  const place = node.folder();
  fs.writeFileSync(path.join(place, 'hearken.toml'), CONFIGURATION);
  fs.writeFileSync(path.join(place, 'token.secret'), SECRET);
  const started = await node.start(hearken, place, {});
  try {
    const given = [String(started.port), SECRET];
    const checks = await python.run(interpreter, path.join(__dirname, 'checks.py'), given);
    await started.stop();
    for (const line of started.log)
      for (const secret of [SECRET, 'eyJ'])
        if (line.includes(secret))
          throw new Error(`the log has a secret: ${line}`);
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
