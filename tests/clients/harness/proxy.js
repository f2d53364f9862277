'use strict';
// What stands between clients and a node, and may break.

const net = require('node:net');

/** Forwards connections to a port of this machine, until it is told not to. */
class Proxy {
  constructor(port) {
    this.open = new Set();
    /** Whether connections whose first bytes are these are cut. */
    this.cuts = () => false;
    this.server = net.createServer((client) => this.forward(client, port));
  }

  async listen() {
    await new Promise((resolve, reject) => {
      this.server.once('error', reject).listen(0, '127.0.0.1', resolve);
    });
    this.port = this.server.address().port;
  }

  forward(client, port) {
    this.open.add(client);
    client.on('error', () => {});
    client.once('close', () => this.open.delete(client));
    client.once('data', (first) => {
      if (this.cuts(first.toString('latin1'))) {
        client.destroy();
        return;
      }
      const node = net.connect(port, '127.0.0.1');
      node.on('error', () => client.destroy());
      client.once('close', () => node.destroy());
      node.once('close', () => client.destroy());
      node.write(first);
      client.pipe(node).pipe(client);
    });
  }

  /** Cuts all connections, and those that come, until it is mended. */
  cut() {
    this.cuts = () => true;
    for (const client of this.open)
      client.destroy();
  }

  mend() {
    this.cuts = () => false;
  }

  close() {
    this.server.close();
    this.cut();
  }
}

/** A proxy that listens. */
async function start(port) {
  const proxy = new Proxy(port);
  await proxy.listen();
  return proxy;
}

module.exports = { start };
