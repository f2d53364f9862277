//! What the lock of a mailbox is for.

use std::collections::VecDeque;
use std::sync::Arc;
use std::task::Waker;

use hearken_wire::EventRef;
use smallvec::SmallVec;

use super::backlog::Backlog;
use super::closed::Closed;
use super::frame::Frame;
use super::incoming::{Incoming, is_local};
use super::limits::{MAX_FRAMED_BYTES, MailboxLimits, Overflow, STEP};
use super::partitions::partition_of;
use super::segment::Taken;
use super::shares::Scarce;
use crate::event::Event;

/// Who is to be woken once the lock is given back.
pub(super) type Wakers = Vec<Waker>;

/// What is to be done once the lock is given back.
#[derive(Default)]
pub(super) struct Leaving {
    pub(super) wakers: Wakers,
    /// To be dropped. In a box, since there mostly is none and this is moved about.
    pub(super) emptied: Option<Box<Backlog>>,
}

/// Whether an event was let in.
pub(super) enum Room {
    /// It was, or else it was dropped.
    Done,
    /// It will be once more has been dropped, which others need not wait for.
    Soon,
}

/// Begins with what both publisher and consumer write, so that they send each other as
/// few cache lines as can be: next to the lock, what is not the newest segment itself.
#[derive(Debug)]
#[repr(C)]
pub(super) struct State {
    /// Events that were taken in frames, but for those that were put back.
    pub(super) taken: u64,
    /// Who waits, by partition.
    pub(super) wakers: SmallVec<[Option<Waker>; 1]>,
    pub(super) backlog: Backlog,
    pub(super) limits: MailboxLimits,
    pub(super) overflow: Overflow,
    pub(super) closed: Option<Closed>,
    /// Version of the filters that last changed what comes here.
    pub(super) version: u64,
    /// Name of the node, if events wait in frames.
    pub(super) framed_on: Option<Arc<str>>,
}

impl Leaving {
    #[inline]
    pub(super) fn leave(self) {
        self.wakers.into_iter().for_each(Waker::wake);
        drop(self.emptied);
    }
}

impl State {
    /// Puts an event in, or drops it; adds to `dropped` how many were dropped.
    #[inline]
    pub(super) fn push(
        &mut self,
        event: Incoming<'_>,
        leaving: &mut Leaving,
        dropped: &mut u64,
    ) -> Room {
        let publisher = event.publisher();
        let packed = event.packed();
        let size = packed.as_bytes().len();
        if self.closed.is_some() || self.scarce(1, size).is_some() {
            match self.make_room(size, leaving, dropped) {
                Some(true) => {}
                Some(false) => return Room::Soon,
                None => {
                    self.backlog.skip();
                    return Room::Done;
                }
            }
        }
        let partition = partition_of(packed, self.backlog.partitions());
        match &self.framed_on {
            Some(node)
                if size <= MAX_FRAMED_BYTES
                    && self
                        .backlog
                        .takes_packed(partition, event.is_better_shared()) =>
            {
                let local = event.is_local(node);
                self.backlog
                    .push_packed(partition, publisher, packed, local);
            }
            _ => self.backlog.push(partition, publisher, event.event()),
        }
        // Without writing where nobody waits.
        if self.wakers[partition].is_some() {
            leaving.wakers.extend(self.wakers[partition].take());
        }
        Room::Done
    }

    /// Makes room for an event as the rule says; adds to `dropped` how many were dropped
    /// for it. Returns whether there is room now, or nothing when there will be none.
    #[cold]
    fn make_room(&mut self, size: usize, leaving: &mut Leaving, dropped: &mut u64) -> Option<bool> {
        if self.closed.is_some() {
            return None;
        }
        for _ in 0..STEP {
            let Some(scarce) = self.scarce(1, size) else {
                return Some(true);
            };
            match self.overflow {
                Overflow::DropOldest if size <= self.limits.bytes && self.backlog.events() > 0 => {
                    self.backlog.make_room(scarce);
                    *dropped += 1;
                }
                Overflow::DropOldest | Overflow::DropNewest => {
                    *dropped += 1;
                    return None;
                }
                Overflow::Disconnect => {
                    let lost = 1 + self.backlog.events() as u64;
                    *dropped += lost;
                    self.closed = Some(Closed::Overflowed { dropped: lost });
                    leaving.wakers.extend(self.take_wakers());
                    leaving.emptied = Some(Box::new(self.backlog.clear()));
                    return None;
                }
            }
        }
        Some(self.scarce(1, size).is_none())
    }

    /// Drops some of the events that the limits have no room for; returns whether there
    /// may be more.
    pub(super) fn shrink(&mut self, dropped: &mut u64) -> bool {
        for _ in 0..STEP {
            let Some(scarce) = self.scarce(0, 0) else {
                return false;
            };
            self.backlog.make_room(scarce);
            *dropped += 1;
        }
        true
    }

    pub(super) fn take(&mut self, partition: usize) -> Result<Option<Event>, Closed> {
        match (self.backlog.pop(partition), self.closed) {
            (Some(taken), _) => Ok(Some(taken.into_event())),
            (None, Some(closed)) => Err(closed),
            (None, None) => Ok(None),
        }
    }

    pub(super) fn take_batch(
        &mut self,
        partition: usize,
        limits: MailboxLimits,
        batch: &mut VecDeque<Taken>,
    ) -> Result<Option<()>, Closed> {
        let before = batch.len();
        self.backlog.take_batch(partition, limits, batch);
        match (batch.len() - before, self.closed) {
            (1.., _) => Ok(Some(())),
            (0, Some(closed)) => Err(closed),
            (0, None) => Ok(None),
        }
    }

    pub(super) fn take_frame(
        &mut self,
        partition: usize,
        limits: MailboxLimits,
        frame: &mut Frame,
    ) -> Result<Option<()>, Closed> {
        frame.clear();
        let node = self.framed_on.as_deref();
        let is_local = |event: EventRef<'_>| node.is_some_and(|node| is_local(event, node));
        self.backlog.take_frame(partition, limits, is_local, frame);
        self.taken += frame.len() as u64;
        match (frame.is_empty(), self.closed) {
            (false, _) => Ok(Some(())),
            (true, Some(closed)) => Err(closed),
            (true, None) => Ok(None),
        }
    }

    /// What there is too little of to take in so much more.
    #[inline]
    fn scarce(&self, events: usize, bytes: usize) -> Option<Scarce> {
        if self.backlog.bytes() + bytes > self.limits.bytes {
            Some(Scarce::Bytes)
        } else if self.backlog.events() + events > self.limits.events {
            Some(Scarce::Events)
        } else {
            None
        }
    }

    pub(super) fn take_wakers(&mut self) -> Wakers {
        self.wakers.iter_mut().filter_map(Option::take).collect()
    }
}
