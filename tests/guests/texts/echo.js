// Sends the data of each event that names a type to answer to (`replyto`) back under that type.
import { listen, send /*:: , type Event */ } from "hearken";

listen("custom.*", function echo(event /*: Event */) {
  const { replyto } = event.extensions;
  if (replyto === undefined) return;
  const { subject, datacontenttype } = event;
  send(replyto, { subject, datacontenttype, data: event.bytes() });
});
