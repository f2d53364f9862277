'use strict';
// A node on a folder of plugins, and what is said there.

const fs = require('node:fs');
const http = require('node:http');
const path = require('node:path');
const node = require('../clients/harness/node');
const { within } = require('../clients/harness/wait');

/** Events of some types as they come, each kept until it is asked for. */
class Events {
  constructor(port, type, response) {
    this.kept = [];
    this.waiting = [];
    this.type = type;
    this.response = response;
    let rest = '';
    response.setEncoding('utf8').on('data', (text) => {
      const lines = (rest + text).split('\n');
      rest = lines.pop();
      for (const line of lines)
        if (line.startsWith('data: {'))
          this.put(JSON.parse(line.slice('data: '.length)));
    });
    response.on('error', () => {});
  }

  put(event) {
    const at = this.waiting.findIndex(({ wants }) => wants(event));
    if (at < 0)
      this.kept.push(event);
    else
      this.waiting.splice(at, 1)[0].resolve(event);
  }

  /** The next that something says of itself; others stay. */
  next(wants = () => true) {
    const at = this.kept.findIndex(wants);
    if (at >= 0)
      return Promise.resolve(this.kept.splice(at, 1)[0]);
    return within(`an event ${this.type} comes`, new Promise((resolve) => this.waiting.push({ wants, resolve })));
  }

  /** The data of the next. */
  async data() {
    return (await this.next()).data;
  }

  /** The next event about this plugin. */
  about(type, plugin) {
    return this.next((event) => event.type === type && event.data.plugin === plugin);
  }
}

/** A running node. */
class Stage {
  constructor(place, started) {
    this.place = place;
    this.started = started;
    this.url = `http://127.0.0.1:${started.port}`;
  }

  /** Saves a file of the plugins folder, as a careful editor does. */
  save(name, text) {
    const file = path.join(this.place, 'plugins', name);
    fs.mkdirSync(path.dirname(file), { recursive: true });
    const beside = path.join(this.place, 'saving');
    fs.writeFileSync(beside, text);
    fs.renameSync(beside, file);
  }

  remove(name) {
    fs.rmSync(path.join(this.place, 'plugins', name), { recursive: true, force: true });
  }

  /** Asks the node; fails unless it says yes. */
  async ask(method, what, body) {
    const asked = { method, headers: { 'content-type': 'application/json' } };
    const answer = await within(`${method} ${what}`, fetch(this.url + what, { ...asked, body: body && JSON.stringify(body) }));
    const said = await answer.text();
    if (!answer.ok)
      throw new Error(`${method} ${what}: ${answer.status} ${said}`);
    return said === '' ? null : JSON.parse(said);
  }

  send(type, data, more = {}) {
    return this.ask('POST', '/v1/events', { type, data, ...more });
  }

  plugin(name) {
    return this.ask('GET', `/v1/plugins/${name}`);
  }

  /** Events of these types from now on. */
  listen(type) {
    const asked = new Promise((resolve, reject) => {
      http.get(`${this.url}/v1/events?type=${encodeURIComponent(type)}`, (response) => {
        const events = new Events(this.started.port, type, response);
        response.once('data', () => resolve(events));
      }).on('error', reject);
    });
    return within(`the node streams ${type}`, asked);
  }

  /** The first line of the node's log that has this, once it is there: it comes beside the events. */
  async logged(text) {
    for (const end = Date.now() + 30000; Date.now() < end;) {
      const line = this.started.log.find((line) => line.includes(text));
      if (line !== undefined)
        return JSON.parse(line);
      await fetch(`${this.url}/livez`);
    }
    throw new Error(`the log has no line with ${text}`);
  }
}

/** Runs checks against a node on a folder, which may have a data folder already. */
async function on(program, place, settings, checks) {
  fs.mkdirSync(path.join(place, 'plugins'), { recursive: true });
  const started = await node.start(program, place, settings);
  try {
    const done = await checks(new Stage(place, started));
    await started.stop();
    return done;
  } catch (error) {
    console.error(started.log.slice(-60).join('\n'));
    throw error;
  } finally {
    started.kill();
  }
}

module.exports = { on };
