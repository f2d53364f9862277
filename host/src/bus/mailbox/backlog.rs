//! What waits in a mailbox: a queue for each partition.
//!
//! Events wait in segments: those of plugins in frames, others as they are. Whatever
//! moves, counts or drops events does so segment by segment, and so no operation takes
//! longer because more events wait: what concerns all of them ([`Backlog::retain_some`],
//! [`Backlog::deal_some`]) is done in steps, between which others have their turn.

use std::collections::VecDeque;

use hearken_wire::EventRef;

use super::frame::Frame;
use super::incoming::PublisherId;
use super::limits::MailboxLimits;
use super::partitions::Partitions;
use super::segment::Taken;
use super::shares::{Scarce, Shares};
use crate::event::Event;

/// Begins with what changes whenever an event comes or goes, so that publisher and
/// consumer send each other as few cache lines as can be.
#[derive(Debug)]
#[repr(C)]
pub(super) struct Backlog {
    events: usize,
    bytes: usize,
    /// Position of the next event that arrives.
    next: u64,
    partitions: Partitions,
    /// Partitions whose events are still to be dealt to the others.
    former: Option<Box<Partitions>>,
    shares: Shares,
}

/// How far it has been looked through.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Cursor {
    partition: usize,
    segment: i64,
    /// Positions below this one have been seen.
    position: u64,
    started: bool,
}

impl Backlog {
    pub(super) fn new(partitions: usize) -> Self {
        Self {
            events: 0,
            bytes: 0,
            next: 0,
            partitions: Partitions::new(partitions, 0),
            former: None,
            shares: Shares::default(),
        }
    }

    #[inline]
    pub(super) fn partitions(&self) -> usize {
        self.partitions.len()
    }

    /// Events that came, dropped ones included.
    pub(super) fn received(&self) -> u64 {
        self.next
    }

    /// Events waiting.
    #[inline]
    pub(super) fn events(&self) -> usize {
        self.events
    }

    /// Bytes of the events waiting.
    #[inline]
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    #[inline]
    pub(super) fn push(&mut self, partition: usize, publisher: PublisherId, event: Event) {
        let position = self.count_in(event.as_bytes().len());
        let taken = Taken {
            event,
            publisher,
            position,
        };
        self.partitions[partition].push(taken, &mut self.shares);
    }

    /// Whether an event goes into a frame: one that is better shared only behind others.
    #[inline]
    pub(super) fn takes_packed(&self, partition: usize, better_shared: bool) -> bool {
        !better_shared || self.partitions[partition].has_open_frame()
    }

    /// Puts an event into a frame.
    #[inline]
    pub(super) fn push_packed(
        &mut self,
        partition: usize,
        publisher: PublisherId,
        event: EventRef<'_>,
        local: bool,
    ) {
        let position = self.count_in(event.as_bytes().len());
        let shares = &mut self.shares;
        self.partitions[partition].push_packed(position, publisher, event, local, shares);
    }

    /// Leaves out the position of an event that is dropped on arrival.
    pub(super) fn skip(&mut self) {
        self.next += 1;
    }

    #[inline]
    fn count_in(&mut self, size: usize) -> u64 {
        let position = self.next;
        self.next += 1;
        self.events += 1;
        self.bytes += size;
        position
    }

    /// Puts events that were taken from a partition back before all others of it.
    pub(super) fn put_back(&mut self, partition: usize, events: VecDeque<Taken>) {
        self.events += events.len();
        let sizes = events.iter().map(|taken| taken.event.as_bytes().len());
        self.bytes += sizes.sum::<usize>();
        self.partitions[partition].prepend(events, &mut self.shares);
    }

    /// Takes the oldest event of a partition.
    pub(super) fn pop(&mut self, partition: usize) -> Option<Taken> {
        self.pop_if(partition, |_| true)
    }

    /// Takes the oldest event of a partition if it is `wanted`.
    pub(super) fn pop_if(
        &mut self,
        partition: usize,
        wanted: impl FnOnce(&Event) -> bool,
    ) -> Option<Taken> {
        let wanted = |taken: &Taken| wanted(&taken.event);
        let taken = self.partitions[partition].pop_if(wanted, &mut self.shares)?;
        self.events -= 1;
        self.bytes -= taken.event.as_bytes().len();
        Some(taken)
    }

    /// Moves the oldest events of a partition behind `batch`, as far as they keep within
    /// `limits`; the first of the batch is taken at any size.
    pub(super) fn take_batch(
        &mut self,
        partition: usize,
        limits: MailboxLimits,
        batch: &mut VecDeque<Taken>,
    ) {
        let (before, mut events, mut bytes) = (batch.len(), 0, 0);
        loop {
            let fits = |more: usize, more_bytes: usize| {
                let within = limits.allow(events + more, bytes + more_bytes);
                if within {
                    (events, bytes) = (events + more, bytes + more_bytes);
                }
                within
            };
            if !self.partitions[partition].take_segment(fits, batch, &mut self.shares) {
                break;
            }
        }
        self.events -= batch.len() - before;
        self.bytes -= bytes;
        let mut fits = |event: &Event| {
            bytes += event.as_bytes().len();
            events += 1;
            limits.allow(events, bytes)
        };
        while let Some(taken) = self.pop_if(partition, &mut fits) {
            batch.push_back(taken);
        }
    }

    /// Moves the oldest events of a partition into `frame`, which must be empty, as far as
    /// they keep within `limits`; the first is taken at any size. `is_local` tells the
    /// events of this node.
    pub(super) fn take_frame(
        &mut self,
        partition: usize,
        limits: MailboxLimits,
        is_local: impl Fn(EventRef<'_>) -> bool,
        frame: &mut Frame,
    ) {
        self.partitions[partition].take_frame(limits, is_local, frame, &mut self.shares);
        self.events -= frame.len();
        self.bytes -= frame.event_bytes();
    }

    /// Drops the oldest event of the publisher that takes most of what is scarce.
    pub(super) fn make_room(&mut self, scarce: Scarce) {
        for partitions in [Some(&mut self.partitions), self.former.as_deref_mut()] {
            let partitions = partitions
                .into_iter()
                .flat_map(|partitions| partitions.iter_mut());
            partitions.for_each(|partition| partition.count(&mut self.shares));
        }
        let Some((position, place)) = self.shares.oldest_of_loudest(scarce) else {
            return;
        };
        let partition = [Some(&mut self.partitions), self.former.as_deref_mut()]
            .into_iter()
            .flatten()
            .find_map(|partitions| partitions.by_number(place.partition));
        let size = partition
            .and_then(|partition| partition.drop_one(place.segment, position, &mut self.shares));
        if let Some(size) = size {
            self.events -= 1;
            self.bytes -= size;
        }
    }

    /// Shows every event that does not wait in a frame.
    pub(super) fn each_shared(&self, mut visit: impl FnMut(&Event)) {
        for partition in self.partitions.iter() {
            partition.each_shared(&mut visit);
        }
    }

    /// Gives back what memory is kept for later, if nothing waits.
    pub(super) fn trim(&mut self) {
        if self.events == 0 {
            drop(self.clear());
        }
    }

    /// Gives up all events, which the caller drops when it has the time.
    #[must_use]
    pub(super) fn clear(&mut self) -> Self {
        let next = self.next;
        let fresh = Self {
            next,
            ..Self::new(self.partitions())
        };
        std::mem::replace(self, fresh)
    }

    /// Looks at up to `most` events behind a cursor that came before position `until`, and
    /// drops those that are unwanted; returns how many, or nothing if none was left.
    pub(super) fn retain_some(
        &mut self,
        cursor: &mut Cursor,
        until: u64,
        most: usize,
        wanted: impl Fn(EventRef<'_>) -> bool,
    ) -> Option<usize> {
        if cursor.partition >= self.partitions() {
            return None;
        }
        let from = if cursor.started {
            cursor.segment
        } else {
            i64::MIN
        };
        let partition = &mut self.partitions[cursor.partition];
        let Some((number, segment)) = partition.segment_from(from) else {
            *cursor = Cursor {
                partition: cursor.partition + 1,
                ..Cursor::default()
            };
            return Some(0);
        };
        if (cursor.started, cursor.segment) != (true, number) {
            cursor.position = 0;
        }
        (cursor.started, cursor.segment) = (true, number);
        let seen = cursor.position;
        let mut unwanted = Vec::new();
        let mut over = true;
        let behind = segment.events().filter(|(.., at)| *at >= seen);
        for (at, (event, _, position)) in behind.enumerate() {
            if at == most {
                over = false;
                break;
            }
            cursor.position = position + 1;
            if position < until && !wanted(event) {
                unwanted.push((position, event.as_bytes().len()));
            }
        }
        for (position, size) in &unwanted {
            if partition
                .drop_one(number, *position, &mut self.shares)
                .is_some()
            {
                self.events -= 1;
                self.bytes -= size;
            }
        }
        if over {
            cursor.segment += 1;
        }
        Some(unwanted.len())
    }

    /// From now on there are so many partitions; what waits is dealt to them by
    /// [`Backlog::deal_some`], which must come to its end before anything is taken.
    pub(super) fn deal(&mut self, partitions: usize) {
        let partitions = Partitions::new(partitions, self.partitions.end());
        let former = std::mem::replace(&mut self.partitions, partitions);
        self.former = Some(Box::new(former));
    }

    /// Deals up to `most` events to the new partitions, the newest first, so that all of a partition
    /// are in the order of their arrival; returns whether some are left.
    pub(super) fn deal_some(
        &mut self,
        most: usize,
        partition_of: impl Fn(EventRef<'_>) -> usize,
    ) -> bool {
        let Some(former) = &mut self.former else {
            return false;
        };
        let mut dealt: Vec<VecDeque<Taken>> = Vec::new();
        dealt.resize_with(self.partitions.len(), VecDeque::new);
        for _ in 0..most {
            let newest = former
                .iter_mut()
                .max_by_key(|partition| partition.last_position());
            let Some(taken) = newest.and_then(|partition| partition.pop_back(&mut self.shares))
            else {
                self.former = None;
                break;
            };
            dealt[partition_of(taken.event.packed())].push_front(taken);
        }
        for (partition, events) in dealt.into_iter().enumerate() {
            self.partitions[partition].prepend(events, &mut self.shares);
        }
        self.former.is_some()
    }
}

#[cfg(test)]
mod tests;
