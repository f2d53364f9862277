//! Takes events that were read into the window.

use hearken_channel_log::Span;
use hearken_wire::EventRef;

use super::handle::Consumer;
use super::handling::Round;
use super::letter;
use super::settings::MAX_BYTES;
use super::state::{Attached, State};
use super::whole::Whole;
use super::work::Source;
use crate::bus::Filter;
use crate::channel::Found;
use crate::event::Event;

/// Which events are to be handled.
#[derive(Clone, Copy)]
struct Wants<'w> {
    filters: &'w [Filter],
    /// What the listeners want, whether the policy grants it or not.
    asked: &'w [Filter],
    /// The node's name.
    node: &'w str,
}

impl Wants<'_> {
    fn has(self, event: EventRef<'_>) -> bool {
        Filter::any_matches_stored(self.filters, event, self.node)
    }

    /// Whether a listener wants it, so that the policy withholds it unless it is to be handled.
    fn asks(self, event: EventRef<'_>) -> bool {
        Filter::any_matches_stored(self.asked, event, self.node)
    }
}

/// An event that is to be handled.
struct Admitted {
    event: Event,
    /// Which time it is handed over.
    round: Round,
    /// How often it has failed.
    failed: u32,
}

/// Takes what was read behind `at`, so far as there is room. Returns the numbers that are not
/// kept any more, and how many of them were to be handled.
pub(super) fn admit(
    consumer: &Consumer,
    source: Source,
    at: u64,
    found: &Found,
    whole: Option<&Whole>,
) -> Vec<(Span, u64)> {
    let mut missed = Vec::new();
    let mut state = consumer.state();
    let State {
        attached,
        work,
        filters,
        asked,
        settings,
        ..
    } = &mut *state;
    let Some(attached) = attached else {
        return missed;
    };
    let until = match (source, &attached.place.again) {
        (Source::Letters, Some(again)) => again.until,
        _ => u64::MAX,
    };
    // Somebody has sent it elsewhere meanwhile.
    let lane = attached.place.lane_mut(source);
    let Some(lane) = lane.filter(|lane| lane.at() == at) else {
        return missed;
    };
    attached.unreadable = None;
    if let Some(gap) = found.gap {
        let last = gap.last.min(until);
        let count = lane.pass(last);
        let gone = Span::new(gap.first, last).filter(|_| count > 0);
        missed.extend(gone.map(|gone| (gone, count)));
        attached.place.missed += count;
    }
    let wants = Wants {
        filters,
        asked,
        node: consumer.reporter.node(),
    };
    let mut is_full = false;
    for bytes in &found.events {
        let event = EventRef::assume_encoded(bytes);
        let number = event.sequence().unwrap_or_default();
        let held = attached.place.lane(source).map_or(0, |lane| lane.held());
        is_full = held >= settings.window.max(1) || work.bytes() >= MAX_BYTES;
        if is_full || number > until {
            break;
        }
        let admitted = match source {
            Source::Channel => of_channel(attached, wants, event, number),
            Source::Letters => {
                let of = letter_of(consumer, event, whole);
                if matches!(of, Of::Gone) && is_open(attached, source, number) {
                    let (first, last) = (number, number);
                    missed.push((Span { first, last }, 1));
                    attached.place.missed += 1;
                }
                of_letters(attached, wants, of, number)
            }
        };
        if let Some(it) = admitted {
            let of = (attached.place.epoch, it.round);
            work.admit(source, number, of, it.event, it.failed);
        }
    }
    if !is_full && let Some(lane) = attached.place.lane_mut(source) {
        lane.pass(found.next.min(until));
    }
    if attached.withheld.is_some() {
        consumer.signals.withholds.notify_one();
    }
    missed
}

/// An event of the channel, if it is to be handled.
fn of_channel(
    attached: &mut Attached,
    wants: Wants<'_>,
    event: EventRef<'_>,
    number: u64,
) -> Option<Admitted> {
    let lane = &mut attached.place.lane;
    let is_dead = lane.is_ahead(number);
    let is_wanted = wants.has(event);
    let is_withheld = !is_wanted && lane.is_open(number) && wants.asks(event);
    let failed = lane.read(number, is_wanted);
    attached.place.dead += u64::from(is_dead);
    if is_withheld {
        attached.withhold(number);
    }
    let round = attached.place.round();
    failed.map(|failed| Admitted {
        event: Event::copied(event),
        round,
        failed,
    })
}

/// What a letter is of.
enum Of {
    /// An event of this consumer, and in which round it died, if the letter says so.
    Own(Event, Option<Round>),
    /// One of it that is not there any more.
    Gone,
    /// One of another.
    Other,
}

fn letter_of(consumer: &Consumer, letter: EventRef<'_>, whole: Option<&Whole>) -> Of {
    let of = letter::read(letter).filter(|of| consumer.is_of(of));
    let Some(of) = of else {
        return Of::Other;
    };
    let whole = whole.filter(|whole| Some(whole.letter) == letter.sequence());
    let event = match whole {
        None => Some(letter::event_of(letter, of)),
        Some(whole) => whole.event.clone(),
    };
    event.map_or(Of::Gone, |event| Of::Own(event, of.round))
}

/// The event of a letter, if it is to be handled.
fn of_letters(attached: &mut Attached, wants: Wants<'_>, of: Of, letter: u64) -> Option<Admitted> {
    let (event, died) = match of {
        Of::Own(event, died) => (Some(event), died),
        Of::Gone | Of::Other => (None, None),
    };
    let number = event.as_ref().and_then(Event::sequence).unwrap_or(letter);
    // Of one that died again since there is a letter behind this one.
    let newest = attached.dead_again.get(&number).filter(|_| event.is_some());
    let is_dead = newest.is_some_and(|newest| *newest > letter);
    attached.place.dead += u64::from(is_dead);
    let event = event.filter(|_| !is_dead);
    let is_wanted = event
        .as_ref()
        .is_some_and(|event| wants.has(event.packed()));
    let is_withheld = event.as_ref().is_some_and(|event| {
        !is_wanted && is_open(attached, Source::Letters, letter) && wants.asks(event.packed())
    });
    if is_withheld {
        attached.withhold(number);
    }
    let event = event.filter(|_| is_wanted);
    let lane = attached.place.lane_mut(Source::Letters)?;
    let failed = lane.read(letter, event.is_some())?;
    let round = attached.place.round_again(died);
    event.map(|event| Admitted {
        event,
        round,
        failed,
    })
}

fn is_open(attached: &Attached, source: Source, number: u64) -> bool {
    let lane = attached.place.lane(source);
    lane.is_some_and(|lane| lane.is_open(number))
}
