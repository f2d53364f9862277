//! What may be there of a log after a start.

use std::collections::{BTreeSet, HashSet};

use hearken_channel_log::{Bounds, ChannelState, Page, ReadError, Span};
use hearken_wire::EventRef;

use super::{Event, ModelLog, Submitted};

/// What may be at a start.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Started {
    /// Whether the disk has failed since it was tried to open.
    pub(crate) failing: bool,
    /// The last group that may have been written before.
    pub(crate) group: u64,
    /// When an event must have been recorded for its key to be remembered.
    pub(crate) since: u64,
}

/// All events of a log: no start has shown any of them since files were damaged.
const ALL: u64 = u64::MAX;

impl ModelLog {
    /// Files were damaged, perhaps this log's.
    pub(crate) fn may_be_damaged(&mut self) {
        self.unseen = ALL;
    }

    /// Whether some of what was damaged may be found later.
    pub(crate) fn hides_damage(&self) -> bool {
        self.unseen > self.trimmed
    }

    /// Takes what there is after a start for what it is, if it may be so. `read` are all
    /// pages and errors, with the positions that they were read after. Returns of which
    /// groups events are damaged of which none was before.
    pub(crate) fn recover(
        &mut self,
        (bounds, state): (Bounds, &ChannelState),
        read: &[(u64, Result<Page, ReadError>)],
        started: Started,
    ) -> Result<BTreeSet<u64>, String> {
        let failed = matches!(state, ChannelState::Failed { .. });
        let may_be_damaged = self.unseen == ALL;
        if failed && !started.failing {
            return Err(format!("it has failed though the disk has not: {state:?}"));
        }
        if matches!(state, ChannelState::Damaged { .. }) {
            if !may_be_damaged && !self.is_damaged {
                return Err(format!("damage is told where there is none: {state:?}"));
            }
            self.is_damaged = true;
        }
        self.settle_given_up(read);
        let unread = self.adopt(read, started)?;
        if failed {
            // They may be there once it can be read.
            self.unsure = unread;
        }
        for (after, page) in read {
            match page {
                Ok(page) => self.check_page(*after, page)?,
                // Which of them may be is checked below.
                Err(ReadError::Damaged(_)) if self.hides_damage() || self.is_damaged => {}
                Err(ReadError::Storage(_)) if failed => return Ok(BTreeSet::new()),
                Err(error) => return Err(format!("after {after}: {error}")),
            }
        }
        if failed {
            return Ok(BTreeSet::new());
        }
        if may_be_damaged {
            if bounds.last < self.last {
                return Err(format!("the last is {}, below {}", bounds.last, self.last));
            }
            self.last = bounds.last;
        }
        self.check_bounds(bounds)?;
        let groups = self.check_complete(bounds, read)?;
        self.unseen = self.unseen.min(bounds.first);
        Ok(groups)
    }

    /// Finds out whether what may have been given up was: it is a gap then, else still told
    /// as damaged. Of what is not shown nothing is known.
    fn settle_given_up(&mut self, read: &[(u64, Result<Page, ReadError>)]) {
        for (_, page) in read {
            let (told, is_gap) = match page {
                Ok(page) => (page.gap, true),
                Err(ReadError::Damaged(span)) => (Some(*span), false),
                Err(_) => (None, false),
            };
            let Some(told) = told else { continue };
            let within = |span: &mut Span| span.first <= told.last && told.first <= span.last;
            let settled = self.may_be_given_up.extract_if(.., within);
            let settled: Vec<Span> = settled.collect();
            self.given_up.extend(settled.iter().filter(|_| is_gap));
        }
    }

    /// Takes events beyond those that were acknowledged, if they are batches of which
    /// nobody knows, whole and in order. Returns the batches that may come behind them.
    fn adopt(
        &mut self,
        read: &[(u64, Result<Page, ReadError>)],
        started: Started,
    ) -> Result<Vec<Submitted>, String> {
        let pages = read.iter().filter_map(|(_, page)| page.as_ref().ok());
        let events = pages.flat_map(|page| &page.events);
        let mut beyond = Vec::new();
        for event in events {
            let event = EventRef::assume_encoded(event);
            let number = event.sequence().ok_or("an event has no number")?;
            if number > self.last {
                let id: u64 = event.id().parse().map_err(|_| "an id is no number")?;
                beyond.push((number, id, event.recorded_time()));
            }
        }
        let unsure = std::mem::take(&mut self.unsure);
        let mut batches = unsure.into_iter();
        let mut rest = beyond.as_slice();
        // Of what was stored the settings may have dropped the beginning.
        let mut dropped = rest
            .first()
            .map_or(0, |(number, ..)| number - self.last - 1);
        while let Some((number, id, _)) = rest.first() {
            let Some(batch) = batches.next() else {
                return Err(format!("{id} is stored as {number}, and nobody sent it"));
            };
            let here: Vec<u64> = rest.iter().map(|(_, id, _)| *id).collect();
            if dropped > 0 {
                let ids = batch.ids.iter().map(|(id, _)| *id);
                self.passed_ids.extend(ids);
            }
            let stored = self.stored_of(&batch, &here, dropped > 0, started.since)?;
            if stored == 0 {
                continue;
            }
            if dropped > 0 {
                let passed = Span::new(self.last + 1, self.last + dropped);
                self.passed.extend(passed);
                self.last += dropped;
                dropped = 0;
            }
            let (batch, later) = rest.split_at(stored);
            for (number, id, time) in batch {
                if *number != self.last + 1 && self.unseen != ALL || *time < self.time {
                    return Err(format!("{number} follows {}", self.last));
                }
                let (id, time) = (*id, *time);
                self.store(*number, Event { id, time }, started.group);
            }
            rest = later;
        }
        Ok(batches.collect())
    }

    /// How many of the events that are there are those of a batch that was stored; none if
    /// it was not. Of its beginning some may have been dropped.
    fn stored_of(
        &self,
        batch: &Submitted,
        here: &[u64],
        dropping: bool,
        since: u64,
    ) -> Result<usize, String> {
        let known = self.ids_from(self.droppable, since);
        // The key of what is dropped is remembered, or not.
        let perhaps_known = self.ids_from(0, 0);
        let mut stored = 0;
        let mut missing = false;
        for (id, keyed) in &batch.ids {
            if *keyed && known.contains(id) {
                continue;
            }
            if here.get(stored) == Some(id) {
                if missing {
                    // They are another one's, which has an event of this one without a key
                    // again, or nobody's.
                    return Ok(0);
                }
                stored += 1;
            } else if !(*keyed && perhaps_known.contains(id) || dropping && stored == 0) {
                missing = true;
            }
        }
        if missing && stored > 0 {
            return Err(format!("of the batch {:?} there is a part", batch.ids));
        }
        Ok(stored)
    }

    /// Checks that all that must be there was read, or told as damaged; returns of which
    /// groups events are damaged of which none was before.
    fn check_complete(
        &mut self,
        bounds: Bounds,
        read: &[(u64, Result<Page, ReadError>)],
    ) -> Result<BTreeSet<u64>, String> {
        let (mut there, mut damaged) = (HashSet::new(), Vec::new());
        for (_, page) in read {
            match page {
                Ok(page) => {
                    let events = page.events.iter();
                    there.extend(
                        events.filter_map(|event| EventRef::assume_encoded(event).sequence()),
                    );
                }
                Err(ReadError::Damaged(span)) => damaged.push(*span),
                Err(_) => {}
            }
        }
        self.lost.retain(|number| !there.contains(number));
        let wanted = self.events.range(bounds.first..);
        let wanted = wanted.map(|(number, _)| *number);
        let missing = wanted.filter(|number| !there.contains(number));
        let given_up = |number| self.given_up.iter().any(|span| span.contains(number));
        let missing: Vec<u64> = missing.filter(|number| !given_up(*number)).collect();
        // Of these it is known: a crash may only show more of what was damaged with them.
        let known = self.lost.iter();
        let known: BTreeSet<u64> = known
            .filter_map(|number| self.groups.get(number).copied())
            .collect();
        let mut groups = BTreeSet::new();
        for number in missing {
            if !damaged.iter().any(|span| span.contains(number)) {
                return Err(format!("{number} was acknowledged and is not there"));
            }
            if self.lost.insert(number) {
                // What need not be kept is not written again by a start.
                if number >= self.unseen && number >= self.kept() {
                    return Err(format!("{number} is told to be damaged"));
                }
                let group = self.groups.get(&number);
                groups.extend(group.filter(|group| !known.contains(group)));
            }
        }
        self.is_damaged |= !damaged.is_empty();
        self.told = damaged;
        Ok(groups)
    }
}
