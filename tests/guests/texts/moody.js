// Dies of `custom.moody.trap`, by all the time that there is, is content with every other event,
// and says so.
import { listen /*:: , type Event */ } from "hearken";

listen("custom.moody.*", function mood(event /*: Event */) {
  while (event.type === "custom.moody.trap");
  console.log("content with", event.data);
});
