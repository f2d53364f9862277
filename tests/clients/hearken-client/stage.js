'use strict';
// A node that can be started again at its place, and clients of it.

const { spawn, spawnSync } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const readline = require('node:readline');
const node = require('../harness/node');
const { within } = require('../harness/wait');

/** Bounds all that a client does, which has bounds of its own for what it waits for. */
const DEADLINE = 300000;

const SDK = path.join(__dirname, '..', '..', '..', 'sdk', 'python');

const CONFIGURATION = `
[access.roles.app]
publish = ["custom.*"]
listen = ["custom.*"]
append = ["*"]
read = ["*"]

[access.keys.app]
roles = ["app"]

[channels.orders]

[channels.short]
max_events = 3
`;

class Stage {
  /** Starts a node with further settings, in a folder that `prepare` has put something into. */
  static async start(program, settings = {}, prepare = () => {}) {
    const stage = new Stage();
    stage.program = program;
    stage.place = node.folder();
    stage.clients = new Set();
    prepare(stage.place);
    const [key, configuration] = stage.makeKey();
    stage.key = key;
    fs.writeFileSync(path.join(stage.place, 'hearken.toml'), configuration);
    stage.settings = settings;
    stage.node = await node.start(program, stage.place, settings);
    stage.url = `http://127.0.0.1:${stage.node.port}`;
    return stage;
  }

  /** A key of `app`, and the configuration with it. */
  makeKey() {
    const { status, stdout, stderr } = spawnSync(this.program, ['access', 'key', 'app'], { encoding: 'utf8' });
    const [, keys] = /^(keys = .*)$/m.exec(stderr) || [];
    if (status !== 0 || keys === undefined)
      throw new Error(`no key was made (${status}): ${stderr}`);
    return [stdout.trim(), CONFIGURATION.replace('[access.keys.app]', `[access.keys.app]\n${keys}`)];
  }

  get log() {
    return this.node.log;
  }

  /** Kills the node, and starts it again where it was. */
  async crash() {
    await this.node.crash();
    const settings = { ...this.settings, HEARKEN_LISTEN: new URL(this.url).host };
    this.node = await node.start(this.program, this.place, settings);
  }

  /**
   * Runs a client; hands on each line that it prints as it comes, with what kills the client, and
   * returns them all.
   */
  async run([command, ...given], what, environment = {}, heard = (line) => console.log(line)) {
    const env = { ...process.env, PYTHONPATH: SDK, ...environment };
    const options = { env, stdio: ['ignore', 'pipe', 'inherit'] };
    const child = spawn(command, [...given, what, this.url, this.key], options);
    this.clients.add(child);
    const lines = [];
    let killed = false;
    const kill = () => {
      killed = true;
      child.kill('SIGKILL');
    };
    readline.createInterface({ input: child.stdout }).on('line', (line) => {
      lines.push(line);
      heard(line, kill);
    });
    const ended = new Promise((resolve, reject) => {
      child.once('error', reject);
      child.once('close', (code, signal) => resolve(code === null ? signal : code));
    });
    try {
      const how = await within(`the client ends that does ${what}`, ended, DEADLINE);
      if (how !== 0 && !killed)
        throw new Error(`the client has ended with ${how}`);
    } finally {
      child.kill('SIGKILL');
      this.clients.delete(child);
    }
    return lines;
  }

  /** What the node answers to a request. */
  async ask(target) {
    const answer = await fetch(this.url + target, { headers: { authorization: `Bearer ${this.key}` } });
    return answer.json();
  }

  /** Stops the node; fails if its log has the key. */
  async stop() {
    await this.node.stop();
    for (const line of this.log)
      if (line.includes(this.key))
        throw new Error(`the log has the key: ${line}`);
  }

  remove() {
    for (const client of this.clients)
      client.kill('SIGKILL');
    this.node.kill();
    fs.rmSync(this.place, { recursive: true, force: true });
  }
}

module.exports = { Stage };
