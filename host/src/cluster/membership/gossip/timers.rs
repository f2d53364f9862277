//! What SWIM wants to be reminded of.
//!
//! Kept by hand and not in a queue of delays: which of two that are due goes off first
//! matters, a queue rounds to milliseconds and then takes any, and those of one purpose
//! replace each other. There are few.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use foca::Timer;
use tokio::time::Instant;

use super::identity::Identity;

/// The purposes of timers. One of each is enough, so however often the others make
/// this node change its mind, their number stays bounded by that of the nodes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Purpose {
    Probe,
    ProbeThroughOthers,
    Announce,
    AnnounceToDown,
    Gossip,
    /// To declare a suspected node down.
    Suspicion(Arc<str>),
    /// To forget a node that is down.
    Forgetting(Arc<str>),
}

impl Purpose {
    fn of(timer: &Timer<Identity>) -> Self {
        match timer {
            Timer::ProbeRandomMember(_) => Self::Probe,
            Timer::SendIndirectProbe { .. } => Self::ProbeThroughOthers,
            Timer::PeriodicAnnounce(_) => Self::Announce,
            Timer::PeriodicAnnounceDown(_) => Self::AnnounceToDown,
            Timer::PeriodicGossip(_) => Self::Gossip,
            Timer::ChangeSuspectToDown { member_id, .. } => Self::Suspicion(member_id.node.clone()),
            Timer::RemoveDown(identity) => Self::Forgetting(identity.node.clone()),
        }
    }
}

#[derive(Debug)]
struct Pending {
    /// When, and among timers of one moment in which order they were set.
    at: (Instant, u64),
    timer: Timer<Identity>,
}

/// Timers by purpose.
#[derive(Debug, Default)]
pub(super) struct Timers {
    pending: BTreeMap<Purpose, Pending>,
    /// Timers set so far.
    count: u64,
}

impl Timers {
    /// Sets a timer to go off `after` that time. It replaces the one with the same
    /// purpose, which is out of date by then.
    pub(super) fn set(&mut self, timer: Timer<Identity>, after: Duration) {
        let purpose = Purpose::of(&timer);
        // A suspected node that fails the next probe, too, gets no respite by it.
        if let Purpose::Suspicion(_) = purpose
            && let Some(pending) = self.pending.get(&purpose)
            && pending.timer == timer
        {
            return;
        }
        self.count += 1;
        let at = (Instant::now() + after, self.count);
        self.pending.insert(purpose, Pending { at, timer });
    }

    /// When the next timer goes off.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.pending.values().map(|pending| pending.at.0).min()
    }

    /// Takes a timer that has gone off, the earliest first: SWIM probes through
    /// others before it judges the probe, even where both are late.
    pub(super) fn take_due(&mut self) -> Option<Timer<Identity>> {
        let (purpose, pending) = self.pending.iter().min_by_key(|(_, pending)| pending.at)?;
        if pending.at.0 > Instant::now() {
            return None;
        }
        let purpose = purpose.clone();
        self.pending.remove(&purpose).map(|pending| pending.timer)
    }
}
