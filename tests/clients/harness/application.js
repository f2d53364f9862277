'use strict';
// The node of an application, for clients that are processes of their own.

const fs = require('node:fs');
const path = require('node:path');
const node = require('./node');

/** With which the application's backend signs tokens. */
const SECRET = 'of the backend and of the node: 0123456789abcdef';

/** What every application has; it ends within the namespace `chat`, which may be given more. */
const BASE = `
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
`;

const CONFIGURATION = `${BASE}
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

/**
 * Starts the node, with further settings if there are any, and hands its port and the secret to a
 * function that drives clients; returns how many checks that says it has done. Fails also if there
 * is a secret in the log.
 */
async function check(program, drive, settings = {}) {
  const place = node.folder();
  fs.writeFileSync(path.join(place, 'hearken.toml'), CONFIGURATION);
  fs.writeFileSync(path.join(place, 'token.secret'), SECRET);
  const started = await node.start(program, place, settings);
  try {
    const count = await drive([String(started.port), SECRET]);
    await started.stop();
    for (const line of started.log)
      for (const secret of [SECRET, 'eyJ'])
        if (line.includes(secret))
          throw new Error(`the log has a secret: ${line}`);
    return count;
  } catch (error) {
    console.error(started.log.join('\n'));
    throw error;
  } finally {
    started.kill();
    fs.rmSync(place, { recursive: true, force: true });
  }
}

module.exports = { BASE, SECRET, check };
