import assert from "node:assert/strict";
import { test } from "node:test";

import { CURSOR, EPOCH, READ, page, pair, stored, told } from "./fake.js";

test("what is done often leaves nothing behind", { timeout: 20_000 }, async (t) => {
  const warnings = [];
  const warn = (warning) => warnings.push(warning.message);
  process.on("warning", warn);
  t.after(() => process.off("warning", warn));
  const { node, client } = await pair(t);
  const orders = client.channel("orders", { client: "worker" });
  const heard = told(orders, "*");
  (await node.next(CURSOR)).json(200, { client: "worker", after: 0, epoch: EPOCH });
  for (let number = 1; number <= 50; number += 1) {
    (await node.next(READ)).json(200, page([stored(number)]));
    await heard.next();
  }
  const waits = Array.from({ length: 50 }, (_, at) => client.once(`custom.w${at}`).catch(() => {}));
  const sent = Array.from({ length: 50 }, () => client.emit("a", { channel: "orders" }).catch(() => {}));
  await client.close();
  await Promise.all([...waits, ...sent]);
  await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(warnings, []);
});
