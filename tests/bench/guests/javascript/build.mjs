// Makes a component of the listener: node build.mjs TOOL WIT_FOLDER OUTPUT
import { execFileSync } from "node:child_process";
import { readFile, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";

const [tool, wit, output] = process.argv.slice(2);
const listener = fileURLToPath(new URL("listener.js", import.meta.url));
if (tool === "componentize-js") {
  const { componentize } = await import("@bytecodealliance/componentize-js");
  const { component } = await componentize(await readFile(listener, "utf8"), { witPath: wit, worldName: "plugin" });
  await writeFile(output, component);
} else {
  const program = fileURLToPath(new URL("node_modules/.bin/componentize-qjs", import.meta.url));
  const what = ["--wit", wit, "--world", "plugin", "--js", listener, "--output", output];
  execFileSync(program, [...what, "--sync"], { stdio: ["ignore", "ignore", "inherit"] });
}
