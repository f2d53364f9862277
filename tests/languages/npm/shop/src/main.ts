// What a shop does with its events, by packages of npm.
import { addBusinessDays, differenceInCalendarDays, formatISO, parseISO } from "date-fns";
import { append, config, listen, send } from "hearken";
import _ from "lodash";
import { z } from "zod";

import "./tokens.ts";

const Order = z.object({
  customer: z.email(),
  placed: z.iso.datetime(),
  items: z.array(z.object({ name: z.string().min(1), price: z.number().positive(), count: z.int().positive() })).nonempty(),
});

listen("custom.order.placed", function check(event) {
  const order = Order.safeParse(event.data);
  if (!order.success) {
    const problems = order.error.issues.map((issue) => `${issue.path.join(".")}: ${issue.code}`);
    send("order.refused", { subject: event.subject, data: problems });
    return;
  }
  const { items, customer, placed } = order.data;
  const dearest = _.maxBy(items, "price");
  const due = addBusinessDays(parseISO(placed), Number(config.get("days") ?? 3));
  send("order.accepted", {
    subject: event.subject,
    data: {
      customer,
      total: _.sumBy(items, ({ price, count }) => price * count),
      names: _.chain(items).map("name").map(_.upperFirst).sortBy().value(),
      dearest: dearest?.name,
      due: formatISO(due, { representation: "date" }),
      days: differenceInCalendarDays(due, parseISO(placed)),
    },
  });
});

listen("custom.order.broken", async function broken(event) {
  // A line of its own, which the report names.
  const parsed = Order.parse(event.data);
  await append("orders", "order", { data: parsed });
});
