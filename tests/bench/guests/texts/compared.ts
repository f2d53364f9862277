// The listener that is compared: what an event costs, a field of its JSON, and one that is sent.
import { listen, send, type Event } from "hearken";

type Added = { quantity: number };

export let touched: number | undefined;

listen("custom.bench.empty", function empty(): void {});

listen<Added>("custom.bench.field", function field(event: Event<Added>): void {
  touched = event.data.quantity;
});

listen<Added>("custom.bench.send", function sending(event: Event<Added>): void {
  send("bench.sent", { data: event.data.quantity });
});
