//! Channels as the SDK has them.

use std::time::{Duration, SystemTime};

use super::bindings::hearken::plugin::{channels, types};
use super::outgoing_event;
use crate::channels::{AppendError, Bounds, Page, Position, ReadError, Span, Stored};
use crate::{Event, outgoing};

pub(crate) fn append(
    channel: &str,
    events: Vec<outgoing::Attributes>,
    expect_last: Option<u64>,
) -> Result<Vec<Stored>, AppendError> {
    let events: Vec<types::OutgoingEvent> = events.into_iter().map(outgoing_event).collect();
    let stored = channels::append(channel, &events, expect_last);
    let stored = stored.map_err(|error| append_error(channel, error))?;
    let stored = stored.into_iter().map(|stored| Stored {
        id: stored.id,
        sequence: stored.sequence,
        epoch: stored.epoch,
        recorded_time: time(stored.recorded_time),
        duplicate: stored.duplicate,
    });
    Ok(stored.collect())
}

pub(crate) fn read(channel: &str, after: &Position, limit: u32) -> Result<Page, ReadError> {
    let after = channels::Position {
        epoch: after.epoch.clone(),
        sequence: after.sequence,
    };
    let page = channels::read(channel, &after, limit);
    let page = page.map_err(|error| read_error(channel, error))?;
    Ok(Page {
        events: page.events.into_iter().map(Event::from).collect(),
        next: Position {
            epoch: Some(page.epoch),
            sequence: page.next,
        },
        last: page.last,
        gap: page.gap.map(span),
    })
}

pub(crate) fn bounds(channel: &str) -> Result<Bounds, ReadError> {
    let bounds = channels::bounds(channel).map_err(|error| read_error(channel, error))?;
    Ok(Bounds {
        epoch: bounds.epoch,
        first: bounds.first,
        last: bounds.last,
    })
}

fn time(milliseconds: u64) -> SystemTime {
    let time = SystemTime::UNIX_EPOCH.checked_add(Duration::from_millis(milliseconds));
    time.unwrap_or(SystemTime::UNIX_EPOCH)
}

fn span(span: types::Span) -> Span {
    Span {
        first: span.first,
        last: span.last,
    }
}

/// Why the channel of this name does not take events.
pub(super) fn append_error(channel: &str, error: types::AppendError) -> AppendError {
    match error {
        types::AppendError::NoChannel(nearest) => AppendError::NoChannel {
            channel: channel.to_owned(),
            nearest,
        },
        types::AppendError::Denied(why) => AppendError::Denied(why),
        types::AppendError::Invalid(why) => AppendError::Invalid(why),
        types::AppendError::Conflict(last) => AppendError::Conflict { last },
        types::AppendError::TooLarge(why) => AppendError::TooLarge(why),
        types::AppendError::Full(why) => AppendError::Full(why),
        types::AppendError::Overloaded => AppendError::Overloaded,
        types::AppendError::BudgetExceeded => AppendError::BudgetExceeded,
        types::AppendError::Damaged(spans) => {
            AppendError::Damaged(spans.into_iter().map(span).collect())
        }
        types::AppendError::StorageFailed(why) => AppendError::StorageFailed(why),
        types::AppendError::NodeAway(why) => AppendError::NodeAway(why),
        types::AppendError::OutcomeUnknown(why) => AppendError::OutcomeUnknown(why),
    }
}

fn read_error(channel: &str, error: channels::ReadError) -> ReadError {
    match error {
        channels::ReadError::NoChannel(nearest) => ReadError::NoChannel {
            channel: channel.to_owned(),
            nearest,
        },
        channels::ReadError::Denied(why) => ReadError::Denied(why),
        channels::ReadError::Invalid(why) => ReadError::Invalid(why),
        channels::ReadError::AnotherLog(epoch) => ReadError::AnotherLog { epoch },
        channels::ReadError::Damaged(spans) => {
            ReadError::Damaged(spans.into_iter().map(span).collect())
        }
        channels::ReadError::StorageFailed(why) => ReadError::StorageFailed(why),
        channels::ReadError::NodeAway(why) => ReadError::NodeAway(why),
        channels::ReadError::Overloaded => ReadError::Overloaded,
        channels::ReadError::BudgetExceeded => ReadError::BudgetExceeded,
    }
}
