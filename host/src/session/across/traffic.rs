//! What is counted of what nodes say to each other.

use std::sync::atomic::{AtomicU64, Ordering};

/// How many channels are wanted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Sizes {
    pub(super) here: usize,
    pub(super) elsewhere: usize,
}

/// Messages since the node started.
#[derive(Debug, Default)]
pub(super) struct Traffic {
    sent: AtomicU64,
    not_sent: AtomicU64,
    received: AtomicU64,
    not_read: AtomicU64,
    gaps: AtomicU64,
    live_received: AtomicU64,
    passed_on: AtomicU64,
    passed_again: AtomicU64,
    handed_over: AtomicU64,
    unanswered: AtomicU64,
}

/// What is shown of what the sessions of this node have to do with those of others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AcrossShown {
    /// Other nodes with sessions.
    pub nodes: usize,
    /// Channels of which this node says that it has subscribers.
    pub wanted_here: usize,
    /// The same of all other nodes together.
    pub wanted_elsewhere: usize,
    /// Messages to other nodes.
    pub sent: u64,
    /// Messages for which there was no way, or that were too large.
    pub not_sent: u64,
    /// Messages of other nodes.
    pub received: u64,
    /// Of those, what could not be understood.
    pub not_read: u64,
    /// How often messages of another node were lost.
    pub gaps: u64,
    /// Publications that came from other nodes and are in no history.
    pub live_received: u64,
    /// Publications of this node that another one has taken, which keeps the history of their
    /// channel.
    pub passed_on: u64,
    /// Those that were sent to it once more, since it had not answered.
    pub passed_again: u64,
    /// Histories in memory that this node has handed over to another one.
    pub handed_over: u64,
    /// Requests to other nodes that were not answered in time, or whose node went.
    pub unanswered: u64,
}

impl Traffic {
    pub(super) fn sent(&self, is_sent: bool) {
        let count = if is_sent { &self.sent } else { &self.not_sent };
        add(count);
    }

    pub(super) fn received(&self, is_read: bool) {
        add(&self.received);
        if !is_read {
            add(&self.not_read);
        }
    }

    pub(super) fn gap(&self) {
        add(&self.gaps);
    }

    pub(super) fn live(&self) {
        add(&self.live_received);
    }

    pub(super) fn passed_on(&self, count: usize) {
        self.passed_on.fetch_add(count as u64, Ordering::Relaxed);
    }

    pub(super) fn passed_again(&self, count: usize) {
        self.passed_again.fetch_add(count as u64, Ordering::Relaxed);
    }

    pub(super) fn handed_over(&self) {
        add(&self.handed_over);
    }

    pub(super) fn unanswered(&self) {
        add(&self.unanswered);
    }

    pub(super) fn shown(&self, nodes: usize, sizes: Sizes) -> AcrossShown {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        AcrossShown {
            nodes,
            wanted_here: sizes.here,
            wanted_elsewhere: sizes.elsewhere,
            sent: read(&self.sent),
            not_sent: read(&self.not_sent),
            received: read(&self.received),
            not_read: read(&self.not_read),
            gaps: read(&self.gaps),
            live_received: read(&self.live_received),
            passed_on: read(&self.passed_on),
            passed_again: read(&self.passed_again),
            handed_over: read(&self.handed_over),
            unanswered: read(&self.unanswered),
        }
    }
}

fn add(count: &AtomicU64) {
    count.fetch_add(1, Ordering::Relaxed);
}
