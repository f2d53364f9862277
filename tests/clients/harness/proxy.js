'use strict';
// What stands between clients and nodes, and may break.

const net = require('node:net');

/**
 * Forwards connections to ports of this machine, to one after the other, until it is told not to.
 */
class Proxy {
  constructor(ports) {
    this.ports = ports;
    this.turn = 0;
    this.open = new Set();
    /** Whether connections whose first bytes are these are cut. */
    this.cuts = () => false;
    this.server = net.createServer((client) => this.forward(client));
  }

  async listen() {
    await new Promise((resolve, reject) => {
      this.server.once('error', reject).listen(0, '127.0.0.1', resolve);
    });
    this.port = this.server.address().port;
  }

  forward(client) {
    const port = this.ports[this.turn++ % this.ports.length];
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

/** A proxy before these ports that listens. */
async function start(...ports) {
  const proxy = new Proxy(ports);
  await proxy.listen();
  return proxy;
}

module.exports = { start };
