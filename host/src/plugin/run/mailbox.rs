//! The mailbox of a plugin, and the count of what becomes of its events: the one place
//! where they are counted.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::inbox::{Closed, Inbox, Verdict};
use crate::bus::{Filter, Frame, MailboxLimits, Overflow, Receiver};
use crate::plugin::guest::deliveries::Deliveries;

/// Outlives all versions of its plugin.
#[derive(Debug)]
pub(crate) struct PluginMailbox {
    receiver: Receiver,
    /// Events that are settled, whatever became of them.
    delivered: AtomicU64,
    /// Those of them that were not handled.
    failed: AtomicU64,
}

/// What became of the events of a plugin.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct EventCounts {
    /// Settled, whatever became of them.
    pub(crate) delivered: u64,
    /// Settled without having been handled.
    pub(crate) failed: u64,
    /// Dropped, or given up.
    pub(crate) dropped: u64,
    /// Waiting, or in hand.
    pub(crate) queued: u64,
}

/// What one worker has of a mailbox: the events of one partition.
pub(crate) struct MailboxInbox {
    mailbox: Arc<PluginMailbox>,
    partition: usize,
}

impl PluginMailbox {
    pub(crate) fn new(receiver: Receiver) -> Self {
        Self {
            receiver,
            delivered: AtomicU64::new(0),
            failed: AtomicU64::new(0),
        }
    }

    /// The events of a partition, for the one worker that has it.
    pub(crate) fn inbox(self: &Arc<Self>, partition: usize) -> MailboxInbox {
        MailboxInbox {
            mailbox: Arc::clone(self),
            partition,
        }
    }

    /// Replaces the filters; returns how many waiting events were discarded since no new
    /// one wants them.
    pub(crate) fn set_filters(&self, filters: Vec<Filter>) -> usize {
        self.receiver.set_filters(filters)
    }

    /// Changes bounds and partitions, between the workers of one version and the next's.
    pub(crate) fn reconfigure(&self, limits: MailboxLimits, overflow: Overflow, partitions: usize) {
        self.receiver.reconfigure(limits, overflow, partitions);
    }

    pub(crate) fn counts(&self) -> EventCounts {
        // First, so that an event is rather counted twice than not at all.
        let delivered = self.delivered.load(Ordering::Acquire);
        EventCounts {
            delivered,
            failed: self.failed.load(Ordering::Relaxed),
            dropped: self.receiver.dropped(),
            queued: self.receiver.mailbox().unfinished(delivered),
        }
    }

    /// Takes no more events and gives up those that wait or are in hand; returns how many.
    pub(crate) fn give_up(&self) -> u64 {
        self.receiver
            .give_up(self.delivered.load(Ordering::Acquire))
    }
}

impl MailboxInbox {
    fn limits(most: usize) -> MailboxLimits {
        MailboxLimits {
            events: most,
            bytes: Frame::MOST_BYTES,
        }
    }
}

impl Inbox for MailboxInbox {
    fn try_take(&mut self, most: usize, frame: &mut Frame) -> Result<(), Closed> {
        let mailbox = self.mailbox.receiver.mailbox();
        let taken = mailbox.try_recv_frame(self.partition, Self::limits(most), frame);
        taken.map_err(|_| Closed)
    }

    async fn take(&mut self, most: usize, frame: &mut Frame) -> Result<(), Closed> {
        let mailbox = self.mailbox.receiver.mailbox();
        let taken = mailbox.recv_frame(self.partition, Self::limits(most), frame);
        taken.await.map_err(|_| Closed)
    }

    fn attempt(&self, _: &Frame, _: usize) -> Option<u32> {
        None
    }

    fn deliveries(&self) -> Option<Arc<dyn Deliveries>> {
        None
    }

    fn settle(&mut self, _: &Frame, events: Range<usize>, verdict: Verdict<'_>) {
        let events = events.len() as u64;
        match verdict {
            Verdict::Done => {}
            // A mailbox gives each event at most once.
            Verdict::Again(_) | Verdict::AgainAfter(..) | Verdict::Rejected(_) => {
                self.mailbox.failed.fetch_add(events, Ordering::Relaxed);
            }
        }
        self.mailbox.delivered.fetch_add(events, Ordering::Release);
    }

    fn put_back(&mut self, frame: &Frame, from: usize) {
        self.mailbox.receiver.mailbox().put_back(frame, from);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bus::{Bus, BusConfig, ReceiverKind, Subscription};
    use crate::clock::SystemClock;
    use crate::event::{Draft, EventType, Pattern};

    #[test]
    fn each_event_is_counted_once_whatever_becomes_of_it() {
        let bus = Bus::new(BusConfig {
            node: "a".into(),
            incarnation: "i".into(),
            max_event_bytes: 1024,
            clock: Arc::new(SystemClock),
        });
        let mailbox = Arc::new(PluginMailbox::new(bus.subscribe(Subscription {
            name: "p".into(),
            kind: ReceiverKind::Plugin,
            filters: vec![Filter::new(Pattern::new("*").unwrap())],
            limits: MailboxLimits::default(),
            overflow: Overflow::DropOldest,
            partitions: 1,
        })));
        let publisher = bus.publisher("/tests", "tests");
        for _ in 0..6 {
            let draft = Draft::new(EventType::custom("e").unwrap());
            publisher.publish(&draft).expect("a valid event");
        }
        let counted = |delivered, failed, dropped, queued| EventCounts {
            delivered,
            failed,
            dropped,
            queued,
        };
        let mut inbox = mailbox.inbox(0);
        let mut frame = Frame::default();
        inbox.try_take(5, &mut frame).unwrap();
        assert_eq!(frame.len(), 5);
        assert_eq!(mailbox.counts(), counted(0, 0, 0, 6), "five are in hand");
        inbox.settle(&frame, 0..2, Verdict::Done);
        inbox.settle(&frame, 2..3, Verdict::Again("it failed"));
        inbox.settle(&frame, 3..4, Verdict::Rejected("it is wrong"));
        assert_eq!(mailbox.counts(), counted(4, 2, 0, 2));
        inbox.put_back(&frame, 4);
        assert_eq!(mailbox.counts(), counted(4, 2, 0, 2));
        inbox.try_take(1, &mut frame).unwrap();
        inbox.settle(&frame, 0..1, Verdict::Done);
        assert_eq!(mailbox.counts(), counted(5, 2, 0, 1));
        assert_eq!(mailbox.give_up(), 1);
        assert_eq!(mailbox.counts(), counted(5, 2, 1, 0));
        assert_eq!(inbox.try_take(5, &mut frame), Err(Closed));
    }
}
