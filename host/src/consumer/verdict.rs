//! What a worker says of an event, and what a feed says in the end.

use std::time::Duration;

/// What a worker says of an event that it has taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict<'a> {
    /// It was handled.
    Done,
    /// It was not, for this reason, and another attempt may succeed.
    Again(&'a str),
    /// The same, but not before so much time has passed, within the bound on delays.
    AgainAfter(&'a str, Duration),
    /// It was not, for this reason, and never will be.
    Rejected(&'a str),
}

/// A feed gives no more events: there are other feeds since, or the node stops.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the feed is closed")]
pub struct Closed;
