//! What a consumer has to know while it works.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use hearken_channel_log::Epoch;
use tokio::time::Instant;

use super::backoff::delay;
use super::handling::Handling;
use super::kept;
use super::outputs::Outputs;
use super::place::Place;
use super::reason;
use super::settings::{ConsumeSettings, MAX_BYTES};
use super::verdict::Verdict;
use super::withheld::Withheld;
use super::work::{Entry, Idle, Source, Stage, Ticket, Work};
use crate::bus::Filter;
use crate::channel::Channel;

/// What a consumer has to know while it works.
#[derive(Debug)]
pub(super) struct State {
    pub(super) settings: ConsumeSettings,
    pub(super) filters: Vec<Filter>,
    /// What its listeners want, whether the policy grants that or not.
    pub(super) asked: Vec<Filter>,
    /// Which workers may take: counted up when there are others.
    pub(super) generation: u64,
    pub(super) work: Work,
    /// What was appended in the course of events that are not handled, by where those are:
    /// also while it does not read.
    pub(super) outputs: BTreeMap<(Source, u64), Arc<Outputs>>,
    /// Where it is, while it reads.
    pub(super) attached: Option<Attached>,
    /// Where it was when it last read: what lies beside the log may be older, where it could
    /// not be written.
    pub(super) left: Option<Place>,
    /// Why it gets no events.
    pub(super) waiting: Option<String>,
    /// Whether nothing is given out any more.
    pub(super) closed: bool,
    /// Whether an operator has removed it.
    pub(super) removed: bool,
}

/// A consumer that reads.
#[derive(Debug)]
pub(super) struct Attached {
    pub(super) channel: Arc<Channel>,
    pub(super) place: Place,
    /// The number at which it cannot read on, and why.
    pub(super) unreadable: Option<(u64, String)>,
    /// Whether whoever reads waits for room, by source.
    pub(super) hungry: [bool; 2],
    /// Whether dead letters are being written.
    pub(super) burying: bool,
    /// Why dead letters cannot be written.
    pub(super) unburied: Option<String>,
    /// Of the events whose dead letters were given again and became dead letters anew, the
    /// number of the newest letter, by that of the event; so far as that is not in `place`.
    pub(super) dead_again: BTreeMap<u64, u64>,
    /// What the policy withholds, and nobody was told of yet.
    pub(super) withheld: Option<Withheld>,
    /// What of `place` is written.
    pub(super) written: Option<Bytes>,
}

/// What has to be told of an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Told {
    pub(super) number: u64,
    pub(super) id: String,
    pub(super) attempt: u32,
    pub(super) reason: Arc<str>,
    /// When the next attempt comes; nothing once the event hangs no more.
    pub(super) next: Option<Instant>,
}

/// What follows from a verdict.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    pub(super) told: Option<Told>,
    /// Whether there is more to be buried.
    pub(super) dies: bool,
    /// Whether an attempt has to be waited for.
    pub(super) waits: bool,
}

impl Attached {
    pub(super) fn new(channel: Arc<Channel>, place: Place, dead_again: BTreeMap<u64, u64>) -> Self {
        Self {
            channel,
            place,
            unreadable: None,
            hungry: [false; 2],
            burying: false,
            unburied: None,
            dead_again,
            withheld: None,
            written: None,
        }
    }

    /// What of its place is to be written; nothing when all is.
    pub(super) fn unwritten(&self) -> Option<Bytes> {
        let bytes = kept::write(&self.place);
        (self.written.as_ref() != Some(&bytes)).then_some(bytes)
    }

    /// An event with this number that a listener wants is passed over, since the policy
    /// withholds it.
    pub(super) fn withhold(&mut self, number: u64) {
        self.place.missed = self.place.missed.saturating_add(1);
        self.withheld = Some(Withheld::with(self.withheld, number));
    }

    /// Whether all of its dead letters are in its place.
    pub(super) fn knows_its_letters(&self) -> bool {
        !self.burying && !self.place.lane.has_ahead() && self.dead_again.is_empty()
    }
}

impl State {
    pub(super) fn new() -> Self {
        Self {
            settings: ConsumeSettings::default(),
            filters: Vec::new(),
            asked: Vec::new(),
            generation: 0,
            work: Work::new(1),
            outputs: BTreeMap::new(),
            attached: None,
            left: None,
            waiting: None,
            closed: false,
            removed: false,
        }
    }

    /// How many events more may be in memory.
    pub(super) fn room(&self, source: Source) -> usize {
        let lane = self.attached.as_ref();
        let Some(lane) = lane.and_then(|attached| attached.place.lane(source)) else {
            return 0;
        };
        // Nobody has said yet which events are wanted.
        if self.generation == 0 {
            return 0;
        }
        let window = self.settings.window.max(1);
        let room = window.saturating_sub(lane.held());
        // Many at once are read at less cost, unless workers wait for them.
        let worth = match self.work.idle() {
            Idle::All => 1,
            Idle::Some => window.div_ceil(16),
            Idle::None => window.div_ceil(4),
        };
        if room < worth || self.work.bytes() >= MAX_BYTES {
            0
        } else {
            room
        }
    }

    /// Lets go of all that is in memory but for where it is, unless the channel is not
    /// `there` any more. Returns what is to be told, and of which log.
    pub(super) fn let_go(&mut self, there: bool) -> (Option<Epoch>, Vec<Told>) {
        let dropped = self.work.forget(|_| true);
        self.waiting = None;
        if !there {
            self.outputs.clear();
        }
        let attached = self.attached.take();
        let epoch = attached.as_ref().map(|attached| attached.place.epoch);
        if let Some(attached) = attached {
            self.left = there.then(|| attached.place.resumed());
        }
        (epoch, dropped.iter().filter_map(let_go).collect())
    }

    /// Takes the verdict on an event that is in hand. `random` is any number.
    pub(super) fn settle(
        &mut self,
        ticket: Ticket,
        verdict: Verdict<'_>,
        now: Instant,
        random: u64,
    ) -> Outcome {
        let settings = self.settings;
        let Some(entry) = self.work.get_mut(ticket) else {
            return Outcome::default();
        };
        if entry.stage != Stage::InHand {
            return Outcome::default();
        }
        let (why, rejected, least) = match verdict {
            _ if entry.void => return self.finish_void(ticket),
            Verdict::Done => return self.handled(ticket),
            Verdict::Again(why) => (why, false, Duration::ZERO),
            Verdict::AgainAfter(why, least) => (why, false, least.min(settings.max_backoff)),
            Verdict::Rejected(why) => (why, true, Duration::ZERO),
        };
        entry.failed = entry.failed.saturating_add(1);
        entry.reason = reason::bounded(why).into();
        let (source, place, failed) = (entry.source, entry.place, entry.failed);
        let is_over = rejected || failed >= settings.attempts;
        if is_over && settings.dead_letters {
            self.work.let_die(ticket);
            return Outcome {
                dies: true,
                ..Outcome::default()
            };
        }
        let until = now + delay(&settings, failed, random).max(least);
        let tell = failed > 1 && !entry.told;
        entry.told |= tell;
        let told = tell.then(|| told(entry, Some(until)));
        self.work.delay(ticket, until);
        if let Some(attached) = &mut self.attached
            && let Some(lane) = attached.place.lane_mut(source)
        {
            lane.failed(place, failed);
        }
        Outcome {
            told,
            dies: false,
            waits: true,
        }
    }

    /// The handling of an event that is in hand.
    pub(super) fn handling(&mut self, ticket: Ticket) -> Option<Handling> {
        let entry = self.work.get(ticket)?;
        let (epoch, round) = entry.of;
        let outputs = match entry.void {
            // It is not tried again.
            true => Arc::default(),
            false => {
                let place = (entry.source, entry.place);
                Arc::clone(self.outputs.entry(place).or_default())
            }
        };
        Some(Handling {
            epoch,
            round,
            outputs,
        })
    }

    /// Lets go of what was appended in the course of events that are handled.
    pub(super) fn let_go_of_outputs(&mut self) {
        let attached = self.attached.as_ref().map(|attached| &attached.place);
        if let Some(place) = attached.or(self.left.as_ref()) {
            keep_undone(&mut self.outputs, place);
        }
    }

    /// Takes back an event that was given out.
    pub(super) fn put_back(&mut self, ticket: Ticket) {
        match self.work.get(ticket) {
            Some(entry) if entry.void && entry.stage == Stage::InHand => {
                self.finish_void(ticket);
            }
            _ => self.work.put_back(ticket),
        }
    }

    /// An event is done with, whatever became of it.
    pub(super) fn handled(&mut self, ticket: Ticket) -> Outcome {
        let Some(entry) = self.work.finish(ticket) else {
            return Outcome::default();
        };
        if !entry.void {
            self.outputs.remove(&(entry.source, entry.place));
        }
        if let Some(attached) = &mut self.attached
            && !entry.void
            && let Some(lane) = attached.place.lane_mut(entry.source)
        {
            lane.done(entry.place);
        }
        Outcome {
            told: entry.told.then(|| told(&entry, None)),
            ..Outcome::default()
        }
    }

    fn finish_void(&mut self, ticket: Ticket) -> Outcome {
        let entry = self.work.finish(ticket);
        Outcome {
            told: entry
                .filter(|entry| entry.told)
                .map(|entry| told(&entry, None)),
            ..Outcome::default()
        }
    }
}

/// Keeps of the outputs those of events that are not handled.
pub(super) fn keep_undone(outputs: &mut BTreeMap<(Source, u64), Arc<Outputs>>, place: &Place) {
    outputs.retain(|(source, number), _| {
        let lane = place.lane(*source);
        lane.is_some_and(|lane| lane.undone().contains_key(number))
    });
}

/// What is told of an event that is let go of.
pub(super) fn let_go(entry: &Entry) -> Option<Told> {
    entry.told.then(|| told(entry, None))
}

fn told(entry: &Entry, next: Option<Instant>) -> Told {
    Told {
        number: entry.event.sequence().unwrap_or(entry.place),
        id: entry.event.id().to_owned(),
        attempt: entry.failed,
        reason: Arc::clone(&entry.reason),
        next,
    }
}
