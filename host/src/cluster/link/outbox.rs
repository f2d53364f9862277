//! What one node sends to another: a numbered stream of events, of which as much
//! is kept as the other side has not acknowledged.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::BytesMut;

use super::interest::Rerouted;
use super::messages::{MESSAGE_ALLOWANCE, is_message};
use crate::bus::{Closed, MailboxLimits, Receiver, Taken};
use crate::cluster::wire::protocol::{Events, Run, Skip};

/// Most events in a frame.
const MAX_FRAME_EVENTS: usize = 1024;

/// Bytes of events after which a frame is full; one event may be larger.
const MAX_FRAME_BYTES: usize = 256 << 10;

/// Most events that are sent and not acknowledged: some milliseconds of a link at
/// full speed.
const MAX_UNACKNOWLEDGED_EVENTS: u64 = 16 << 10;

/// Most bytes of events that are sent and not acknowledged.
const MAX_UNACKNOWLEDGED_BYTES: usize = 16 << 20;

/// The sending half of a link; outlives the connections that it is sent over.
#[derive(Debug)]
pub(in crate::cluster) struct Outbox {
    /// Tells this stream from earlier ones to the same node.
    stream: u64,
    /// Where events wait that have not been sent.
    receiver: Arc<Receiver>,
    /// Largest event that the other side takes, in bytes.
    max_event_bytes: usize,
    /// Number of the last event that is in `sent`, or was, or is lost.
    last: u64,
    /// Frames that were sent and not wholly acknowledged, oldest first.
    sent: VecDeque<Sent>,
    sent_bytes: usize,
    /// How many of `sent` have been handed to the present connection.
    handed: usize,
    acknowledged: u64,
    /// Number of the last event that is not sent again since the other side does not know
    /// what it has received; 0 once it has acknowledged being told so.
    skipped: u64,
    /// Number of the last event that was handed to any connection.
    offered: u64,
    /// Events sent, repetitions not counted.
    events: u64,
    /// Events too large for the other side.
    too_large: u64,
    taken: VecDeque<Taken>,
}

/// A frame that was sent.
#[derive(Debug)]
struct Sent {
    /// Number of its last event.
    last: u64,
    bytes: usize,
    events: Events,
}

/// The other side acknowledged an event that it was never sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("event {acknowledged} is acknowledged, but only {sent} were sent")]
pub(in crate::cluster) struct NeverSent {
    acknowledged: u64,
    sent: u64,
}

impl Outbox {
    /// A stream of what reaches `receiver`, which must have one lane.
    pub(in crate::cluster) fn new(
        stream: u64,
        receiver: Arc<Receiver>,
        max_event_bytes: usize,
    ) -> Self {
        Self {
            stream,
            receiver,
            max_event_bytes,
            last: 0,
            sent: VecDeque::new(),
            sent_bytes: 0,
            handed: 0,
            acknowledged: 0,
            skipped: 0,
            offered: 0,
            events: 0,
            too_large: 0,
            taken: VecDeque::new(),
        }
    }

    pub(in crate::cluster) fn stream(&self) -> u64 {
        self.stream
    }

    /// Events sent, repetitions not counted.
    pub(in crate::cluster) fn events(&self) -> u64 {
        self.events
    }

    /// Events that were not sent: there was no room for them to wait, or the other
    /// side takes none that large.
    pub(in crate::cluster) fn dropped(&self) -> u64 {
        self.receiver.dropped() + self.too_large
    }

    /// The other side wants other events, of those published from now on.
    pub(in crate::cluster) fn reroute(&self, rerouted: &Rerouted) {
        self.receiver
            .change_route(&rerouted.removed, &rerouted.added);
    }

    /// Events sent and not acknowledged; those too large for the other side count, and
    /// those of which it has not acknowledged that they are not sent again.
    pub(in crate::cluster) fn unacknowledged(&self) -> u64 {
        self.last - self.acknowledged
    }

    /// Whether all has been sent and acknowledged.
    pub(in crate::cluster) fn is_empty(&self) -> bool {
        self.sent.is_empty() && self.skipped == 0 && self.receiver.mailbox().queued() == 0
    }

    /// Goes on behind event `received` on a new connection; sends everything after it
    /// again that is not skipped. Returns what to tell the other side first, if it has
    /// heard of the stream but not yet of that.
    ///
    /// # Errors
    /// [`NeverSent`] when there is no such event.
    pub(in crate::cluster) fn resume(&mut self, received: u64) -> Result<Option<Skip>, NeverSent> {
        self.acknowledge(received)?;
        self.handed = 0;
        Ok(self.told_first())
    }

    /// Goes on, on a new connection, with a side that knows nothing of this stream any
    /// more, though it has acknowledged some of it: sends nothing again that it may have.
    /// Returns what to tell it, if it ever knew anything.
    pub(in crate::cluster) fn skip(&mut self) -> Option<Skip> {
        self.handed = 0;
        // If not, then it has most likely never heard of the stream.
        if self.acknowledged > 0 {
            self.skipped = self.offered.max(self.acknowledged);
            self.let_go(self.skipped);
        }
        self.told_first()
    }

    /// What the other side has to be told before it gets events. Some of what was skipped
    /// stays unsure until it has acknowledged that: a connection may break before.
    fn told_first(&self) -> Option<Skip> {
        (self.skipped > 0).then(|| Skip {
            after: self.skipped,
            unsure: self.skipped - self.acknowledged,
        })
    }

    /// Forgets what the other side has.
    ///
    /// # Errors
    /// [`NeverSent`] when it cannot have that.
    pub(in crate::cluster) fn acknowledge(&mut self, received: u64) -> Result<(), NeverSent> {
        if received > self.last {
            return Err(NeverSent {
                acknowledged: received,
                sent: self.last,
            });
        }
        self.acknowledged = self.acknowledged.max(received);
        if received >= self.skipped {
            self.skipped = 0;
        }
        self.let_go(received);
        Ok(())
    }

    /// Keeps nothing that need not be sent again: what ends with event `last`, or before.
    fn let_go(&mut self, last: u64) {
        while let Some(sent) = self.sent.pop_front_if(|sent| sent.last <= last) {
            self.sent_bytes -= sent.bytes;
            self.handed = self.handed.saturating_sub(1);
        }
    }

    /// Waits until there is a frame to send.
    ///
    /// # Errors
    /// [`Closed`] when there will be none any more.
    pub(in crate::cluster) async fn ready(&mut self) -> Result<(), Closed> {
        if self.handed < self.sent.len() {
            return Ok(());
        }
        loop {
            let Some(limits) = self.room() else {
                // An acknowledgement makes room, and whoever hears it asks again.
                return std::future::pending().await;
            };
            let mailbox = self.receiver.mailbox();
            mailbox.recv_batch(0, limits, &mut self.taken).await?;
            if self.pack() {
                return Ok(());
            }
        }
    }

    /// The next frame for the present connection, if there is one at hand.
    pub(in crate::cluster) fn next(&mut self) -> Option<Events> {
        if self.handed == self.sent.len() {
            let limits = self.room()?;
            let mailbox = self.receiver.mailbox();
            // A closed mailbox is told by `ready`.
            let _ = mailbox.try_recv_batch(0, limits, &mut self.taken);
            self.pack();
        }
        let sent = self.sent.get(self.handed)?;
        self.handed += 1;
        self.offered = self.offered.max(sent.last);
        Some(sent.events.clone())
    }

    /// How much may be sent; nothing when too much is on its way.
    fn room(&self) -> Option<MailboxLimits> {
        let events = MAX_UNACKNOWLEDGED_EVENTS.saturating_sub(self.unacknowledged());
        let events = usize::try_from(events).unwrap_or(usize::MAX);
        (events > 0 && self.sent_bytes < MAX_UNACKNOWLEDGED_BYTES).then_some(MailboxLimits {
            events: events.min(MAX_FRAME_EVENTS),
            bytes: MAX_FRAME_BYTES,
        })
    }

    /// Makes a frame of what was taken; returns whether there was anything.
    fn pack(&mut self) -> bool {
        let Some(last) = self.taken.back().map(Taken::number) else {
            return false;
        };
        let mut runs: Vec<Run> = Vec::new();
        let sizes = self
            .taken
            .iter()
            .map(|taken| taken.event().as_bytes().len());
        let mut buffer = BytesMut::with_capacity(sizes.sum());
        // Of the run in hand.
        let (mut first, mut count) = (self.last + 1, 0);
        let mut end_run = |first, count, buffer: &mut BytesMut| {
            if count > 0 {
                runs.push(Run {
                    first,
                    count,
                    events: buffer.split().freeze(),
                });
            }
        };
        let mut bytes = 0;
        for taken in &self.taken {
            let event = taken.event().as_bytes();
            let allowance = match is_message(taken.event()) {
                true => MESSAGE_ALLOWANCE,
                false => 0,
            };
            if event.len() > self.max_event_bytes.saturating_add(allowance) {
                self.too_large += 1;
                continue;
            }
            if taken.number() != first + u64::from(count) {
                end_run(first, count, &mut buffer);
                (first, count) = (taken.number(), 0);
            }
            count += 1;
            bytes += event.len();
            self.events += 1;
            buffer.extend_from_slice(event);
        }
        end_run(first, count, &mut buffer);
        // Not one by one as they are copied: giving an event up is an atomic operation,
        // for which the processor waits until the copies before it have been made.
        self.taken.clear();
        if runs
            .last()
            .is_none_or(|run| run.first + u64::from(run.count) <= last)
        {
            // Without it, the other side would not learn that the end is missing.
            runs.push(Run {
                first: last + 1,
                ..Run::default()
            });
        }
        self.last = last;
        self.sent_bytes += bytes;
        self.sent.push_back(Sent {
            last,
            bytes,
            events: Events { runs },
        });
        true
    }
}

#[cfg(test)]
mod tests;
