//! What a log must hold.

mod recovery;
mod settings;

use std::collections::{BTreeMap, BTreeSet, HashSet};

use hearken_channel_log::{Appended, Bounds, Epoch, LogSettings, Page, Span};
use hearken_wire::EventRef;

pub(crate) use self::recovery::Started;
pub(crate) use self::settings::LARGE;

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
    /// Events whose numbers nobody was told of, and which the settings had dropped before
    /// they were seen: a crash may bring them back. The numbers,
    passed: Vec<Span>,
    /// and which events may have them.
    passed_ids: HashSet<u64>,
    /// Batches of which it is not known whether they are stored, as they were submitted.
    unsure: Vec<Submitted>,
    pub(crate) settings: LogSettings,
    /// From where on nothing is dropped but by a trim, if that is sure.
    kept: Option<u64>,
    /// Whether anything may ever have been kept so.
    may_keep: bool,
    /// Whether what was trimmed is unsure.
    may_be_trimmed: u64,
    /// The groups in which events were stored.
    groups: BTreeMap<u64, u64>,
    /// Events that were acknowledged and are told to be damaged.
    lost: BTreeSet<u64>,
    /// Whether it was told to be damaged since its files were.
    is_damaged: bool,
    /// Events below it may have been damaged without a start having shown it: they were below
    /// the first, which a crash may take back.
    unseen: u64,
    /// Numbers that were given up,
    given_up: Vec<Span>,
    /// and those that may have been, as the next start shows.
    may_be_given_up: Vec<Span>,
    /// Numbers that the last start told to be damaged.
    told: Vec<Span>,
}

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
    pub(crate) fn new(epoch: Epoch, settings: LogSettings) -> Self {
        Self {
            epoch,
            events: BTreeMap::new(),
            last: 0,
            time: 0,
            trimmed: 1,
            droppable: 1,
            passed: Vec::new(),
            passed_ids: HashSet::new(),
            unsure: Vec::new(),
            settings,
            kept: None,
            may_keep: false,
            may_be_trimmed: 1,
            groups: BTreeMap::new(),
            lost: BTreeSet::new(),
            is_damaged: false,
            unseen: 1,
            given_up: Vec::new(),
            may_be_given_up: Vec::new(),
            told: Vec::new(),
        }
    }

    /// The events that are there, from a number on and recorded at `since` or later, by what
    /// they are called.
    fn ids_from(&self, number: u64, since: u64) -> HashSet<u64> {
        let events = self.events.range(number..);
        let known = events.filter(|(number, event)| {
            event.time >= since && (since == 0 || !self.is_lost(**number))
        });
        known.map(|(_, event)| event.id).collect()
    }

    /// Whether an event that was acknowledged is damaged, or was given up since it was.
    fn is_lost(&self, number: u64) -> bool {
        self.lost.contains(&number) || self.given_up.iter().any(|span| span.contains(number))
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
        (group, since): (u64, u64),
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
            // The key of what is dropped, or damaged, may be forgotten with it.
            let known = *keyed && self.ids_from(self.droppable, since).contains(id);
            if event.is_duplicate() {
                // Of what was trimmed nothing is known here any more.
                if event.sequence >= self.trimmed && !self.may_be(event.sequence, stored) {
                    return Err(format!(
                        "{id} is told to be a duplicate of {}, which is {:?}",
                        event.sequence,
                        self.events.get(&event.sequence)
                    ));
                }
                continue;
            }
            if known {
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
            self.store(event.sequence, stored, group);
        }
        if answer.last != self.last && !answer.events.iter().all(|event| event.is_duplicate()) {
            return Err(format!("the last is told to be {}", answer.last));
        }
        Ok(())
    }

    /// Whether an event may have this number.
    fn may_be(&self, number: u64, event: Event) -> bool {
        match self.events.get(&number) {
            Some(known) => *known == event,
            None => {
                let passed = self.passed.iter().any(|span| span.contains(number));
                passed && self.passed_ids.contains(&event.id)
            }
        }
    }

    fn store(&mut self, number: u64, event: Event, group: u64) {
        self.events.insert(number, event);
        self.groups.insert(number, group);
        self.last = number;
        self.time = event.time;
        self.drop_by_count();
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

    /// Damaged events were given up.
    pub(crate) fn give_up(&mut self, spans: &[Span]) -> Result<(), String> {
        for span in spans {
            self.check_damaged(*span)?;
        }
        self.given_up.extend(spans);
        for span in spans {
            if span.last > self.last {
                // Numbers that may have been given are not given again.
                self.last = span.last;
            }
        }
        Ok(())
    }

    /// Damaged events may have been given up, those that are told or, where a channel that
    /// failed tells none, those that were: whoever wanted it does not know.
    pub(crate) fn may_give_up(&mut self, spans: &[Span]) -> Result<(), String> {
        for span in spans {
            self.check_damaged(*span)?;
        }
        self.may_be_given_up.extend(spans);
        self.may_be_given_up.extend(&self.told);
        Ok(())
    }

    /// Checks that these numbers may be told to be damaged while the engine is open: what
    /// is, was found at the start.
    pub(crate) fn check_damaged(&self, span: Span) -> Result<(), String> {
        if self.hides_damage() {
            // A channel that failed at the start shows then what nobody could read there.
            return Ok(());
        }
        if !self.is_damaged {
            return Err(format!("damage is told where there is none: {span}"));
        }
        let mut there = self.events.range(span.first..=span.last);
        let kept = self.kept();
        match there.find(|(number, _)| **number >= kept && !self.lost.contains(number)) {
            Some((number, _)) => Err(format!("{number} is told to be damaged")),
            None => Ok(()),
        }
    }

    /// The number of the first event that has to be kept.
    pub(super) fn kept(&self) -> u64 {
        self.droppable.max(self.may_be_trimmed)
    }

    /// Whether an append may be refused since it is damaged.
    pub(crate) fn is_damaged(&self) -> bool {
        self.is_damaged
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
        let mut most = self.droppable.max(self.may_be_trimmed);
        // What was given up may be passed by.
        while let Some(span) = self.given_up.iter().find(|span| span.contains(most)) {
            most = span.last + 1;
        }
        if first < self.trimmed || first > most {
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
            if !self.may_be(next, read) {
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
}
