// The client library of a Hearken node, for Node and browsers.

export { Channel } from "./channel.js";
export { Client } from "./client.js";
export { ClosedError, ConnectionError, HandlerError, HearkenError, OverflowError, ProblemError, TimeoutError } from "./errors.js";
