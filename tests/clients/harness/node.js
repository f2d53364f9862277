'use strict';
// A node of its own.

const { spawn } = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const readline = require('node:readline');
const { within } = require('./wait');

/**
 * Starts a node in a folder, where one before it may have been. Settings are environment
 * variables; the command is `run` or `dev`.
 */
async function start(program, folder, settings, command = 'run') {
  const env = {
    PATH: process.env.PATH,
    HEARKEN_LISTEN: '127.0.0.1:0',
    HEARKEN_CLUSTER_LISTEN: '127.0.0.1:0',
    HEARKEN_NODE: 'test',
    HEARKEN_LOG_FORMAT: 'json',
    ...settings,
  };
  const child = spawn(program, [command], { cwd: folder, env, stdio: ['ignore', 'ignore', 'pipe'] });
  const ended = new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code, signal) => resolve(code === null ? signal : code));
  });
  const log = [];
  let others;
  const listening = new Promise((resolve, reject) => {
    readline.createInterface({ input: child.stderr }).on('line', (line) => {
      log.push(line);
      // What a part of the node says that panics is no JSON.
      const { message, address } = line.startsWith('{') ? JSON.parse(line) : {};
      if (message === 'listening for other nodes')
        others = address;
      if (message === 'listening')
        resolve(Number(address.split(':').pop()));
    });
    ended.then((how) => reject(new Error(`the node has ended (${how}):\n${log.join('\n')}`)), reject);
  });
  const port = await within('the node listens', listening);
  return {
    port,
    log,
    /** Where it listens for other nodes. */
    others,
    /** Stops it, and waits until it has ended. */
    async stop() {
      child.kill('SIGTERM');
      const how = await within('the node ends', ended);
      if (how !== 0)
        throw new Error(`the node has ended with ${how}:\n${log.join('\n')}`);
    },
    /** Kills it, if it runs yet. */
    kill: () => child.kill('SIGKILL'),
    /** Kills it, and waits until it is gone. */
    async crash() {
      child.kill('SIGKILL');
      await within('the node is gone', ended);
    },
  };
}

/** A folder for nodes. */
function folder() {
  return fs.mkdtempSync(path.join(os.tmpdir(), 'hearken-clients-'));
}

module.exports = { folder, start };
