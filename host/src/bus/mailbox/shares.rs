//! Whose events wait in a mailbox, and where the oldest of each publisher is.
//!
//! Counted by segments, when one is complete or becomes fewer, and so at a cost that
//! does not depend on how many events wait.

use std::collections::{BTreeSet, HashMap};

use foldhash::fast::FixedState;
use smallvec::SmallVec;

use super::incoming::PublisherId;
use super::segment::Segment;

/// The publishers of what waits.
#[derive(Debug, Default)]
pub(super) struct Shares {
    by_publisher: HashMap<PublisherId, Share, FixedState>,
    by_events: BTreeSet<(usize, PublisherId)>,
    by_bytes: BTreeSet<(usize, PublisherId)>,
}

/// What of a backlog is one publisher's.
#[derive(Debug, Default)]
struct Share {
    events: usize,
    bytes: usize,
    /// Segments with events of it, by the position of the first.
    segments: BTreeSet<(u64, Place)>,
}

/// Where a segment is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    /// Number of the partition among all that the mailbox ever had.
    pub(super) partition: u64,
    pub(super) segment: i64,
}

/// What a mailbox is short of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scarce {
    Events,
    Bytes,
}

/// What of a segment is one publisher's.
#[derive(Clone, Copy, Debug)]
struct Portion {
    publisher: PublisherId,
    events: usize,
    bytes: usize,
    first: u64,
}

impl Shares {
    /// Counts the events of a segment.
    pub(super) fn enter(&mut self, place: Place, segment: &Segment) {
        for portion in portions(segment) {
            let share = self.by_publisher.entry(portion.publisher).or_default();
            share.segments.insert((portion.first, place));
            self.change(portion.publisher, |share| {
                share.events += portion.events;
                share.bytes += portion.bytes;
            });
        }
    }

    /// Counts no event of a segment any more.
    pub(super) fn leave(&mut self, place: Place, segment: &Segment) {
        for portion in portions(segment) {
            if let Some(share) = self.by_publisher.get_mut(&portion.publisher) {
                share.segments.remove(&(portion.first, place));
            }
            self.change(portion.publisher, |share| {
                share.events -= portion.events;
                share.bytes -= portion.bytes;
            });
        }
    }

    /// An event has been put behind all others of a segment that is counted.
    pub(super) fn enter_one(
        &mut self,
        place: Place,
        segment: &Segment,
        of: PublisherId,
        size: usize,
    ) {
        if let Some(first) = segment.first_of(of) {
            let share = self.by_publisher.entry(of).or_default();
            share.segments.insert((first, place));
        }
        self.count_one(of, size);
    }

    /// An event will be put before all others of a segment that is counted.
    pub(super) fn enter_oldest(
        &mut self,
        place: Place,
        segment: &Segment,
        position: u64,
        of: PublisherId,
        size: usize,
    ) {
        let share = self.by_publisher.entry(of).or_default();
        if let Some(first) = segment.first_of(of) {
            share.segments.remove(&(first, place));
        }
        share.segments.insert((position, place));
        self.count_one(of, size);
    }

    /// The event of a position is no more in a segment that is counted.
    pub(super) fn leave_one(
        &mut self,
        place: Place,
        segment: &Segment,
        position: u64,
        of: PublisherId,
        size: usize,
    ) {
        if let Some(share) = self.by_publisher.get_mut(&of)
            && share.segments.remove(&(position, place))
            && let Some(first) = segment.first_of(of)
        {
            share.segments.insert((first, place));
        }
        self.change(of, |share| {
            share.events -= 1;
            share.bytes -= size;
        });
    }

    /// Position and place of the oldest event of the publisher that takes most of what is
    /// scarce.
    pub(super) fn oldest_of_loudest(&self, scarce: Scarce) -> Option<(u64, Place)> {
        let ranking = match scarce {
            Scarce::Events => &self.by_events,
            Scarce::Bytes => &self.by_bytes,
        };
        let (_, loudest) = ranking.last()?;
        self.by_publisher.get(loudest)?.segments.first().copied()
    }

    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.by_publisher.is_empty() && self.by_events.is_empty() && self.by_bytes.is_empty()
    }

    fn count_one(&mut self, of: PublisherId, size: usize) {
        self.change(of, |share| {
            share.events += 1;
            share.bytes += size;
        });
    }

    /// Changes a share, and its ranks.
    fn change(&mut self, publisher: PublisherId, change: impl FnOnce(&mut Share)) {
        let Some(share) = self.by_publisher.get_mut(&publisher) else {
            return;
        };
        if share.events > 0 {
            self.by_events.remove(&(share.events, publisher));
            self.by_bytes.remove(&(share.bytes, publisher));
        }
        change(share);
        if share.events > 0 {
            self.by_events.insert((share.events, publisher));
            self.by_bytes.insert((share.bytes, publisher));
        } else {
            self.by_publisher.remove(&publisher);
        }
    }
}

/// Mostly one: a segment is as small as a frame.
fn portions(segment: &Segment) -> SmallVec<[Portion; 4]> {
    let mut portions: SmallVec<[Portion; 4]> = SmallVec::new();
    if let Segment::Packed(frame) = segment
        && let Some((publisher, first)) = frame.sole_publisher()
    {
        portions.push(Portion {
            publisher,
            events: frame.left(),
            bytes: frame.event_bytes(),
            first,
        });
        return portions;
    }
    let mut last = 0;
    for (event, publisher, position) in segment.events() {
        let bytes = event.as_bytes().len();
        let same = |portion: &Portion| portion.publisher == publisher;
        let at = Some(last)
            .filter(|at| portions.get(*at).is_some_and(same))
            .or_else(|| portions.iter().position(same));
        let at = at.unwrap_or_else(|| {
            portions.push(Portion {
                publisher,
                events: 0,
                bytes: 0,
                first: position,
            });
            portions.len() - 1
        });
        portions[at].events += 1;
        portions[at].bytes += bytes;
        last = at;
    }
    portions
}
