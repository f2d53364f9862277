//! The rules that hold over time, beyond those that each occurrence keeps.

use std::collections::BTreeMap;
use std::time::Duration;

use hearken::admin::{LinkStatus, NodeState};

use crate::ledger::{Kind, Ledger, LifeId, Presence, Stage};
use crate::troubles::Troubles;

/// For a node that crashed, or cannot be reached, to be announced.
const UNREACHABLE: Duration = Duration::from_secs(5);

/// For a goodbye to be announced, from when the node was told to stop.
const GOODBYE: Duration = Duration::from_secs(5);

/// For missing events to be reported.
const REPORT: Duration = Duration::from_secs(3);

/// Checks what must have happened by now.
pub fn overdue(ledger: &mut Ledger, troubles: &Troubles, at: Duration) {
    let late = ledger.views.iter().find_map(|((observer, subject), view)| {
        let (to, from) = (ledger.life(*observer), ledger.life(*subject));
        if !to.is_running() {
            return None;
        }
        if view
            .unreported_since
            .is_some_and(|since| at > since + REPORT)
        {
            let (missing, reported) = (view.missing, view.reported);
            return Some(format!(
                "{to} misses {missing} events of {from} and has reported {reported}"
            ));
        }
        if view.presence != Presence::Joined {
            return None;
        }
        let (dead, stopping) = match from.stage {
            Stage::Running => (None, None),
            Stage::Leaving(since) | Stage::Left(since) => (None, Some(since)),
            Stage::Dead(since) => (Some(since), None),
        };
        let cut = troubles.cut_since(to.node, from.node);
        let gone = dead.into_iter().chain(cut).min();
        if gone.is_some_and(|since| at > since.max(view.since) + UNREACHABLE) {
            return Some(format!(
                "{to} does not say that {from} is unreachable, since {gone:?}"
            ));
        }
        // What was broken before may have kept the goodbye from coming.
        let within = GOODBYE + UNREACHABLE;
        if stopping.is_some_and(|since| at > since.max(view.since) + within) && cut.is_none() {
            return Some(format!(
                "{to} does not say that {from} has left, since {stopping:?}"
            ));
        }
        None
    });
    if let Some(late) = late {
        ledger.violate(at, late);
    }
}

/// Checks what a node has just announced of another.
pub fn unjustified(ledger: &mut Ledger, troubles: &Troubles, at: Duration) {
    let wrong = ledger.views.iter().find_map(|((observer, subject), view)| {
        let (to, from) = (ledger.life(*observer), ledger.life(*subject));
        // When it was announced, which is looked at a little later.
        let excuse = troubles.excuse(view.since, to.node, from.node);
        let unreachable = view.presence == Presence::Unreachable && view.since + UNREACHABLE > at;
        if unreachable && from.is_running() && to.is_running() && !excuse {
            return Some(format!(
                "{to} says that {from} is unreachable, and nothing is broken"
            ));
        }
        if unreachable && matches!(from.stage, Stage::Left(_)) && to.is_running() && !excuse {
            return Some(format!(
                "{to} says that {from} is unreachable, which said goodbye"
            ));
        }
        if view.presence == Presence::Left && !from.leave.is_cancelled() {
            return Some(format!(
                "{to} says that {from} has left, which was never told to"
            ));
        }
        None
    });
    if let Some(wrong) = wrong {
        ledger.violate(at, wrong);
    }
}

/// Two nodes that run and have no link, if there are any.
#[must_use]
pub fn apart(ledger: &Ledger) -> Option<String> {
    let running: Vec<LifeId> = ledger.running().collect();
    for observer in &running {
        let links = links(ledger, *observer);
        if let Some(subject) = running
            .iter()
            .find(|subject| *subject != observer && !links.contains_key(subject))
        {
            let (to, from) = (ledger.life(*observer), ledger.life(*subject));
            return Some(format!("{to} has no link to {from}"));
        }
        let gone = links.keys().find(|subject| !running.contains(subject));
        if let Some(gone) = gone {
            let (to, from) = (ledger.life(*observer), ledger.life(*gone));
            return Some(format!("{to} believes in a link to {from}"));
        }
    }
    None
}

/// For two nodes that have met to link again where nothing keeps them apart.
const LINKED_WITHIN: Duration = Duration::from_secs(10);

/// Nodes that run and have met, and are without a link: wherever else the network is
/// broken, and however slow it is.
#[derive(Debug, Default)]
pub struct Parted {
    since: BTreeMap<(LifeId, LifeId), Duration>,
}

impl Parted {
    /// Checks that none of them has been so for too long.
    pub fn look(&mut self, ledger: &mut Ledger, troubles: &Troubles, at: Duration) {
        let mut since = BTreeMap::new();
        for observer in ledger.running() {
            let links = links(ledger, observer);
            let met = (observer, LifeId(0))..=(observer, LifeId(usize::MAX));
            for ((_, subject), view) in ledger.views.range(met) {
                let (to, from) = (ledger.life(observer).node, ledger.life(*subject).node);
                if view.presence != Presence::Unknown
                    && ledger.life(*subject).is_running()
                    && !links.contains_key(subject)
                    && !troubles.may_be_apart(at, to, from)
                {
                    let pair = (observer, *subject);
                    since.insert(pair, self.since.get(&pair).copied().unwrap_or(at));
                }
            }
        }
        let late = since.iter().find(|(_, since)| at > **since + LINKED_WITHIN);
        let late = late.map(|((observer, subject), since)| {
            let (to, from) = (ledger.life(*observer), ledger.life(*subject));
            format!("{to} has had no link to {from} since {since:?}, which it had met")
        });
        self.since = since;
        if let Some(late) = late {
            ledger.violate(at, late);
        }
    }
}

/// What moves over slow links: as long as something waits, something must arrive.
#[derive(Debug, Default)]
pub struct Progress {
    /// Events that had arrived or were known to be missing, and since when no more were.
    arrived: BTreeMap<(LifeId, LifeId), (u64, Duration)>,
}

/// Bytes that may have to pass before a link shows any progress: what is on its way in
/// frames, and the last event in hand.
const IN_HAND: u64 = 6 * (256 << 10);

/// For a link to show progress, beyond the time that the bytes take.
const STIRRING: Duration = Duration::from_secs(5);

impl Progress {
    /// Checks what has moved since the last time. Links that are cut do not count.
    pub fn look(&mut self, ledger: &mut Ledger, troubles: &Troubles, at: Duration) {
        let running: Vec<LifeId> = ledger.running().collect();
        let mut seen = BTreeMap::new();
        let (mut stuck, mut looks) = (None, 0);
        for from in &running {
            for (to, link) in links(ledger, *from) {
                let nodes = (ledger.life(*from).node, ledger.life(to).node);
                let Some((rate, since)) = troubles.slowness(nodes.0, nodes.1) else {
                    continue;
                };
                if link.queued == 0
                    || !running.contains(&to)
                    || troubles.may_be_apart(at, nodes.0, nodes.1)
                {
                    continue;
                }
                let receiving = links(ledger, to).remove(from);
                let Some(arrived) = receiving.map(|link| link.received + link.gaps) else {
                    continue;
                };
                let before = self.arrived.get(&(*from, to));
                let unmoved = before.filter(|(before, _)| *before == arrived);
                let still = unmoved.map_or(at, |(_, still)| *still).max(since);
                seen.insert((*from, to), (arrived, still));
                looks += 1;
                let largest = ledger.largest;
                let within = Duration::from_secs((IN_HAND + 2 * largest) / rate) + STIRRING;
                if at > still + within {
                    let (from, to, queued) = (ledger.life(*from), ledger.life(to), link.queued);
                    stuck = Some(format!(
                        "{queued} events of {from} wait for {to}, and none has arrived for {within:?} at {rate} B/s"
                    ));
                }
            }
        }
        self.arrived = seen;
        ledger.coverage.slow += looks;
        if let Some(stuck) = stuck {
            ledger.violate(at, stuck);
        }
    }
}

/// The links of a node that are up.
#[must_use]
pub fn links(ledger: &Ledger, observer: LifeId) -> BTreeMap<LifeId, LinkStatus> {
    let nodes = ledger.life(observer).admin.nodes().into_iter();
    let links = nodes.filter(|node| node.state == NodeState::Connected);
    links
        .filter_map(|node| Some((ledger.of_incarnation(&node.incarnation)?, node.link?)))
        .collect()
}

/// Events that wait for another node, if there are any.
#[must_use]
pub fn unsent(ledger: &Ledger) -> Option<String> {
    ledger.running().find_map(|from| {
        let links = links(ledger, from);
        let (to, link) = links.iter().find(|(_, link)| link.queued > 0)?;
        let (from, to, queued) = (ledger.life(from), ledger.life(*to), link.queued);
        Some(format!("{queued} events of {from} wait for {to}"))
    })
}

/// What need not add up.
#[derive(Clone, Copy, Debug)]
pub struct Leeway {
    /// The numbers of links count other events than the ledger does.
    pub counts_others: bool,
    /// Messages of sessions that may be on their way, since they never end.
    pub talk: u64,
    /// Events may be lost, and messages of sessions with them.
    pub is_lossy: bool,
}

/// Checks that everything that was published has been received or reported missing,
/// once nothing else is on its way.
pub fn balance(ledger: &mut Ledger, leeway: Leeway, at: Duration) {
    let running: Vec<LifeId> = ledger.running().collect();
    let unheard = running.iter().find_map(|id| {
        let life = ledger.life(*id);
        let published: u64 = life.published.values().sum();
        let heard = life.heard_locally;
        (published != heard).then(|| format!("{life} heard {heard} of its own {published} events"))
    });
    if let Some(unheard) = unheard {
        return ledger.violate(at, unheard);
    }
    let pairs = running.iter().flat_map(|from| {
        let others = running.iter().filter(move |to| *to != from);
        others.map(move |to| (*from, *to))
    });
    let wrong = pairs.into_iter().find_map(|(from, to)| {
        let imbalance = imbalance(ledger, from, to, leeway)?;
        let (from, to) = (ledger.life(from), ledger.life(to));
        Some(format!("from {from} to {to}: {imbalance}"))
    });
    if let Some(wrong) = wrong {
        ledger.violate(at, wrong);
    }
}

/// What does not add up between two nodes that run.
fn imbalance(ledger: &Ledger, from: LifeId, to: LifeId, leeway: Leeway) -> Option<String> {
    let sending = links(ledger, from).remove(&to)?;
    let receiving = links(ledger, to).remove(&from)?;
    let view = ledger.views.get(&(to, from)).cloned().unwrap_or_default();
    let reverse = ledger.views.get(&(from, to)).cloned().unwrap_or_default();
    // Who has forgotten the other counts anew, and the other does not know how many events
    // it has missed.
    let anew = (view.unknown > 0, reverse.unknown > 0);
    let published = ledger.life(from).published(Kind::Main);
    let owes_after = reverse.owes_after.unwrap_or_default();
    if anew.0 != anew.1 {
        return view.complete(owes_after, published).err();
    }
    let is_on_its_way = sending.sent.checked_sub(receiving.received);
    if is_on_its_way.is_none_or(|events| events > leeway.talk) {
        return Some(format!(
            "{} sent, {} received",
            sending.sent, receiving.received
        ));
    }
    if sending.dropped != receiving.gaps {
        return Some(format!(
            "{} dropped, {} in gaps",
            sending.dropped, receiving.gaps
        ));
    }
    if anew.0 {
        return view.complete(owes_after, published).err();
    }
    if view.reported != receiving.gaps {
        return Some(format!(
            "{} reported, {} in gaps",
            view.reported, receiving.gaps
        ));
    }
    if leeway.counts_others && leeway.is_lossy {
        let (head, tail) = match view.first {
            Some(first) => (first.saturating_sub(owes_after + 1), published - view.last),
            None => (published.saturating_sub(owes_after), 0),
        };
        let (missing, reported) = (head + view.missing + tail, view.reported);
        return (missing > reported).then(|| format!("{missing} missing, {reported} reported"));
    }
    if leeway.counts_others {
        if published > owes_after && view.last != published {
            return Some(format!(
                "{} received last, {published} published",
                view.last
            ));
        }
        let first = view.first.unwrap_or(published + 1);
        let complete = view.missing == 0 && first <= owes_after + 1;
        return (!complete).then(|| {
            format!(
                "{} missing, the first is {first}, owed after {owes_after}",
                view.missing
            )
        });
    }
    if view.received != receiving.received {
        return Some(format!(
            "{} received by the link, {} by listeners",
            receiving.received, view.received
        ));
    }
    // The number in this node's count of the one that is first on the link.
    let numbered = sending.sent + sending.dropped;
    let Some(before) = published.checked_sub(numbered) else {
        return Some(format!("{numbered} numbered, {published} published"));
    };
    if before > owes_after {
        return Some(format!(
            "numbered only after {before}, owed after {owes_after}"
        ));
    }
    let (head, tail) = match view.first {
        Some(first) => (first - before - 1, published - view.last),
        None => (numbered, 0),
    };
    (head + view.missing + tail != view.reported).then(|| {
        format!(
            "{head}, {} and {tail} missing, {} reported",
            view.missing, view.reported
        )
    })
}
