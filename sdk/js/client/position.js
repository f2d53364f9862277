// Where a reader of a channel is, and where it begins.

import { ProblemError } from "./errors.js";

const TEXT = /^(?:[0-9a-f]{16}-)?\d{1,20}$/;

/** A position as the node reads it: the number of an event, perhaps with the log that it is of. */
export function position(given, what = "a position") {
  if (typeof given === "number" && Number.isSafeInteger(given) && given >= 0) return String(given);
  if (typeof given === "string" && TEXT.test(given)) return given;
  throw new TypeError(`${what} is the number of an event, or a text "EPOCH-NUMBER", not ${JSON.stringify(given)}`);
}

/** The same with the log that it is of, if that is known. */
export function inLog(epoch, number) {
  return epoch === undefined ? String(number) : `${epoch}-${number}`;
}

/** Where to begin: `from` as it was given, checked. */
export function beginning(from) {
  if (from === undefined || from === "first" || from === "new" || from instanceof Date) return from;
  return position(from, "`from`");
}

/** The position that a beginning means now. */
export async function find(http, path, from, signal) {
  if (from === "first") return undefined;
  if (from === "new") return last(http, path, signal);
  if (!(from instanceof Date)) return from;
  const query = { since: from.toISOString(), limit: 1 };
  const { epoch, events, next } = await http.json("GET", `${path}/events`, { query, signal });
  return inLog(epoch, events.length > 0 ? events[0].sequence - 1 : next);
}

async function last(http, path, signal) {
  try {
    const page = await http.json("GET", `${path}/latest`, { query: { limit: 1 }, signal });
    return inLog(page.epoch, page.last);
  } catch (error) {
    // The newest event cannot be read, and need not be.
    if (error instanceof ProblemError && error.problem.damaged) return String(error.problem.damaged.last);
    throw error;
  }
}
