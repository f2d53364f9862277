//! Whom nodes forget: those that they cannot reach for long, no sooner and not much later.

use std::time::Duration;

use crate::ledger::{Ledger, Life, LifeId, Presence, Stage};
use crate::troubles::{FORGET_AFTER, Troubles};

/// Between the loss of a link and the announcement that the node cannot be reached, and
/// between what happens and the look at it.
const ANNOUNCED: Duration = Duration::from_secs(2);

/// For a node to be forgotten whose time has come.
const OVERDUE: Duration = Duration::from_secs(10);

/// What has become of a node that another cannot reach.
enum Seen {
    Forgotten,
    TooEarly,
    TooLate,
}

/// Notes who has been forgotten since the last look, and checks that the time had come.
pub fn look(ledger: &mut Ledger, troubles: &Troubles, at: Duration) {
    let running: Vec<LifeId> = ledger.running().collect();
    for observer in running {
        let seen = (observer, LifeId(0))..=(observer, LifeId(usize::MAX));
        let away = ledger
            .views
            .range(seen)
            .filter(|(_, view)| view.presence == Presence::Unreachable && !view.forgotten);
        let away: Vec<(LifeId, Duration)> = away
            .map(|((_, subject), view)| (*subject, view.since))
            .collect();
        if away.is_empty() {
            continue;
        }
        let shown: Vec<String> = ledger
            .life(observer)
            .admin
            .nodes()
            .into_iter()
            .map(|node| node.incarnation)
            .collect();
        for (subject, since) in away {
            let (to, from) = (ledger.life(observer), ledger.life(subject));
            let is_shown = shown.contains(&from.incarnation.to_string());
            let cut = troubles.cut_since(to.node, from.node);
            // Whoever gets half-way through a handshake is waited for anew.
            let gone = matches!(from.stage, Stage::Left(_) | Stage::Dead(_))
                || cut.is_some_and(|cut| cut <= since);
            let seen = if !is_shown && !has_successor(ledger, from) {
                if at + ANNOUNCED >= since + FORGET_AFTER {
                    Seen::Forgotten
                } else {
                    Seen::TooEarly
                }
            } else if is_shown && gone && at > since + FORGET_AFTER + OVERDUE {
                Seen::TooLate
            } else {
                continue;
            };
            let (to, from) = (to.to_string(), from.to_string());
            match seen {
                Seen::Forgotten => {
                    ledger
                        .trace
                        .note(at, format_args!("{to} has forgotten {from}"));
                    ledger.coverage.forgotten += 1;
                    if let Some(view) = ledger.views.get_mut(&(observer, subject)) {
                        view.forgotten = true;
                    }
                }
                Seen::TooEarly => ledger.violate(
                    at,
                    format!("{to} has forgotten {from}, which is unreachable since {since:?}"),
                ),
                Seen::TooLate => ledger.violate(
                    at,
                    format!("{to} has not forgotten {from}, which is unreachable since {since:?}"),
                ),
            }
        }
    }
}

/// Whether there is a later start of its name, which takes its place.
fn has_successor(ledger: &Ledger, life: &Life) -> bool {
    let later = |other: &Life| other.called == life.called && other.incarnation > life.incarnation;
    ledger.lives.iter().any(later)
}

/// Pairs of nodes that run of which one has forgotten the other, and the other has not: to
/// that one, the first one's events begin anew.
#[must_use]
pub fn by_one(ledger: &Ledger) -> u64 {
    let running: Vec<LifeId> = ledger.running().collect();
    let begun_anew = |observer, subject| {
        let view = ledger.views.get(&(observer, subject));
        view.is_some_and(|view| view.unknown > 0)
    };
    let pairs = running.iter().flat_map(|a| {
        running
            .iter()
            .filter(move |b| a < *b)
            .map(move |b| (*a, *b))
    });
    pairs
        .filter(|(a, b)| begun_anew(*a, *b) != begun_anew(*b, *a))
        .count() as u64
}
