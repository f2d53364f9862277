// Fails on every event, and says why.
import { listen /*:: , type Event */ } from "hearken";

listen("custom.fail.*", function taste(event /*: Event */) {
  throw new Error(`${event.type} is not to my taste`);
});
