// A test of a plugin.
import { deliver, deliverFromChannel, event, hooks, host, listeners } from "hearken/testing";

host.config.limit = "5";
host.channels.orders = [];
host.answer(event("custom.stock.ordered", { data: 20 }));
await deliver(event<{ quantity: number }>("custom.cart.added", { subject: "tea", data: { quantity: 6 } }));
await deliverFromChannel(event("custom.order.placed", { channel: "orders", sequence: 1 }));
const [first] = host.sent;
const type: string | undefined = first?.type;
console.log(type, listeners()[0]?.patterns, hooks()?.namespaces, host.logged[0]?.level);

// @ts-expect-error what is sent is a list
host.sent.type;
