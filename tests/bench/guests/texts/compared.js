// The listener that is compared: what an event costs, a field of its JSON, and one that is sent.
import { listen, send } from "hearken";

export let touched;

listen("custom.bench.empty", function empty() {});

listen("custom.bench.field", function field(event) {
  touched = event.data.quantity;
});

listen("custom.bench.send", function sending(event) {
  send("bench.sent", { data: event.data.quantity });
});
