//! The newest events of a channel.

use std::collections::VecDeque;

use bytes::Bytes;
use hearken_channel_log::{ReadError, ReadLimit, Span};
use hearken_wire::EventRef;

use super::error::ReadFailure;
use super::handle::Channel;
use super::read::{Found, MAX_READ};

/// Events that are read first; more each time, so that large ones are not read to be thrown
/// away.
const FIRST_STEP: u64 = 16;

/// Events between two numbers.
#[derive(Default)]
struct Stretch {
    /// Those behind what is damaged, ascending; the newest of them where they are too large.
    events: VecDeque<Bytes>,
    bytes: usize,
    /// Whether all were read that are not damaged.
    cut: bool,
    /// The last numbers that are damaged.
    damaged: Option<Span>,
}

impl Channel {
    /// Reads the newest events, up to `limit` of them, ascending; fewer where they are large,
    /// and none from before events that are damaged.
    ///
    /// # Errors
    /// [`ReadFailure`] when they cannot be read.
    pub async fn latest(&self, limit: usize) -> Result<Found, ReadFailure> {
        let bounds = self.bounds().ok_or(ReadFailure::Removed)?;
        let mut newest = Stretch::default();
        let mut end = bounds.last;
        let mut step = FIRST_STEP;
        while end >= bounds.first && newest.events.len() < limit {
            let wanted = (limit - newest.events.len()) as u64;
            let after = end.saturating_sub(wanted.min(step));
            let after = after.max(bounds.first.saturating_sub(1));
            let older = self.stretch(after, end).await?;
            if !newest.put_before(older) {
                break;
            }
            end = after;
            step = step.saturating_mul(2);
        }
        if let (true, Some(span)) = (newest.events.is_empty(), newest.damaged) {
            return Err(ReadError::Damaged(span).into());
        }
        Ok(Found {
            events: newest.events.into(),
            next: bounds.last,
            last: bounds.last,
            gap: None,
            damaged: newest.damaged,
        })
    }

    /// Reads the events behind `after`, up to the number `end`.
    async fn stretch(&self, after: u64, end: u64) -> Result<Stretch, ReadFailure> {
        let mut stretch = Stretch::default();
        let mut position = after;
        while position < end {
            let limit = ReadLimit {
                events: usize::try_from(end - position).unwrap_or(usize::MAX),
                bytes: MAX_READ,
            };
            match self.page(position, limit).await {
                Ok(page) if page.next > position => {
                    // Behind what is not kept any more may come what came meanwhile.
                    let events = page.events.into_iter().filter(|event| {
                        let number = EventRef::assume_encoded(event).sequence();
                        number.is_none_or(|number| number <= end)
                    });
                    events.for_each(|event| stretch.push(event));
                    position = page.next;
                }
                Ok(_) => break,
                Err(ReadFailure::Log(ReadError::Damaged(span))) => {
                    stretch = Stretch {
                        damaged: Some(span),
                        ..Stretch::default()
                    };
                    position = position.max(span.last);
                }
                Err(error) => return Err(error),
            }
        }
        Ok(stretch)
    }
}

impl Stretch {
    /// Takes the event behind those that are here; lets go of the oldest where they are too
    /// large together.
    fn push(&mut self, event: Bytes) {
        self.bytes += event.len();
        self.events.push_back(event);
        while self.bytes > MAX_READ && self.events.len() > 1 {
            self.bytes -= self.events.pop_front().map_or(0, |event| event.len());
            self.cut = true;
        }
    }

    /// Takes those that come before these, as long as they are not too large; returns whether
    /// what comes before them may follow.
    fn put_before(&mut self, older: Self) -> bool {
        for event in older.events.into_iter().rev() {
            if self.bytes + event.len() > MAX_READ && !self.events.is_empty() {
                return false;
            }
            self.bytes += event.len();
            self.events.push_front(event);
        }
        if older.cut {
            return false;
        }
        self.damaged = older.damaged;
        self.damaged.is_none()
    }
}
