// Orders what runs low: the quantities of each product that are put into carts and taken out
// are added up, and when they pass the limit one `custom.stock.low` says so.
import { config, listen, log, send, type Event } from "hearken";

/** What a cart says of one product, which is the event's subject. */
type Change = { quantity: number };

/** Pieces after which a product is ordered anew, from `[config]` of restock.toml. */
const limit = Number(config.get("limit") ?? 100);

/** Pieces since the last order, by product. */
const taken = new Map<string, number>();

listen<Change>("custom.cart.{added,removed}", function count(event: Event<Change>): void {
  const product = event.subject;
  if (product === undefined) {
    log.warn(`${event.id} names no product`);
    return;
  }
  const sign = event.type.endsWith("removed") ? -1 : 1;
  const sum = Math.max(0, (taken.get(product) ?? 0) + sign * event.data.quantity);
  if (sum < limit) {
    taken.set(product, sum);
    return;
  }
  taken.delete(product);
  send("stock.low", { subject: product, data: { quantity: sum } });
});
