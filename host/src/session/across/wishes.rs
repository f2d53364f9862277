//! Which channels this node says that it has subscribers of: a set of hashes that changes step
//! by step. Times are those of the runtime.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use tokio::time::Instant;

use crate::mesh::PeerNode;

/// How long a channel is wanted behind its last subscriber: who reloads a page is not told to
/// anybody.
const KEPT: Duration = Duration::from_secs(10);

/// Between two changes that are said, where the first of them is not known yet: one message
/// tells several.
const GATHER: Duration = Duration::from_millis(50);

/// Most hashes in a change, which is 128 KiB then: far less than any node takes.
const MOST: usize = 16 << 10;

/// What this node wants, and who knows of it.
#[derive(Debug)]
pub(super) struct Wishes {
    wished: BTreeMap<u64, Wished>,
    /// Those without subscribers, and when it is looked at them, in that order.
    leaving: VecDeque<(Instant, u64)>,
    /// What has changed and was not said.
    added: BTreeSet<u64>,
    removed: BTreeSet<u64>,
    /// Version that was said last.
    version: u64,
    said: Option<Instant>,
    /// Nodes that are linked or may be again at any moment.
    told: BTreeMap<PeerNode, Told>,
}

/// A hash that is wanted.
#[derive(Debug)]
struct Wished {
    /// Subscriptions of the channels that have it.
    holds: usize,
    /// The version with which others learn of it.
    since: u64,
    /// When the last of them ended.
    left: Instant,
    is_leaving: bool,
}

/// What another node knows.
#[derive(Debug)]
struct Told {
    /// The version that it knows.
    known: u64,
    /// Whether it was told all, and so follows changes.
    follows: bool,
    /// Whether nobody waits for it: the link to it was lost, or it took too long the last time.
    is_passed_over: bool,
}

/// What is to be said to all that follow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Change {
    pub(super) after: u64,
    pub(super) version: u64,
    pub(super) added: Vec<u64>,
    pub(super) removed: Vec<u64>,
    /// Who follows.
    pub(super) to: Vec<PeerNode>,
}

impl Wishes {
    /// Nothing is wanted.
    pub(super) fn new() -> Self {
        Self {
            wished: BTreeMap::new(),
            leaving: VecDeque::new(),
            added: BTreeSet::new(),
            removed: BTreeSet::new(),
            version: 0,
            said: None,
            told: BTreeMap::new(),
        }
    }

    /// One more subscription. Returns the version with which others learn of it.
    pub(super) fn hold(&mut self, hash: u64, now: Instant) -> u64 {
        if let Some(wished) = self.wished.get_mut(&hash) {
            wished.holds += 1;
            return wished.since;
        }
        let since = if self.removed.remove(&hash) {
            // That it is not wanted was not said.
            self.version
        } else {
            self.added.insert(hash);
            self.version + 1
        };
        let wished = Wished {
            holds: 1,
            since,
            left: now,
            is_leaving: false,
        };
        self.wished.insert(hash, wished);
        since
    }

    /// A subscription has ended.
    pub(super) fn release(&mut self, hash: u64, now: Instant) {
        let Some(wished) = self.wished.get_mut(&hash) else {
            return;
        };
        wished.holds = wished.holds.saturating_sub(1);
        if wished.holds == 0 {
            wished.left = now;
            if !wished.is_leaving {
                wished.is_leaving = true;
                self.leaving.push_back((now + KEPT, hash));
            }
        }
    }

    /// What is to be said now, if anything; there may be more behind it.
    pub(super) fn turn(&mut self, now: Instant) -> Option<Change> {
        self.drop_left(now);
        if self.changed() == 0 || self.due().is_some_and(|due| due > now) {
            return None;
        }
        let after = self.version;
        self.version += 1;
        self.said = Some(now);
        let follows = self.told.iter().filter(|(_, told)| told.follows);
        // All of them: where there are as many as go into a change, they are said at once.
        let added: Vec<_> = std::mem::take(&mut self.added).into_iter().collect();
        let room = MOST.saturating_sub(added.len());
        let removed = std::iter::from_fn(|| self.removed.pop_first()).take(room);
        Some(Change {
            after,
            version: self.version,
            removed: removed.collect(),
            added,
            to: follows.map(|(peer, _)| peer.clone()).collect(),
        })
    }

    /// When there is something to do, if nothing happens before.
    pub(super) fn next(&self) -> Option<Instant> {
        let is_changed = self.changed() > 0;
        let due = is_changed.then(|| self.due().unwrap_or_else(Instant::now));
        let leaves = self.leaving.front().map(|(at, _)| *at);
        due.into_iter().chain(leaves).min()
    }

    /// When what has changed is to be said: once the change before is known everywhere, which
    /// keeps nobody waiting who subscribes to one channel after the other, or some time behind
    /// it; nothing for at once.
    fn due(&self) -> Option<Instant> {
        if self.changed() >= MOST {
            return None;
        }
        let is_known = self.known() >= self.version;
        self.said.filter(|_| !is_known).map(|said| said + GATHER)
    }

    /// How much has changed that was not said.
    fn changed(&self) -> usize {
        self.added.len() + self.removed.len()
    }

    /// Takes out what has not been wanted for long enough.
    fn drop_left(&mut self, now: Instant) {
        while let Some((_, hash)) = self.leaving.pop_front_if(|(at, _)| *at <= now) {
            let Some(wished) = self.wished.get_mut(&hash) else {
                continue;
            };
            let is_wanted = wished.holds > 0;
            let left = wished.left;
            wished.is_leaving = !is_wanted;
            if is_wanted {
                continue;
            }
            if left + KEPT > now {
                // It was wanted again meanwhile. What was put behind it since comes a little
                // late.
                self.leaving.push_back((left + KEPT, hash));
                continue;
            }
            self.wished.remove(&hash);
            if !self.added.remove(&hash) {
                self.removed.insert(hash);
            }
        }
    }

    /// The version that all know who are waited for.
    pub(super) fn known(&self) -> u64 {
        let waited_for = self.told.values().filter(|told| !told.is_passed_over);
        waited_for.map(|told| told.known).min().unwrap_or(u64::MAX)
    }

    /// A node is there that knows nothing.
    pub(super) fn join(&mut self, peer: &PeerNode) {
        let told = Told {
            known: 0,
            follows: false,
            is_passed_over: false,
        };
        self.told.insert(peer.clone(), told);
    }

    /// A node is gone.
    pub(super) fn part(&mut self, peer: &PeerNode) {
        self.told.remove(peer);
    }

    /// Nobody waits for a node while it is away.
    pub(super) fn set_away(&mut self, peer: &PeerNode, is_away: bool) {
        if let Some(told) = self.told.get_mut(peer) {
            told.is_passed_over = is_away;
        }
    }

    /// All that was said to be wanted, in order, and the version of that, for a node that is told
    /// it now and follows from then on.
    pub(super) fn whole(&mut self, peer: &PeerNode) -> Option<(u64, Vec<u64>)> {
        let told = self.told.get_mut(peer)?;
        told.follows = true;
        told.known = 0;
        // What was said up to this version, to which what is yet to be said is a change: of a
        // hash that is about to be removed nothing is said where it is wanted again before.
        let wished = self.wished.keys().filter(|hash| !self.added.contains(hash));
        let mut said: Vec<u64> = wished.chain(&self.removed).copied().collect();
        said.sort_unstable();
        Some((self.version, said))
    }

    /// A node knows what is wanted, as of a version.
    pub(super) fn knows(&mut self, peer: &PeerNode, version: u64) {
        let latest = self.version;
        if let Some(told) = self.told.get_mut(peer) {
            told.known = told.known.max(version.min(latest));
            told.is_passed_over &= told.known < latest;
        }
    }

    /// Nobody waits any more, until they know all, for those that do not know this version.
    pub(super) fn pass_over(&mut self, version: u64) {
        for told in self.told.values_mut() {
            told.is_passed_over |= told.known < version;
        }
    }

    /// How many channels are wanted.
    pub(super) fn len(&self) -> usize {
        self.wished.len()
    }
}

#[cfg(test)]
mod tests;
