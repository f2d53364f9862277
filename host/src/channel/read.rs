//! Reading: after a number, filtered, the newest.

use std::sync::Arc;

use bytes::Bytes;
use hearken_channel_log::{Page, ReadError, ReadLimit, Span};
use hearken_wire::EventRef;

use super::error::ReadFailure;
use super::handle::Channel;
use super::timeout::in_time;
use crate::event::Pattern;

/// Most events that are looked at for one answer.
pub const MAX_SCANNED: usize = 10_000;

/// Most bytes of events that are looked at for one answer, but for the last event.
pub const MAX_SCANNED_BYTES: usize = 16 << 20;

/// Most bytes of the events of one answer, but for the first event.
pub const MAX_READ: usize = 4 << 20;

/// Events of a page of the log that is filtered.
const PAGE_EVENTS: usize = 1000;

/// As many times as large as what passes a filter a page of the log may be for that to stay a
/// part of it, and keep all of it in memory.
const MOST_BESIDE: usize = 8;

/// How much is read for one answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReadAmount {
    /// Most events.
    pub events: usize,
    /// Most bytes of them, but for the first event.
    pub bytes: usize,
}

/// Which of a channel's events are read.
#[derive(Clone, Debug, Default)]
pub struct ReadFilter {
    /// Only types that match.
    pub pattern: Option<Pattern>,
    /// Only exactly this subject.
    pub subject: Option<Arc<str>>,
}

/// Events that were read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// The events in their wire encoding, ascending.
    pub events: Vec<Bytes>,
    /// The position after which to go on.
    pub next: u64,
    /// Number of the channel's last event.
    pub last: u64,
    /// Numbers that are behind the position and not kept any more.
    pub gap: Option<Span>,
    /// Numbers before the newest events that are damaged, so that none before them is here.
    pub damaged: Option<Span>,
}

impl ReadAmount {
    /// So many events, and the most bytes that an answer may have.
    #[must_use]
    pub fn events(events: usize) -> Self {
        Self {
            events,
            bytes: MAX_READ,
        }
    }
}

impl ReadFilter {
    /// Whether the event passes.
    #[must_use]
    pub fn passes(&self, event: EventRef<'_>) -> bool {
        self.pattern
            .as_ref()
            .is_none_or(|pattern| pattern.matches(event.event_type()))
            && self
                .subject
                .as_deref()
                .is_none_or(|subject| event.subject() == Some(subject))
    }

    fn passes_all(&self) -> bool {
        self.pattern.is_none() && self.subject.is_none()
    }
}

impl Channel {
    /// Reads up to `amount` of events behind the position `after` that pass the filter. Looks at
    /// a bounded number of them: there may be more that pass where it ends, and none before.
    ///
    /// # Errors
    /// [`ReadFailure`] when there is nothing before it that could be read.
    pub async fn read(
        &self,
        after: u64,
        amount: ReadAmount,
        filter: &ReadFilter,
    ) -> Result<Found, ReadFailure> {
        let mut page = self.page(after, page_limit(amount, filter)).await?;
        if page.last < after {
            return Err(ReadFailure::Beyond {
                after,
                last: page.last,
            });
        }
        let mut found = Found {
            next: after,
            gap: page.gap,
            ..Found::default()
        };
        let (mut scanned, mut scanned_bytes, mut bytes) = (0, 0, 0);
        loop {
            found.last = page.last;
            let position = page.next;
            let (kept, before) = (found.events.len(), (scanned_bytes, bytes));
            for event in page.events {
                let packed = EventRef::assume_encoded(&event);
                let number = packed.sequence().unwrap_or(position);
                scanned += 1;
                scanned_bytes += event.len();
                if filter.passes(packed) {
                    bytes += event.len();
                    let full = bytes > amount.bytes && !found.events.is_empty();
                    if full || found.events.len() >= amount.events {
                        return Ok(found);
                    }
                    found.events.push(event);
                }
                found.next = number;
            }
            let (looked_at, passed) = (scanned_bytes - before.0, bytes - before.1);
            if passed.saturating_mul(MOST_BESIDE) < looked_at {
                // There may be many who look for little.
                for event in &mut found.events[kept..] {
                    *event = Bytes::copy_from_slice(event);
                }
            }
            found.next = position;
            let enough = found.events.len() >= amount.events
                || bytes >= amount.bytes
                || scanned >= MAX_SCANNED
                || scanned_bytes >= MAX_SCANNED_BYTES;
            if enough || found.next >= found.last {
                return Ok(found);
            }
            page = match self.page(found.next, page_limit(amount, filter)).await {
                // Told when they are what is asked for.
                Ok(page) if page.gap.is_some() => return Ok(found),
                Err(ReadFailure::Log(_)) => return Ok(found),
                page => page?,
            };
        }
    }

    /// Whether what is behind the position would be read without the disk now.
    #[must_use]
    pub fn is_in_memory(&self, after: u64) -> bool {
        self.engine.is_in_memory(&self.name, after)
    }

    /// Reads a page of the log.
    pub(super) async fn page(&self, after: u64, limit: ReadLimit) -> Result<Page, ReadFailure> {
        let page = self.engine.read(&self.name, after, limit);
        let page = in_time(page, ReadError::Storage).await;
        let page = page.map_err(|error| match error {
            ReadError::NoChannel(_) => ReadFailure::Removed,
            error => ReadFailure::Log(error),
        })?;
        if page.epoch == self.epoch {
            Ok(page)
        } else {
            Err(ReadFailure::Removed)
        }
    }
}

/// How much of the log is read at once.
fn page_limit(amount: ReadAmount, filter: &ReadFilter) -> ReadLimit {
    if filter.passes_all() {
        return ReadLimit {
            events: amount.events,
            bytes: amount.bytes,
        };
    }
    ReadLimit {
        events: PAGE_EVENTS,
        bytes: MAX_READ,
    }
}
