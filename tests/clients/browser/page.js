// What runs in a page: the client library as an application bundles it, and a memory of what it
// has told.

import { Centrifuge } from 'centrifuge';

const OF_CLIENT = ['connecting', 'connected', 'disconnected', 'error'];
const OF_SUBSCRIPTION = ['subscribed', 'unsubscribed', 'publication', 'join', 'leave', 'error'];

/** What the client has told, and under the names of channels what their subscriptions have. */
const told = {};
const subscriptions = {};
let client;

/** Keeps what an emitter tells, as values that can be handed out of the page. */
function keep(who, emitter, names) {
  told[who] = {};
  for (const name of names) {
    told[who][name] = [];
    emitter.on(name, (context) => told[who][name].push(JSON.parse(JSON.stringify(context))));
  }
}

window.application = {
  told,

  connect(transports, options) {
    client = new Centrifuge(transports, { minReconnectDelay: 10, maxReconnectDelay: 100, ...options });
    keep('client', client, OF_CLIENT);
    client.connect();
  },

  subscribe(channel, options) {
    subscriptions[channel] = client.newSubscription(channel, options);
    keep(channel, subscriptions[channel], OF_SUBSCRIPTION);
    subscriptions[channel].subscribe();
  },

  async publish(channel, data) {
    await subscriptions[channel].publish(data);
  },

  async presence(channel) {
    const { clients } = await subscriptions[channel].presence();
    return Object.values(clients).map(({ user }) => user).sort();
  },

  unsubscribe(channel) {
    subscriptions[channel].unsubscribe();
  },
};
