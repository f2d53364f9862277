//! When to tell the other side what was received.

use std::pin::Pin;

use tokio::time::{Instant, Sleep, sleep};

use crate::cluster::timing::ACKNOWLEDGE;
use crate::cluster::wire::protocol::Events;

/// Events after which an acknowledgement waits no longer: a fraction of what the other
/// side may send without one.
const ACKNOWLEDGE_EVENTS: u64 = 2 << 10;

/// The same in bytes of events.
const ACKNOWLEDGE_BYTES: usize = 2 << 20;

/// What is owed to the other side of a link.
#[derive(Debug)]
pub(in crate::cluster) struct Acks {
    /// Number of the last event that was acknowledged.
    acknowledged: u64,
    /// Bytes of events since.
    bytes: usize,
    owed: bool,
    /// Ends when what is owed is due.
    due: Pin<Box<Sleep>>,
}

impl Acks {
    /// Everything up to event `received` is acknowledged.
    pub(in crate::cluster) fn new(received: u64) -> Self {
        Self {
            acknowledged: received,
            bytes: 0,
            owed: false,
            due: Box::pin(sleep(ACKNOWLEDGE)),
        }
    }

    /// A frame was taken in, the last event of which has this number. Returns whether
    /// it is to be acknowledged at once.
    pub(in crate::cluster) fn owe(&mut self, frame: &Events, received: u64) -> bool {
        let now = Instant::now();
        if !self.owed {
            self.owed = true;
            self.due.as_mut().reset(now + ACKNOWLEDGE);
        }
        self.bytes += frame.runs.iter().map(|run| run.events.len()).sum::<usize>();
        // What comes all the time would keep it from being heard that it is due.
        received - self.acknowledged >= ACKNOWLEDGE_EVENTS
            || self.bytes >= ACKNOWLEDGE_BYTES
            || self.due.deadline() <= now
    }

    /// Everything up to event `received` is now acknowledged.
    pub(in crate::cluster) fn settle(&mut self, received: u64) {
        self.acknowledged = received;
        self.bytes = 0;
        self.owed = false;
    }

    /// Whether anything is owed.
    pub(in crate::cluster) fn owed(&self) -> bool {
        self.owed
    }

    /// Waits until something is due.
    pub(in crate::cluster) async fn due(&mut self) {
        if self.owed {
            self.due.as_mut().await;
        } else {
            std::future::pending::<()>().await;
        }
    }
}
