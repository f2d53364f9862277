// A page in a browser as a client, which has what a page has, and nothing of a plugin.
import { Client, type Event } from "hearken/client";

const client = new Client("http://127.0.0.1:7070", { key: () => localStorage.getItem("key") ?? "", timeout: "5s" });
client.on<{ n: number }>("custom.cart.*", (event) => {
  document.title = `${event.type} ${event.data.n}`;
  console.log(event.extensions);
});
client.on("error", (error) => console.error(error.code, error.retryIn));
const stored = await client.emit("cart.added", { channel: "orders", data: { n: 1 }, signal: AbortSignal.timeout(100) });
const sequence: number = stored.sequence;
const answer: Event<boolean> = await client.once<boolean>("custom.answered", "tea", { timeout: "2s" });
for await (const event of client.channel("orders", { client: "page", from: sequence })) console.log(event.data, answer.data);

// @ts-expect-error there is no such option
client.emit("cart.added", { chanel: "orders" });
// @ts-expect-error what goes to no channel has perhaps no number
const number: number = (await client.emit("cart.added")).sequence;
// @ts-expect-error this is of plugins alone
import { send } from "hearken/client";
console.log(number, send);
