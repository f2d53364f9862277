import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import * as library from "../index.js";

const types = readFileSync(new URL("../index.d.ts", import.meta.url), "utf8");

/** Names of what a class or an interface of the types has. */
function members(kind) {
  const lines = types.split("\n");
  const from = lines.findIndex((line) => new RegExp(`^(?:export )?(?:class|interface) ${kind}\\b`).test(line));
  const body = lines.slice(from + 1, lines.indexOf("}", from));
  return body.flatMap((line) => /^ {2}(?:readonly )?(\w+)\??(?:<[^(]*>)?[(:]/.exec(line)?.[1] ?? []);
}

test("what is exported has types, and what has types is exported", () => {
  const classes = [...types.matchAll(/^export class (\w+)/gm)].map(([, name]) => name);
  assert.deepEqual(classes.sort(), Object.keys(library).sort());
});

test("what the types of a client and a channel have is there", async () => {
  const client = new library.Client("http://127.0.0.1:1");
  for (const [name, object] of [["Client", client], ["Channel", client.channel("a")]]) {
    const named = members(name).filter((member) => member !== "constructor");
    assert.ok(named.length > 5, `${name} has ${named}`);
    for (const member of [...named, ...members("Emitting")]) assert.ok(member in object, `${name}.${member}`);
  }
  await client.close();
});
