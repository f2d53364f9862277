// Version 1 of a plugin that is replaced while events arrive.
import { listen, send /*:: , type Event */ } from "hearken";

export const version /*: string */ = "1.0.0";

listen("custom.versioned.*", function handle(event /*: Event<number> */) {
  send("handled", { data: { version, id: event.id, data: event.data } });
});
