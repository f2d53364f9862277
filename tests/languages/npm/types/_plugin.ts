// What the types of "hearken" take and refuse.
import {
  append, bounds, bucket, config, listen, log, read, Refusal, Reject, Retry, secrets, send, sessionHooks, sessions, wait,
  type Event, type Json,
} from "hearken";

type Added = { quantity: number };

listen<Added>("custom.cart.{added,changed}", { localOnly: true, subject: "tea" }, async (event) => {
  const quantity: number = event.data.quantity;
  const id: string = send("stock.low", { subject: event.subject, data: quantity, time: new Date(), extensions: { colour: 1 } });
  const answer: Event<{ ok: boolean }> = await wait<{ ok: boolean }>("custom.stock.*", { timeout: "2s" });
  const stored = await append("orders", "order.placed", { data: { id, ok: answer.data.ok }, expect: 0 });
  const many = await append("orders", [{ type: "a" }, { type: "b", data: 1 }]);
  const page = await read<Added>("orders", { after: stored.sequence, limit: many.length });
  const { last }: { last: number } = await bounds("orders");
  const colour: string | undefined = page.events[0]?.extensions.colour;
  log.info(page.next.sequence, last, colour, event.localorigin);
  bucket("visits").increment("total", Number(config.get("by") ?? 1));
  const reply = await fetch("https://example.com/", { method: "POST", body: answer.text(), signal: AbortSignal.timeout(5) });
  if (!reply.ok) throw new Retry(secrets.get("token"), { after: "30s" });
  setTimeout(() => console.log(new TextEncoder().encode("later")), 5);
  sessions.send({ user: "42" }, await reply.json());
  throw new Reject(new URL("a", "https://example.com/").href);
});
listen("custom.any", (event) => console.log(event.data.whatever, event.bytes().length));
listen(["custom.a", "custom.b"], { channel: "orders", from: "new" }, () => {});
sessionHooks("chat", {
  subscribe(session, { channel }) {
    if (session.user === "") throw new Refusal("who are you", { code: 103 });
    return { info: { channel } };
  },
  publish: () => "handled",
});
export const anything: Json = { a: [1, "two", null] };

// @ts-expect-error a pattern is a text
listen(1, () => {});
// @ts-expect-error there is no such option
listen("custom.a", { local: true }, () => {});
// @ts-expect-error a handler comes last
listen("custom.a");
listen<Added>("custom.a", (event) => {
  // @ts-expect-error it is not said that there is such data
  console.log(event.data.price);
  // @ts-expect-error events are read
  event.subject = "other";
});
// @ts-expect-error the type is a text
send({ type: "a" });
// @ts-expect-error it goes on when it has come
wait("custom.a").data;
// @ts-expect-error a plugin has no such thing
document.title;
// @ts-expect-error nor this
process.env;
