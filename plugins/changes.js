// Passes on a reading only if it is another than the last one of its subject: of many
// `custom.sensor.read` few become `custom.sensor.changed`.
import { config, listen, send } from "hearken";

/** By how much a reading must differ, from `[config]` of changes.toml. */
const least = Number(config.get("least") ?? 0);

/** Subjects that are remembered; the one that was silent for longest gives way. */
const MOST = 10_000;

/** The last reading that was passed on, by subject: as long as this instance lives. */
const last = new Map();

listen("custom.sensor.read", function pass(event) {
  const { value } = event.data;
  if (typeof value !== "number") throw new TypeError("a reading is { value: NUMBER }");
  const before = last.get(event.subject);
  if (before !== undefined && Math.abs(value - before) <= least) return;
  // At the end again, so that the first is the oldest.
  last.delete(event.subject);
  last.set(event.subject, value);
  if (last.size > MOST) last.delete(last.keys().next().value);
  send("sensor.changed", { subject: event.subject, data: { value, before: before ?? null } });
});
