// Consumes the channel `orders` and listens live to `custom.both.*`. It reports each attempt with
// the event's id, data, channel, number, and which attempt of this instance it is; then does what
// the data says: `{"do": "fail", "times": N}` fails the first N times, `reject` rejects, `append`
// appends an event with its id as data to the channel `handled`.
import { append, config, listen, Reject, send /*:: , type Event */ } from "hearken";

/*:: type Task = { do?: string; times?: number } | null; */
export const version /*: string */ = config.get("version") ?? "1";
const attempts /*: Map<string, number> */ = new Map();

async function handle(event /*: Event<Task> */, attempt /*: number | null */) {
  const { id, data, channel, sequence } = event;
  if (config.get("quiet") === undefined) {
    send("report.consuming", { data: { id, data, channel, sequence, attempt } });
  }
  switch (data?.do) {
    case "fail":
      if (attempt === null || attempt <= (data.times ?? Infinity)) throw new Error("it is told to fail");
      break;
    case "reject":
      throw new Reject("it is told to reject");
    case "append":
      await append("handled", "handled", { subject: event.subject, data: id });
  }
}

listen("custom.{order,both}.*", { channel: "orders" }, function consume(event /*: Event<Task> */) {
  const attempt = (attempts.get(event.id) ?? 0) + 1;
  attempts.set(event.id, attempt);
  return handle(event, attempt);
});
listen("custom.both.*", function hear(event /*: Event<Task> */) {
  return handle(event, null);
});
