// Passes the data of each event on to all nodes, under the type `attributes.spread`.
import { listen, send /*:: , type Event */ } from "hearken";

listen("custom.spread.*", function spread(event /*: Event */) {
  send("attributes.spread", { subject: event.subject, data: event.data, distributed: true });
});
