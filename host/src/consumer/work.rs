//! The events of a consumer that are in memory: in which order they are given out, what is
//! in hand, what waits for another attempt.
//!
//! Of the events of one subject one at a time is given out, and the next only when that is
//! finished, whatever becomes of it.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::Arc;

use hearken_channel_log::{DedupeKey, Epoch};
use tokio::sync::Notify;
use tokio::time::Instant;

use super::handling::Round;
use crate::bus::{partition_of_subject, subject_hash};
use crate::event::Event;

/// By what an event in memory is known; ascending in the order in which they came.
pub(super) type Ticket = u64;

/// Where an event comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Source {
    /// The channel.
    Channel,
    /// The dead letters, by the wish of an operator.
    Letters,
}

/// An event in memory.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) source: Source,
    /// Its number there.
    pub(super) place: u64,
    /// The log of its channel, and which time it is handed over.
    pub(super) of: (Epoch, Round),
    /// As the plugin gets it.
    pub(super) event: Event,
    /// Attempts that have failed.
    pub(super) failed: u32,
    /// Why the last did.
    pub(super) reason: Arc<str>,
    pub(super) stage: Stage,
    /// Whether it was told that it is stalled.
    pub(super) told: bool,
    /// Whether what becomes of it matters to nobody any more.
    pub(super) void: bool,
    /// By what its dead letter is there once, however often it is written: the same at every
    /// try, also of who goes on with what is in memory.
    pub(super) letter: Option<DedupeKey>,
    /// Hash of its subject.
    subject: u64,
}

/// What is done with an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// It waits for its turn.
    Queued,
    /// A worker has it.
    InHand,
    /// It waits for another attempt.
    Delayed(Instant),
    /// It becomes a dead letter.
    Dying,
}

/// The events of one subject.
#[derive(Debug)]
struct Subject {
    /// The one that is worked on, or may be.
    head: Ticket,
    /// Those that wait for it.
    behind: VecDeque<Ticket>,
}

/// What one worker is given.
#[derive(Debug, Default)]
pub(super) struct Partition {
    /// Events whose subjects are free.
    ready: BTreeSet<Ticket>,
    /// Tells the worker that there are some.
    pub(super) wake: Arc<Notify>,
}

/// How many workers could not be given an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Idle {
    None,
    Some,
    All,
}

/// The events of a consumer that are in memory.
#[derive(Debug)]
pub(super) struct Work {
    entries: BTreeMap<Ticket, Entry>,
    subjects: HashMap<u64, Subject>,
    partitions: Vec<Partition>,
    delayed: BTreeSet<(Instant, Ticket)>,
    dying: BTreeSet<Ticket>,
    in_hand: usize,
    bytes: usize,
    next: Ticket,
}

impl Work {
    pub(super) fn new(partitions: usize) -> Self {
        let mut work = Self {
            entries: BTreeMap::new(),
            subjects: HashMap::new(),
            partitions: Vec::new(),
            delayed: BTreeSet::new(),
            dying: BTreeSet::new(),
            in_hand: 0,
            bytes: 0,
            next: 0,
        };
        work.divide(partitions);
        work
    }

    /// Divides what waits anew, among so many workers; those of before are woken.
    pub(super) fn divide(&mut self, partitions: usize) {
        self.wake_all();
        let partitions = 0..partitions.max(1);
        self.partitions = partitions.map(|_| Partition::default()).collect();
        let heads: Vec<Ticket> = self.subjects.values().map(|subject| subject.head).collect();
        for head in heads {
            self.offer(head);
        }
    }

    /// Wakes all workers.
    pub(super) fn wake_all(&self) {
        for partition in &self.partitions {
            partition.wake.notify_one();
        }
    }

    pub(super) fn partition(&self, at: usize) -> Option<&Partition> {
        self.partitions.get(at)
    }

    pub(super) fn get(&self, ticket: Ticket) -> Option<&Entry> {
        self.entries.get(&ticket)
    }

    pub(super) fn get_mut(&mut self, ticket: Ticket) -> Option<&mut Entry> {
        self.entries.get_mut(&ticket)
    }

    pub(super) fn entries(&self) -> impl Iterator<Item = (Ticket, &Entry)> {
        self.entries.iter().map(|(ticket, entry)| (*ticket, entry))
    }

    /// Bytes of all events.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) fn in_hand(&self) -> usize {
        self.in_hand
    }

    /// How many of the workers could not be given an event.
    pub(super) fn idle(&self) -> Idle {
        let is_idle = |partition: &Partition| partition.ready.is_empty();
        let idle = self.partitions.iter().filter(|it| is_idle(it)).count();
        match idle {
            0 => Idle::None,
            some if some < self.partitions.len() => Idle::Some,
            _ => Idle::All,
        }
    }

    /// When the next attempt is due.
    pub(super) fn next_due(&self) -> Option<Instant> {
        self.delayed.first().map(|(due, _)| *due)
    }

    /// Takes an event behind the others of its subject.
    pub(super) fn admit(
        &mut self,
        source: Source,
        place: u64,
        of: (Epoch, Round),
        event: Event,
        failed: u32,
    ) {
        let ticket = self.next;
        self.next += 1;
        let subject = subject_hash(event.packed());
        self.bytes += event.as_bytes().len();
        self.entries.insert(
            ticket,
            Entry {
                source,
                place,
                of,
                event,
                failed,
                reason: "".into(),
                stage: Stage::Queued,
                told: false,
                void: false,
                letter: None,
                subject,
            },
        );
        if let Some(others) = self.subjects.get_mut(&subject) {
            others.behind.push_back(ticket);
            return;
        }
        let alone = Subject {
            head: ticket,
            behind: VecDeque::new(),
        };
        self.subjects.insert(subject, alone);
        self.offer(ticket);
    }

    /// The next event for this worker, which stays where it is.
    pub(super) fn next(&self, partition: usize) -> Option<(Ticket, &Entry)> {
        let ticket = self.partitions.get(partition)?.ready.first()?;
        self.entries
            .get_key_value(ticket)
            .map(|(ticket, entry)| (*ticket, entry))
    }

    /// Gives out the next event for this worker.
    pub(super) fn give(&mut self, partition: usize) {
        let next = self.partitions.get_mut(partition);
        let Some(ticket) = next.and_then(|partition| partition.ready.pop_first()) else {
            return;
        };
        if let Some(entry) = self.entries.get_mut(&ticket) {
            entry.stage = Stage::InHand;
            self.in_hand += 1;
        }
    }

    /// Takes back an event that was given out, as if it had not been.
    pub(super) fn put_back(&mut self, ticket: Ticket) {
        if self.leave_hand(ticket) {
            self.offer(ticket);
        }
    }

    /// An event that was given out waits for another attempt.
    pub(super) fn delay(&mut self, ticket: Ticket, until: Instant) {
        if !self.leave_hand(ticket) {
            return;
        }
        if let Some(entry) = self.entries.get_mut(&ticket) {
            entry.stage = Stage::Delayed(until);
            self.delayed.insert((until, ticket));
        }
    }

    /// An event that was given out becomes a dead letter.
    pub(super) fn let_die(&mut self, ticket: Ticket) {
        if !self.leave_hand(ticket) {
            return;
        }
        if let Some(entry) = self.entries.get_mut(&ticket) {
            entry.stage = Stage::Dying;
            self.dying.insert(ticket);
        }
    }

    /// Those that become dead letters.
    pub(super) fn dying(&self) -> impl Iterator<Item = Ticket> {
        self.dying.iter().copied()
    }

    /// Offers the events whose next attempt is due.
    pub(super) fn offer_due(&mut self, now: Instant) {
        while let Some((due, ticket)) = self.delayed.first().copied() {
            if due > now {
                return;
            }
            self.delayed.pop_first();
            if let Some(entry) = self.entries.get_mut(&ticket) {
                entry.stage = Stage::Queued;
            }
            self.offer(ticket);
        }
    }

    /// Is finished with an event; the next of its subject has its turn.
    pub(super) fn finish(&mut self, ticket: Ticket) -> Option<Entry> {
        let entry = self.entries.remove(&ticket)?;
        self.bytes -= entry.event.as_bytes().len();
        match entry.stage {
            Stage::Queued => {
                let at = partition_of_subject(entry.subject, self.partitions.len());
                if let Some(partition) = self.partitions.get_mut(at) {
                    partition.ready.remove(&ticket);
                }
            }
            Stage::InHand => self.in_hand -= 1,
            Stage::Delayed(due) => {
                self.delayed.remove(&(due, ticket));
            }
            Stage::Dying => {
                self.dying.remove(&ticket);
            }
        }
        self.leave_subject(entry.subject, ticket);
        Some(entry)
    }

    /// Drops the events that `goes` says, but for those that somebody has in hand, whose
    /// outcome matters to nobody any more. Returns what was dropped.
    pub(super) fn forget(&mut self, mut goes: impl FnMut(&Entry) -> bool) -> Vec<Entry> {
        let going: Vec<Ticket> = self
            .entries()
            .filter(|(_, entry)| !entry.void && goes(entry))
            .map(|(ticket, _)| ticket)
            .collect();
        let mut gone = Vec::new();
        for ticket in going {
            match self.entries.get_mut(&ticket) {
                Some(entry) if entry.stage == Stage::InHand => entry.void = true,
                Some(_) => gone.extend(self.finish(ticket)),
                None => {}
            }
        }
        gone
    }

    /// Whether it was in hand; it is queued then.
    fn leave_hand(&mut self, ticket: Ticket) -> bool {
        match self.entries.get_mut(&ticket) {
            Some(entry) if entry.stage == Stage::InHand => {
                entry.stage = Stage::Queued;
                self.in_hand -= 1;
                true
            }
            _ => false,
        }
    }

    /// Has a worker be given an event, if it waits at the head of its subject.
    fn offer(&mut self, ticket: Ticket) {
        let Some(entry) = self.entries.get(&ticket) else {
            return;
        };
        if entry.stage != Stage::Queued {
            return;
        }
        let at = partition_of_subject(entry.subject, self.partitions.len());
        let partition = &mut self.partitions[at];
        partition.ready.insert(ticket);
        partition.wake.notify_one();
    }

    fn leave_subject(&mut self, hash: u64, ticket: Ticket) {
        let Some(subject) = self.subjects.get_mut(&hash) else {
            return;
        };
        if subject.head != ticket {
            subject.behind.retain(|behind| *behind != ticket);
            return;
        }
        match subject.behind.pop_front() {
            Some(next) => {
                subject.head = next;
                self.offer(next);
            }
            None => {
                self.subjects.remove(&hash);
            }
        }
    }
}

#[cfg(test)]
mod tests;
