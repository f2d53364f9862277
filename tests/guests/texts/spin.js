// Never ends.
import { listen } from "hearken";

listen("custom.spin.*", function spin()/*: never */ {
  for (;;);
});
