// Takes memory and gives none back.
import { listen } from "hearken";

const kept /*: Uint8Array[] */ = [];
listen("custom.leak.*", function leak() {
  for (;;) kept.push(new Uint8Array(65536).fill(1));
});
