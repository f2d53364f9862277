'use strict';
// A node with a certificate of an authority that nobody else knows.

const { execFileSync } = require('node:child_process');
const path = require('node:path');
const { Stage } = require('./stage');

/** Talks to it with and without the authority; returns how many checks there were. */
async function check(program, command) {
  const stage = await Stage.start(program, {
    HEARKEN_HTTP_TLS_CERTIFICATE: 'tls/localhost.crt',
    HEARKEN_HTTP_TLS_KEY: 'tls/localhost.key',
  }, (place) => {
    const given = ['access', 'certificate', 'localhost', '127.0.0.1', '--ca', 'tls'];
    execFileSync(program, given, { cwd: place, stdio: 'ignore' });
  });
  stage.url = stage.url.replace('http:', 'https:');
  const authority = path.join(stage.place, 'tls', 'ca.crt');
  try {
    // Each knows authorities in its own way.
    const trusting = { NODE_EXTRA_CA_CERTS: authority, AUTHORITY: authority };
    const lines = [...await stage.run(command, 'tls', trusting), ...await stage.run(command, 'distrust')];
    await stage.stop();
    return lines.length;
  } finally {
    stage.remove();
  }
}

module.exports = { check };
