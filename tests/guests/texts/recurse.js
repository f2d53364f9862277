// Calls itself without end.
import { listen } from "hearken";

const down = (n /*: number */)/*: number */ => 1 + down(n + 1);
listen("custom.recurse.*", function recurse() {
  down(0);
});
