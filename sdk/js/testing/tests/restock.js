// A plugin, as it would lie in a plugins folder.
import { append, bucket, config, listen, Reject, send, wait } from "hearken";

listen("custom.cart.{added,changed}", { localOnly: true }, async function restock(event) {
  if (event.data.quantity <= Number(config.get("limit") ?? 100)) return;
  send("stock.low", { subject: event.subject, data: event.data.quantity });
  const answer = await wait("custom.stock.ordered", { subject: event.subject, timeout: "2s" });
  bucket("orders").increment(event.subject, answer.data);
});

listen("custom.order.*", { channel: "orders" }, async function book(event) {
  if (event.data === null) throw new Reject("it is empty");
  await append("booked", "booked", { data: event.data });
});

listen("custom.*", { channel: "chat:*" }, function hear(event) {
  send("heard", { data: event.channel });
});
