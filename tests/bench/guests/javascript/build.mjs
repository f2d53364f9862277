// Makes a component of the listener: node build.mjs TOOL WIT_FOLDER OUTPUT
import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, rmSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";

const [tool, wit, output] = process.argv.slice(2);
const beside = (name) => fileURLToPath(new URL(name, import.meta.url));
const listener = beside("listener.js");
if (tool === "componentize-js") {
  const { componentize } = await import("@bytecodealliance/componentize-js");
  const { component } = await componentize(await readFile(listener, "utf8"), { witPath: wit, worldName: "plugin" });
  await writeFile(output, component);
} else {
  // It makes bindings of all that a world has, and none of the resources of others that the world
  // of plugins imports: so it is given one with what the listener uses.
  const world = beside("compared");
  rmSync(world, { recursive: true, force: true });
  mkdirSync(`${world}/deps/hearken-plugin`, { recursive: true });
  cpSync(`${wit}/deps`, `${world}/deps`, { recursive: true });
  cpSync(`${wit}/plugin.wit`, `${world}/deps/hearken-plugin/plugin.wit`);
  cpSync(beside("compared.wit"), `${world}/compared.wit`);
  const program = beside("node_modules/.bin/componentize-qjs");
  const what = ["--wit", world, "--world", "compared", "--js", listener, "--output", output];
  execFileSync(program, [...what, "--sync"], { stdio: ["ignore", "ignore", "inherit"] });
}
