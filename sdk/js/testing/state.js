// The host of tests: what a plugin has registered, and what it has done.

import { matches, wantsChannel } from "./pattern.js";

/** What the file under test has registered. */
export const registered = { listeners: [], hooks: null };

/** What a plugin is given, and what it has done; begins anew with `reset`. */
class Host {
  constructor() {
    this.reset();
  }

  /** Forgets all that was done and set; what is registered stays. */
  reset() {
    /** The manifest's `[config]`. */
    this.config = {};
    /** The manifest's `[secrets]`: texts or bytes. */
    this.secrets = {};
    /** Events that were sent. */
    this.sent = [];
    /** Lines that were logged: level and text. */
    this.logged = [];
    /** What was done with sessions: the function and what it was given. */
    this.sessions = [];
    /** Events of channels, by name; a channel that is not here does not exist. */
    this.channels = {};
    /** Values in buckets, by bucket and key. */
    this.buckets = {};
    this.answers = [];
    this.handling = null;
  }

  /** Answers the next `wait` that this event is wanted by. */
  answer(event) {
    this.answers.push(event);
  }

  /** The answer for a filter. */
  take(pattern, { subject, channel, localOnly }) {
    const at = this.answers.findIndex(
      (event) =>
        matches(pattern, event.type) &&
        (subject === undefined || subject === event.subject) &&
        (channel === undefined || wantsChannel(channel, event.channel)) &&
        (!localOnly || event.localorigin),
    );
    return at < 0 ? undefined : this.answers.splice(at, 1)[0];
  }
}

export const host = new Host();
