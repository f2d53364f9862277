// A program in Node as a client, and a test of a plugin.
import { test } from "node:test";

import { Client, ProblemError } from "hearken/client";

test("it is published", async () => {
  await using client = new Client(new URL("http://127.0.0.1:7070"), { key: process.env.KEY ?? "" });
  try {
    await client.channel("orders").append("order.placed", { data: Buffer.from("text"), expect: "EPOCH-41" });
  } catch (error) {
    if (!(error instanceof ProblemError)) throw error;
    console.log(error.status, error.problem.right, error.last);
  }
});
