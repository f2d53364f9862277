//! What a log must hold.

use std::collections::{BTreeMap, HashSet};

use hearken_channel_log::{Appended, Bounds, ChannelState, Epoch, Page, ReadError, Span};
use hearken_wire::EventRef;

/// What a log must hold.
#[derive(Clone, Debug)]
pub(crate) struct ModelLog {
    pub(crate) epoch: Epoch,
    /// The events that were acknowledged or seen, by number.
    events: BTreeMap<u64, Event>,
    pub(crate) last: u64,
    time: u64,
    /// Below it nothing may be there any more,
    trimmed: u64,
    /// and from it on all must be.
    droppable: u64,
    /// Batches of which it is not known whether they are stored, as they were submitted.
    unsure: Vec<Submitted>,
    pub(crate) max_events: Option<u64>,
    /// Whether it has few bytes.
    is_small: bool,
    /// Whether what was trimmed is unsure.
    may_be_trimmed: u64,
    /// Whether bits of its files were changed.
    pub(crate) flipped: bool,
    /// Numbers that were given up.
    given_up: Vec<Span>,
}

/// Events that a log of few bytes keeps whatever it drops, as large as they are here.
const KEPT_OF_SMALL: u64 = 20;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Event {
    id: u64,
    time: u64,
}

/// A batch that was submitted.
#[derive(Clone, Debug)]
pub(crate) struct Submitted {
    /// Its events, which have keys, or not.
    pub(crate) ids: Vec<(u64, bool)>,
}

impl ModelLog {
    pub(crate) fn new(epoch: Epoch, max_events: Option<u64>, is_small: bool) -> Self {
        Self {
            epoch,
            events: BTreeMap::new(),
            last: 0,
            time: 0,
            trimmed: 1,
            droppable: 1,
            unsure: Vec::new(),
            max_events,
            is_small,
            may_be_trimmed: 1,
            flipped: false,
            given_up: Vec::new(),
        }
    }

    /// Whether it has few bytes.
    pub(crate) fn is_small(&self) -> bool {
        self.is_small
    }

    /// The events from a number on, by what they are called.
    fn ids_from(&self, number: u64) -> HashSet<u64> {
        self.events
            .range(number..)
            .map(|(_, event)| event.id)
            .collect()
    }

    /// What is called like one of the newest events that must be there.
    pub(crate) fn any_recent(&self, random: &mut crate::Random) -> Option<u64> {
        let from = self
            .droppable
            .max(self.may_be_trimmed)
            .max(self.last.saturating_sub(20));
        let recent: Vec<u64> = self
            .events
            .range(from..)
            .map(|(_, event)| event.id)
            .collect();
        let index = usize::try_from(random.below(recent.len() as u64)).unwrap_or(0);
        recent.get(index).copied()
    }

    /// A batch was acknowledged.
    pub(crate) fn acknowledge(
        &mut self,
        batch: &Submitted,
        answer: &Appended,
    ) -> Result<(), String> {
        if answer.epoch != self.epoch {
            return Err(format!("answered with the epoch {}", answer.epoch));
        }
        if answer.events.len() != batch.ids.len() {
            return Err("not every event of the batch is answered".to_owned());
        }
        for ((id, keyed), event) in batch.ids.iter().zip(&answer.events) {
            let stored = Event {
                id: *id,
                time: event.time,
            };
            // The key of what is dropped may be forgotten with it.
            let known = *keyed && self.ids_from(self.droppable).contains(id);
            if event.is_duplicate() {
                let first = self.events.get(&event.sequence);
                // Of what was trimmed nothing is known here any more.
                if event.sequence >= self.trimmed && first != Some(&stored) {
                    return Err(format!(
                        "{id} is told to be a duplicate of {}, which is {first:?}",
                        event.sequence
                    ));
                }
                continue;
            }
            if known && !self.flipped {
                return Err(format!("{id} is stored twice"));
            }
            if event.sequence != self.last + 1 {
                return Err(format!(
                    "{id} has the number {} after {}",
                    event.sequence, self.last
                ));
            }
            if event.time < self.time {
                return Err(format!("the time goes back at {}", event.sequence));
            }
            self.store(event.sequence, stored);
        }
        if answer.last != self.last && !answer.events.iter().all(|event| event.is_duplicate()) {
            return Err(format!("the last is told to be {}", answer.last));
        }
        Ok(())
    }

    fn store(&mut self, number: u64, event: Event) {
        self.events.insert(number, event);
        self.last = number;
        self.time = event.time;
        self.drop_by_count();
    }

    fn drop_by_count(&mut self) {
        let most = self.max_events.unwrap_or(u64::MAX);
        let most = if self.is_small {
            most.min(KEPT_OF_SMALL)
        } else {
            most
        };
        self.droppable = self.droppable.max((self.last + 1).saturating_sub(most));
    }

    /// Nobody knows whether a batch is stored.
    pub(crate) fn is_unsure(&mut self, batch: Submitted) {
        self.unsure.push(batch);
    }

    /// A trim was acknowledged, or may have happened.
    pub(crate) fn trim(&mut self, before: u64, sure: bool) {
        let before = before.min(self.last + 1);
        self.droppable = self.droppable.max(before);
        if sure {
            self.trimmed = self.trimmed.max(before);
        } else {
            self.may_be_trimmed = self.may_be_trimmed.max(before);
        }
    }

    pub(crate) fn set_max_events(&mut self, most: Option<u64>) {
        self.max_events = most;
        self.drop_by_count();
    }

    /// Damaged events were given up.
    pub(crate) fn give_up(&mut self, spans: &[Span]) {
        self.given_up.extend(spans);
        for span in spans {
            if span.last > self.last {
                // Numbers that may have been given are not given again.
                self.last = span.last;
            }
        }
    }

    /// Checks what is told of the log when nothing is unsure.
    pub(crate) fn check_bounds(&self, bounds: Bounds) -> Result<(), String> {
        let Bounds { first, last } = bounds;
        if last != self.last {
            return Err(format!("the last is {last}, not {}", self.last));
        }
        self.check_first(first)
    }

    fn check_first(&self, first: u64) -> Result<(), String> {
        if first < self.trimmed || first > self.droppable.max(self.may_be_trimmed) {
            return Err(format!(
                "the first is {first}, not within {} and {}",
                self.trimmed, self.droppable
            ));
        }
        Ok(())
    }

    /// Checks a page that was read after a position.
    pub(crate) fn check_page(&self, after: u64, page: &Page) -> Result<(), String> {
        if page.epoch != self.epoch {
            return Err(format!("a page has the epoch {}", page.epoch));
        }
        let mut next = after.saturating_add(1);
        if let Some(gap) = page.gap {
            if gap.first != next {
                return Err(format!("the gap {gap} is told after {after}"));
            }
            for number in gap.first..=gap.last {
                let given_up = self.given_up.iter().any(|span| span.contains(number));
                let dropped = number < self.droppable.max(self.may_be_trimmed);
                if !given_up && !dropped && number <= self.last {
                    return Err(format!("{number} is told as a gap"));
                }
            }
            next = gap.last + 1;
        }
        for event in &page.events {
            let event = EventRef::take(event).map_err(|error| error.to_string())?.0;
            let read = Event {
                id: event
                    .id()
                    .parse()
                    .map_err(|_| "an id is no number".to_owned())?,
                time: event.recorded_time(),
            };
            if event.sequence() != Some(next) {
                return Err(format!(
                    "{:?} is read where {next} should be",
                    event.sequence()
                ));
            }
            if self.events.get(&next) != Some(&read) {
                return Err(format!(
                    "{next} is read as {read:?}, not {:?}",
                    self.events.get(&next)
                ));
            }
            next += 1;
        }
        if next > page.last + 1 && !page.events.is_empty() {
            return Err(format!(
                "a page up to {} says that {} is the last",
                next - 1,
                page.last
            ));
        }
        Ok(())
    }

    /// Takes what there is after a start for what it is, if it may be so. `read` are all
    /// pages and errors, with the positions that they were read after.
    pub(crate) fn recover(
        &mut self,
        (bounds, state): (Bounds, &ChannelState),
        read: &[(u64, Result<Page, ReadError>)],
    ) -> Result<(), String> {
        if matches!(state, ChannelState::Damaged { .. }) && !self.flipped {
            return Err(format!("damage is told where there is none: {state:?}"));
        }
        let failed = matches!(state, ChannelState::Failed { .. });
        self.adopt(read)?;
        self.unsure.clear();
        for (after, page) in read {
            match page {
                Ok(page) => self.check_page(*after, page)?,
                Err(ReadError::Damaged(_)) if self.flipped => {}
                Err(ReadError::Storage(_)) if failed => return Ok(()),
                Err(error) => return Err(format!("after {after}: {error}")),
            }
        }
        if failed {
            return Ok(());
        }
        if self.flipped {
            if bounds.last < self.last {
                return Err(format!("the last is {}, below {}", bounds.last, self.last));
            }
            self.last = bounds.last;
        }
        self.check_bounds(bounds)?;
        self.check_complete(bounds, read)?;
        // What was unsure is sure now.
        self.trimmed = self.trimmed.max(bounds.first.min(self.may_be_trimmed));
        Ok(())
    }

    /// Takes events beyond those that were acknowledged, if they are batches of which
    /// nobody knows, whole and in order.
    fn adopt(&mut self, read: &[(u64, Result<Page, ReadError>)]) -> Result<(), String> {
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
            let stored = self.stored_of(&batch, &here, dropped > 0)?;
            if stored == 0 {
                continue;
            }
            if dropped > 0 {
                self.last += dropped;
                dropped = 0;
            }
            let (batch, later) = rest.split_at(stored);
            for (number, id, time) in batch {
                if *number != self.last + 1 && !self.flipped || *time < self.time {
                    return Err(format!("{number} follows {}", self.last));
                }
                let (id, time) = (*id, *time);
                self.store(*number, Event { id, time });
            }
            rest = later;
        }
        Ok(())
    }

    /// How many of the events that are there are those of a batch that was stored; none if
    /// it was not. Of its beginning some may have been dropped.
    fn stored_of(&self, batch: &Submitted, here: &[u64], dropping: bool) -> Result<usize, String> {
        let known = self.ids_from(self.droppable);
        // The key of what is dropped is remembered, or not.
        let perhaps_known = self.ids_from(0);
        let mut stored = 0;
        let mut missing = false;
        for (id, keyed) in &batch.ids {
            if *keyed && known.contains(id) {
                continue;
            }
            if here.get(stored) == Some(id) {
                if missing {
                    return Err(format!("of the batch {:?} there is a part", batch.ids));
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

    /// Checks that all that must be there was read, or told as damaged.
    fn check_complete(
        &self,
        bounds: Bounds,
        read: &[(u64, Result<Page, ReadError>)],
    ) -> Result<(), String> {
        let mut there = HashSet::new();
        for (_, page) in read {
            match page {
                Ok(page) => {
                    let events = page.events.iter();
                    there.extend(
                        events.filter_map(|event| EventRef::assume_encoded(event).sequence()),
                    );
                }
                Err(ReadError::Damaged(span)) => there.extend(span.first..=span.last),
                Err(_) => {}
            }
        }
        let wanted = self.events.range(bounds.first..).map(|(number, _)| *number);
        let wanted = wanted.filter(|number| *number >= self.droppable.max(self.may_be_trimmed));
        for number in wanted {
            let given_up = self.given_up.iter().any(|span| span.contains(number));
            if !there.contains(&number) && !given_up {
                return Err(format!("{number} was acknowledged and is not there"));
            }
        }
        Ok(())
    }
}
