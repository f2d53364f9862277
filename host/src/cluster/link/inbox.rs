//! What one node receives from another: keeps the order, leaves out what came
//! before, and knows what is missing.

use hearken_wire::{EventRef, Malformed};

use crate::cluster::wire::protocol::{Events, Run};
use crate::event::{Event, ForeignError};

/// The receiving half of a link; outlives the connections that it is received over.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Inbox {
    /// The other side's stream; 0 before the first.
    stream: u64,
    /// Number of the last event that was received or is known to be lost.
    received: u64,
}

/// Events that will not come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gap {
    /// Number of the first.
    pub first: u64,
    /// Number of the last; nothing when the other side no longer knows.
    pub last: Option<u64>,
}

/// What comes out of a frame.
pub trait Sink {
    /// The next event of the stream.
    fn event(&mut self, event: Event);

    /// Events are missing here.
    fn gap(&mut self, gap: Gap);

    /// An event breaks a rule; the stream goes on behind it.
    fn broken(&mut self, number: u64, error: &ForeignError);
}

/// The frame breaks the protocol; the link cannot go on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// An event is no event.
    #[error("event {number} cannot be read: {error}")]
    Malformed {
        /// Number of the event.
        number: u64,
        /// What is wrong.
        error: Malformed,
    },
    /// There is more in the run than it says.
    #[error("the run from event {first} has {bytes} bytes more than its {count} events")]
    Trailing {
        /// Number of the first event of the run.
        first: u64,
        /// Events that the run says it has.
        count: u32,
        /// Bytes behind them.
        bytes: usize,
    },
    /// Numbers begin at 1, and end below 2^63.
    #[error("event number {0} is out of range")]
    Number(u64),
}

/// Largest number of an event.
const MAX_NUMBER: u64 = i64::MAX as u64;

impl Inbox {
    /// The other side's stream that was received last; 0 for none.
    pub fn stream(&self) -> u64 {
        self.stream
    }

    /// Number of the last event that was received or is known to be lost.
    pub fn received(&self) -> u64 {
        self.received
    }

    /// The other side goes on with `stream`. Returns what is missing if that is
    /// not the one it sent before.
    pub fn resume(&mut self, stream: u64) -> Option<Gap> {
        if self.stream == stream {
            return None;
        }
        let gap = (self.stream != 0).then_some(Gap {
            first: self.received + 1,
            last: None,
        });
        *self = Self {
            stream,
            received: 0,
        };
        gap
    }

    /// The other side does not send again what it sent up to event `after`, since this
    /// side has told it that it knows nothing of the stream; `unsure` of those events may
    /// not have come.
    ///
    /// # Errors
    /// [`FrameError`] when there can be no such event.
    pub fn skip(
        &mut self,
        after: u64,
        unsure: u64,
        sink: &mut impl Sink,
    ) -> Result<(), FrameError> {
        if after > MAX_NUMBER {
            return Err(FrameError::Number(after));
        }
        if after <= self.received {
            return Ok(());
        }
        let first = after.saturating_sub(unsure).max(self.received) + 1;
        self.received = after;
        if first <= after {
            sink.gap(Gap { first, last: None });
        }
        Ok(())
    }

    /// Takes in a frame from the node `origin`.
    ///
    /// # Errors
    /// [`FrameError`] when it breaks the protocol; what came before has been handed
    /// to the sink.
    pub fn take(
        &mut self,
        frame: &Events,
        origin: &str,
        sink: &mut impl Sink,
    ) -> Result<(), FrameError> {
        frame
            .runs
            .iter()
            .try_for_each(|run| self.take_run(run, origin, sink))
    }

    fn take_run(
        &mut self,
        run: &Run,
        origin: &str,
        sink: &mut impl Sink,
    ) -> Result<(), FrameError> {
        if run.first == 0 || run.first > MAX_NUMBER {
            return Err(FrameError::Number(run.first));
        }
        if run.first > self.received + 1 {
            sink.gap(Gap {
                first: self.received + 1,
                last: Some(run.first - 1),
            });
            self.received = run.first - 1;
        }
        let mut rest = run.events.as_ref();
        for number in (run.first..).take(run.count as usize) {
            let (packed, behind) = match EventRef::take(rest) {
                Ok(taken) => taken,
                Err(error) => {
                    self.give_up(run, number, sink);
                    return Err(FrameError::Malformed { number, error });
                }
            };
            rest = behind;
            if number <= self.received {
                continue;
            }
            self.received = number;
            match Event::foreign(packed, origin) {
                Ok(event) => sink.event(event),
                Err(error) => sink.broken(number, &error),
            }
        }
        if !rest.is_empty() {
            return Err(FrameError::Trailing {
                first: run.first,
                count: run.count,
                bytes: rest.len(),
            });
        }
        Ok(())
    }

    /// Leaves out the rest of a run that cannot be read, so that the next
    /// connection does not begin with it again.
    fn give_up(&mut self, run: &Run, number: u64, sink: &mut impl Sink) {
        let last = run.first + u64::from(run.count) - 1;
        let first = number.max(self.received + 1);
        if first <= last {
            sink.gap(Gap {
                first,
                last: Some(last),
            });
            self.received = last;
        }
    }
}

#[cfg(test)]
pub(in crate::cluster) mod tests;
