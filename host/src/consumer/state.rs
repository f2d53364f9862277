//! What a consumer has to know while it works.

use std::sync::Arc;

use tokio::time::Instant;

use super::backoff::delay;
use super::place::Place;
use super::reason;
use super::settings::{ConsumeSettings, MAX_BYTES};
use super::verdict::Verdict;
use super::work::{Entry, Source, Stage, Ticket, Work};
use crate::bus::Filter;
use crate::channel::Channel;

/// What a consumer has to know while it works.
#[derive(Debug)]
pub(super) struct State {
    pub(super) settings: ConsumeSettings,
    pub(super) filters: Vec<Filter>,
    /// Which workers may take: counted up when there are others.
    pub(super) generation: u64,
    pub(super) work: Work,
    /// Where it is, while it reads.
    pub(super) attached: Option<Attached>,
    /// Where it was when it last read.
    pub(super) left: Option<Place>,
    /// Why it gets no events.
    pub(super) waiting: Option<String>,
    /// Whether nothing is given out any more.
    pub(super) closed: bool,
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

impl State {
    pub(super) fn new() -> Self {
        Self {
            settings: ConsumeSettings::default(),
            filters: Vec::new(),
            generation: 0,
            work: Work::new(1),
            attached: None,
            left: None,
            waiting: None,
            closed: false,
        }
    }

    /// How many events more may be in memory.
    pub(super) fn room(&self, source: Source) -> usize {
        let lane = self.attached.as_ref();
        let Some(lane) = lane.and_then(|attached| attached.place.lane(source)) else {
            return 0;
        };
        let window = self.settings.window.max(1);
        let room = window.saturating_sub(lane.held());
        // Many at once are read at less cost, unless a worker waits for them.
        let is_little = room < window.div_ceil(4) && !self.work.is_dry();
        if is_little || self.work.bytes() >= MAX_BYTES {
            0
        } else {
            room
        }
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
        let (why, rejected) = match verdict {
            _ if entry.void => return self.finish_void(ticket),
            Verdict::Done => return self.handled(ticket),
            Verdict::Again(why) => (why, false),
            Verdict::Rejected(why) => (why, true),
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
        let until = now + delay(&settings, failed, random);
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

fn told(entry: &Entry, next: Option<Instant>) -> Told {
    Told {
        number: entry.event.sequence().unwrap_or(entry.place),
        id: entry.event.id().to_owned(),
        attempt: entry.failed,
        reason: Arc::clone(&entry.reason),
        next,
    }
}
