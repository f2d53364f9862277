//! Durable channels: logs of events with numbers from 1, which outlive whoever sent them.
//!
//! A plugin listens to a channel with `channel = "…"` in its [`listener`](crate::listener).
//! It appends to those that its manifest names with `[allow] append = ["orders"]`, and reads
//! those of `read = ["orders"]`.
//!
//! ```
//! # use hearken_sdk::{OutgoingEvent, channels, testing};
//! # let host = testing::Host::new().channel("orders");
//! let paid = OutgoingEvent::new("order.paid").subject("order-7").json(&42);
//! let stored = channels::append("orders", [paid])?;
//! println!("stored as {}", stored[0].sequence);
//!
//! let page = channels::read("orders", 0, 100)?;
//! for event in &page.events {
//!     println!("{:?} {}", event.sequence(), event.event_type());
//! }
//! // And on with `channels::read("orders", page.next, 100)`.
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What is appended while an event is handled
//! An event of a channel is handled at least once. What its handler appends is stored once
//! all the same: an event without an [`id`](crate::OutgoingEvent::id) gets one that is made
//! of the handled event's place and counts what was appended before, so that it is the same
//! at each attempt, as long as the handler appends the same events in the same order. After
//! a restart of the node the other channel knows the ids for as long as its setting `dedupe`
//! says.

mod error;

use std::time::SystemTime;

pub use error::{AppendError, ReadError, Span};

use crate::{Event, OutgoingEvent, dispatch, host};

/// Where an event was stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// Its id.
    pub id: String,
    /// Its number in the channel.
    pub sequence: u64,
    /// Which log the channel is: one that is removed and made again has another epoch.
    pub epoch: String,
    /// When it was recorded, to the millisecond.
    pub recorded_time: SystemTime,
    /// Whether it had been stored before, under this number, and was not again.
    pub duplicate: bool,
}

/// A position in a channel. A number is one, too: `channels::read("orders", 41, 100)`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Position {
    /// Which log it is of; `None` is whichever the channel has.
    pub epoch: Option<String>,
    /// Number of the event behind which it is; 0 is the beginning.
    pub sequence: u64,
}

impl From<u64> for Position {
    fn from(sequence: u64) -> Self {
        Self {
            epoch: None,
            sequence,
        }
    }
}

/// Events that were read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// The events, ascending by number; those that the plugin may not hear are left out.
    pub events: Vec<Event>,
    /// Where to go on.
    pub next: Position,
    /// Number of the channel's last event; 0 when it has had none.
    pub last: u64,
    /// Numbers behind the position that are not kept any more.
    pub gap: Option<Span>,
}

/// How far a channel reaches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Which log it is.
    pub epoch: String,
    /// Number of the oldest event that is kept; one more than `last` when none is.
    pub first: u64,
    /// Number of the last event; 0 when it has had none.
    pub last: u64,
}

/// Appends up to 1,000 events, together of up to 2 MiB, to a channel, all or none, and returns
/// where they are stored, in their order and once they are durable. The wait counts towards the handler's deadline.
///
/// # Errors
/// [`AppendError`] says why nothing is stored, or that it is not known whether it is.
pub fn append(
    channel: &str,
    events: impl IntoIterator<Item = OutgoingEvent>,
) -> Result<Vec<Stored>, AppendError> {
    append_events(channel, events, None)
}

/// As [`append`], but only if the channel's last event has the number `last`; 0 if it has had
/// none.
///
/// # Errors
/// [`AppendError::Conflict`] when it has another; otherwise as [`append`].
pub fn append_expecting(
    channel: &str,
    last: u64,
    events: impl IntoIterator<Item = OutgoingEvent>,
) -> Result<Vec<Stored>, AppendError> {
    append_events(channel, events, Some(last))
}

fn append_events(
    channel: &str,
    events: impl IntoIterator<Item = OutgoingEvent>,
    expect_last: Option<u64>,
) -> Result<Vec<Stored>, AppendError> {
    let events: Result<Vec<_>, _> = events
        .into_iter()
        .map(OutgoingEvent::into_attributes)
        .collect();
    let events = events.map_err(|error| AppendError::Invalid(error.to_string()))?;
    dispatch::begin_part();
    host::append(channel, events, expect_last)
}

/// Reads up to `limit` events, 1 to 1,000, behind a position; fewer where they are large.
///
/// # Errors
/// [`ReadError`] says why there are none.
pub fn read(channel: &str, after: impl Into<Position>, limit: u32) -> Result<Page, ReadError> {
    host::read(channel, &after.into(), limit)
}

/// How far a channel reaches.
///
/// # Errors
/// [`ReadError`] says why that is not told.
pub fn bounds(channel: &str) -> Result<Bounds, ReadError> {
    host::bounds(channel)
}
