// The plugin that `node --test` tests, by the other runner that people use.
import { deliver, deliverFromChannel, event, host, listeners } from 'hearken/testing';
import '../../../sdk/js/testing/tests/restock.js';

beforeEach(() => host.reset());

test('a plugin says what it listens to', () => {
  expect(listeners().map(({ name }) => name)).toEqual(expect.arrayContaining(['restock', 'book']));
});

test('what it sends and keeps can be looked at', async () => {
  host.config = { limit: '5' };
  host.answer(event('custom.stock.ordered', { subject: 'tea', data: 20 }));
  await deliver(event('custom.cart.added', { subject: 'tea', data: { quantity: 6 } }));
  expect(host.sent.map(({ type, subject, data }) => [type, subject, data])).toEqual([['custom.stock.low', 'tea', 6]]);
  expect(host.buckets.orders.tea).toBe(20);
});

test('what it waits for in vain is an error', async () => {
  host.config = { limit: '5' };
  const delivered = deliver(event('custom.cart.changed', { data: { quantity: 6 } }));
  await expect(delivered).rejects.toMatchObject({ name: 'TimeoutError' });
});

test('what it appends for an event of a channel is stored once', async () => {
  host.channels = { booked: [] };
  const order = event('custom.order.placed', { channel: 'orders', sequence: 7, data: { total: 3 } });
  await deliverFromChannel(order);
  await deliverFromChannel(order);
  expect(host.channels.booked.map(({ data }) => data)).toEqual([{ total: 3 }]);
  const empty = event('custom.order.placed', { channel: 'orders', sequence: 8 });
  await expect(deliverFromChannel(empty)).rejects.toMatchObject({ rejects: true });
});
