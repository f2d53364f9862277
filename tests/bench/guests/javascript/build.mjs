// Makes a component of the listener: node build.mjs WIT_FOLDER OUTPUT
import { readFile, writeFile } from "node:fs/promises";
import { componentize } from "@bytecodealliance/componentize-js";

const [witPath, output] = process.argv.slice(2);
const source = await readFile(new URL("listener.js", import.meta.url), "utf8");
const { component } = await componentize(source, { witPath, worldName: "plugin" });
await writeFile(output, component);
