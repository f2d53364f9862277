// What goes wrong, as types that a program can tell apart.

/** Statuses of answers after which the same request may succeed. */
const PASSING = new Set([408, 425, 429, 500, 502, 503, 504]);

/** Kinds of problems that stay although their status says otherwise. */
const STAYING = new Set(["storage-failed"]);

/** Codes of errors by which there never was a connection. */
const UNSENT = new Set(["ECONNREFUSED", "ENOTFOUND", "EAI_AGAIN", "EHOSTUNREACH", "ENETUNREACH", "UND_ERR_CONNECT_TIMEOUT"]);

/** What all errors of a client are. */
export class HearkenError extends Error {
  constructor(code, message, options = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = new.target.name;
    this.code = code;
    this.temporary = options.temporary ?? false;
    this.unknown = options.unknown ?? false;
  }
}

/** The node has answered that it does not do what was asked for. */
export class ProblemError extends HearkenError {
  constructor(status, problem, retryAfter) {
    const code = kind(problem) ?? `http-${status}`;
    const said = [problem.title, problem.detail].filter((text) => typeof text === "string" && text !== "");
    super(code, said.length > 0 ? said.join(": ") : `the answer has the status ${status}`, {
      temporary: PASSING.has(status) && !STAYING.has(code),
      unknown: code === "outcome-unknown" || status === 500 || status === 502 || status === 504 || status === 408,
    });
    this.status = status;
    this.problem = problem;
    this.retryAfter = retryAfter;
  }

  get last() {
    return this.problem.last;
  }
}

/** There was no answer, or it broke off. */
export class ConnectionError extends HearkenError {
  constructor(message, cause) {
    super("connection", message, { cause, temporary: true, unknown: !isUnsent(cause) });
  }
}

/** Whether it was never sent, as far as Node tells; browsers tell nothing. */
function isUnsent(error) {
  const { cause } = error ?? {};
  const causes = Array.isArray(cause?.errors) && cause.errors.length > 0 ? cause.errors : [cause];
  return causes.every((one) => UNSENT.has(one?.code));
}

/** What was waited for has not come in time. */
export class TimeoutError extends HearkenError {
  constructor(message, cause) {
    super("timeout", message, { cause, temporary: true, unknown: true });
  }
}

/** The client, or what was asked of it, was closed. */
export class ClosedError extends HearkenError {
  constructor(message = "the client is closed") {
    super("closed", message);
  }
}

/** Events came faster than they were taken, and some were dropped. */
export class OverflowError extends HearkenError {
  constructor(dropped) {
    super("overflow", `events came faster than they were taken; ${dropped ?? "some"} were dropped`, { temporary: true });
    this.dropped = dropped;
  }
}

/** A function of the program has thrown when it was handed an event; `cause` is what. */
export class HandlerError extends HearkenError {
  constructor(event, cause) {
    super("handler", `a handler of ${event.type} has failed: ${cause?.message ?? cause}`, { cause });
    this.event = event;
  }
}

/** The error that an answer tells. */
export async function problemOf(response) {
  let problem = {};
  try {
    const read = JSON.parse(await response.text());
    if (read !== null && typeof read === "object" && !Array.isArray(read)) problem = read;
  } catch {
    // A proxy may have answered, with whatever.
  }
  return new ProblemError(response.status, problem, retryAfter(response.headers.get("retry-after")));
}

function kind(problem) {
  const { type } = problem;
  if (typeof type !== "string" || !type.startsWith("urn:hearken:problem:")) return undefined;
  return type.slice("urn:hearken:problem:".length);
}

/** Milliseconds (RFC 9110, section 10.2.3). */
function retryAfter(text) {
  if (text === null) return undefined;
  if (/^\d{1,9}$/.test(text.trim())) return Number(text) * 1000;
  const time = Date.parse(text);
  return Number.isNaN(time) ? undefined : Math.max(0, time - Date.now());
}
