// Answers every event but its own with `recorded.<type>`, so that a test sees that nothing was
// missed.
import { listen, send /*:: , type Event */ } from "hearken";

listen("custom.*", function record(event /*: Event */) {
  if (event.type.startsWith("custom.recorded.")) return;
  const { id, source, subject, data } = event;
  send(`recorded.${event.type}`, { data: { id, source, subject: subject ?? null, data } });
});
