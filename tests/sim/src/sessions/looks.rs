//! The rules of sessions that hold over time and at the end.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use rand::RngExt;
use rand::rngs::StdRng;

use super::histories::Position;
use super::{Author, Seat};
use crate::ledger::{Ledger, LifeId, Stage};

/// For nodes to see who is where, once all are linked again. They are asked for it then, or go
/// on where they were, which takes no longer than what is said takes on its way.
const SEEN: Duration = Duration::from_secs(5);

/// How long a node runs before a client comes to it where nothing ever breaks, and before it
/// has to have met all others: until then it may not be ready.
const READY: Duration = Duration::from_secs(3);

/// Frees who is at a node that has ended, and seats who is nowhere at one that runs.
pub fn seat(ledger: &mut Ledger, at: Duration, random: &mut StdRng) {
    let running: Vec<LifeId> = ledger.running().collect();
    let is_gentle = ledger.visits.is_gentle;
    let ready: Vec<LifeId> = running
        .iter()
        .copied()
        .filter(|life| !is_gentle || at >= ledger.life(*life).since + READY)
        .collect();
    // Who comes while those are away whom it is to join may find nobody, and has histories of
    // its own.
    let settled = |life: &LifeId| at >= ledger.life(*life).since + READY;
    let settled: Vec<LifeId> = running.iter().copied().filter(settled).collect();
    let are_apart = |one: &LifeId| {
        let mut others = settled.iter().filter(|other| *other != one);
        others.any(|other| !ledger.are_joined(*one, *other))
    };
    let is_whole = !settled.iter().any(are_apart);
    ledger.visits.keeps_all &= is_whole;
    let mut notes = Vec::new();
    let Ledger { visits, lives, .. } = ledger;
    for (number, client) in visits.clients.iter_mut().enumerate() {
        if let Some(Seat { life, is_taken }) = client.seat {
            let stage = lives[life.0].stage;
            let is_over = matches!(stage, Stage::Dead(_) | Stage::Left(_));
            // Who arrives at a node that goes is not let in.
            if is_over || !is_taken && stage != Stage::Running {
                client.seat = None;
                if let Some(id) = client.id.take() {
                    visits.presences.went(at, &id, true);
                }
            }
        }
        if client.seat.is_none() && at >= client.away_until && !ready.is_empty() {
            let life = ready[random.random_range(0..ready.len())];
            client.seat = Some(Seat {
                life,
                is_taken: false,
            });
            notes.push((number, life));
        }
    }
    for (client, life) in notes {
        let life = ledger.life(life).to_string();
        let note = format_args!("client {client} goes to {life}");
        ledger.trace.note(at, note);
    }
}

/// Checks whom the nodes see, from a while after all were linked on.
pub fn presence(ledger: &mut Ledger, at: Duration) {
    let Some(together_since) = ledger.visits.together_since() else {
        return;
    };
    let begin = together_since + SEEN;
    let presences = &ledger.visits.presences;
    let is_meant = |life: &LifeId, from: Duration| from >= begin && ledger.life(*life).is_running();
    let is_early = !ledger.visits.is_calm(at, SEEN);
    let seen = presences.seen.iter();
    let early = seen.filter(|((life, _), seen)| is_early && is_meant(life, seen.from));
    let early = early.count() as u64;
    let in_channels = presences.seen.iter();
    let in_channels = in_channels
        .filter(|((life, _), seen)| is_meant(life, seen.from))
        .find_map(|((life, channel), seen)| {
            let wrong = presences.wrong(seen, Some(channel))?;
            Some(format!("{} sees in {channel} {wrong}", ledger.life(*life)))
        });
    let in_all = || {
        let listed = presences.listed.iter();
        let mut listed = listed.filter(|(life, seen)| is_meant(life, seen.from));
        listed.find_map(|(life, seen)| {
            let wrong = presences.wrong(seen, None)?;
            Some(format!("{} lists {wrong}", ledger.life(*life)))
        })
    };
    let wrong = in_channels.or_else(in_all);
    ledger.coverage.healed_looks += early;
    if let Some(wrong) = wrong {
        ledger.violate(at, wrong);
    }
}

/// What is not yet as it must be in the end: everybody is somewhere, subscribed to all, and
/// has all that was acknowledged of one history each.
#[must_use]
pub fn unsettled(ledger: &Ledger) -> Option<String> {
    let mut ends: BTreeMap<&str, (usize, &Position)> = BTreeMap::new();
    for (number, client) in ledger.visits.clients.iter().enumerate() {
        // Who is at a node that has been told to stop has yet to go elsewhere.
        let stays = |seat: Seat| ledger.life(seat.life).is_running();
        if client.id.is_none() || !client.seat.is_some_and(stays) {
            return Some(format!("client {number} is nowhere, or not for long"));
        }
        if let Some(channel) = &client.unacknowledged {
            return Some(format!("client {number} waits to publish to {channel}"));
        }
        if !client.is_live {
            return Some(format!(
                "client {number} is not subscribed to {}",
                client.live
            ));
        }
        if !client.is_here {
            return Some(format!(
                "client {number} is not subscribed to {}",
                client.here
            ));
        }
        for (channel, place) in &client.kept {
            let is_subscribed = client.subscribed.contains(channel);
            let Some(place) = place.as_ref().filter(|_| is_subscribed) else {
                return Some(format!("client {number} is not subscribed to {channel}"));
            };
            let acknowledged = ledger.visits.histories.acknowledged(channel, &place.epoch);
            if place.offset < acknowledged {
                return Some(format!(
                    "client {number} is at {place:?} of {channel}, of which {acknowledged} are \
                     acknowledged"
                ));
            }
            let (other, end) = *ends.entry(channel).or_insert((number, place));
            if end != place {
                return Some(format!(
                    "client {number} is at {place:?} of {channel}, and {other} at {end:?}"
                ));
            }
        }
    }
    None
}

/// What somebody has not heard that was said last, by each, in its channel without history.
#[must_use]
pub fn unheard(ledger: &Ledger) -> Option<String> {
    let clients = &ledger.visits.clients;
    for (number, client) in clients.iter().enumerate() {
        for (other, author) in clients.iter().enumerate() {
            if author.live != client.live {
                continue;
            }
            let visit = author.visits;
            let author = Author {
                client: other,
                visit,
            };
            if !ledger.visits.called.contains(&other) {
                return Some(format!("client {other} has not said its last"));
            }
            let said = ledger.visits.live.get(&(client.live.clone(), author));
            let heard = client.heard.get(&author);
            if said != heard {
                return Some(format!(
                    "client {number} has heard {heard:?} of {author:?} in {}, who said {said:?}",
                    client.live
                ));
            }
        }
    }
    None
}

/// Who does not know, though all are linked, which channels the others want, and only those.
/// Until 10 seconds behind the last subscriber of a channel a node may want it.
#[must_use]
pub fn disagreed(ledger: &Ledger) -> Option<String> {
    let wrong = ledger.visits.interests.wrong(&wanted(ledger));
    wrong.map(|(life, wrong)| format!("{} {wrong}", ledger.life(life)))
}

/// Who does not know, by one look and by joins and leaves since, who is in its channel.
#[must_use]
pub fn mistaken(ledger: &Ledger) -> Option<String> {
    let clients = &ledger.visits.clients;
    clients.iter().enumerate().find_map(|(number, client)| {
        // One that is nowhere knows only who was there.
        client.id.as_ref()?;
        let known = client.company.known()?;
        let there = clients
            .iter()
            .filter(|other| other.is_here && other.here == client.here);
        let there: BTreeSet<&str> = there.filter_map(|other| other.id.as_deref()).collect();
        (known != there).then(|| {
            let here = &client.here;
            format!("client {number} knows of {known:?} in {here}, where {there:?} are")
        })
    })
}

/// Counts what the last two rules are about: channels that are wanted, and those that were; and
/// clients that know who is there.
pub fn count(ledger: &mut Ledger) {
    let (are, were) = {
        let wanted = wanted(ledger);
        let is_past = |(life, channel): &&(LifeId, String)| {
            let now = wanted.get(life);
            now.is_some_and(|now| !now.contains(channel.as_str()))
        };
        let were = ledger.visits.interests.had.iter().filter(is_past).count();
        (wanted.values().map(BTreeSet::len).sum::<usize>(), were)
    };
    let clients = ledger.visits.clients.iter();
    let knowing = clients.filter(|client| client.company.known().is_some());
    ledger.coverage.knowing += knowing.count() as u64;
    ledger.coverage.wanted += are as u64;
    ledger.coverage.unwanted += were as u64;
}

/// The channels to which clients of each node that takes part are subscribed.
fn wanted(ledger: &Ledger) -> BTreeMap<LifeId, BTreeSet<&str>> {
    let running = ledger.running().map(|life| (life, BTreeSet::new()));
    let mut wanted: BTreeMap<LifeId, BTreeSet<&str>> = running.collect();
    for client in &ledger.visits.clients {
        let life = client.seat.map(|seat| seat.life);
        if let Some(of_node) = life.and_then(|life| wanted.get_mut(&life)) {
            of_node.extend(client.channels());
        }
    }
    wanted
}
