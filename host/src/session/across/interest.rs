//! Saying which channels this node has subscribers of, and hearing which the others have, so
//! that they send each other nothing in vain.

use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until, timeout};

use super::protocol::across::Kind;
use super::protocol::{WantedChange, WantedKnown, WantedWhole};
use super::traffic::{Sizes, Traffic};
use super::wanted::{Say, Wanted};
use super::wire::{self, hash_of};
use super::wishes::{Change, Wishes};
use crate::mesh::{Mesh, PeerNode};
use crate::session::name::ChannelName;

/// Hashes in one message of a set.
const PIECE: usize = 4096;

/// How long a subscription waits at most for other nodes to know of it: longer than a round
/// trip between data centres of a continent.
pub(in crate::session) const KNOWN_WITHIN: Duration = Duration::from_millis(200);

/// Which channels there are subscribers of, and where.
pub(in crate::session) struct Interest {
    mesh: Arc<dyn Mesh>,
    traffic: Arc<Traffic>,
    /// What this node wants.
    own: Mutex<Wishes>,
    /// The version of that which all others know who are waited for.
    known: AtomicU64,
    /// Tells that it is another. No `watch`, which wakes those who wait in a random order, so
    /// that no simulation would repeat.
    learnt: Notify,
    /// Tells that there is something to do later.
    stirred: Notify,
    /// What the others want.
    others: RwLock<Wanted>,
}

/// That a channel is wanted, as long as this lives and for a while behind that.
pub(in crate::session) struct Wish {
    interest: Arc<Interest>,
    hash: u64,
    /// The version with which others learn of it.
    since: u64,
}

impl Interest {
    /// Nobody wants anything.
    pub(super) fn new(mesh: Arc<dyn Mesh>, traffic: Arc<Traffic>) -> Arc<Self> {
        Arc::new(Self {
            mesh,
            traffic,
            own: Mutex::new(Wishes::new()),
            known: AtomicU64::new(u64::MAX),
            learnt: Notify::new(),
            stirred: Notify::new(),
            others: RwLock::default(),
        })
    }

    /// This node has a subscriber of a channel.
    pub(in crate::session) fn want(self: &Arc<Self>, channel: &ChannelName) -> Wish {
        let hash = hash_of(channel.as_str());
        let mut own = self.own();
        let since = own.hold(hash, Instant::now());
        self.go_on(own);
        Wish {
            interest: Arc::clone(self),
            hash,
            since,
        }
    }

    /// The nodes that may have subscribers of a channel.
    pub(in crate::session) fn nodes_with(&self, channel: &ChannelName) -> Vec<PeerNode> {
        let others = self.others();
        if others.is_empty() {
            return Vec::new();
        }
        others.of(hash_of(channel.as_str())).cloned().collect()
    }

    /// Says in time what has changed. Never ends.
    pub(in crate::session) async fn say_in_time(&self) {
        loop {
            let next = self.own().next();
            let time = async {
                match next {
                    Some(next) => sleep_until(next).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                // In this order and no random one, so that a simulation repeats.
                biased;
                () = self.stirred.notified() => {}
                () = time => self.go_on(self.own()),
            }
        }
    }

    /// A node has come. What it wants is asked for by whoever says so.
    pub(super) fn join(&self, peer: &PeerNode) {
        self.others_mut().join(peer);
        let mut own = self.own();
        own.join(peer);
        self.go_on(own);
    }

    /// A node has gone.
    pub(super) fn part(&self, peer: &PeerNode) {
        self.others_mut().part(peer);
        let mut own = self.own();
        own.part(peer);
        self.go_on(own);
    }

    /// The link to a node has come or gone.
    pub(super) fn set_away(&self, peer: &PeerNode, is_away: bool) {
        let mut own = self.own();
        own.set_away(peer, is_away);
        self.go_on(own);
    }

    /// Something that a node has said is lost.
    pub(super) fn lose(&self, peer: &PeerNode) {
        self.others_mut().lose(peer);
    }

    /// A node is to be told all.
    pub(super) fn say_all(&self, peer: &PeerNode) {
        let mut own = self.own();
        let Some((version, hashes)) = own.whole(peer) else {
            return;
        };
        for piece in pieces(version, &hashes) {
            // Where it does not fit, the other node hears of a gap, and asks again. With the
            // lock, so that no change comes before it.
            self.send(peer, Kind::WantedWhole(piece));
        }
        self.go_on(own);
    }

    /// A node says what it wants. Whether it is to say all anew.
    pub(super) fn hear_whole(&self, peer: &PeerNode, whole: &WantedWhole) -> bool {
        let say = self.others_mut().whole(peer, whole);
        self.reply(peer, say)
    }

    /// The same of what has changed.
    pub(super) fn hear_change(&self, peer: &PeerNode, change: &WantedChange) -> bool {
        let say = self.others_mut().change(peer, change);
        self.reply(peer, say)
    }

    /// A node knows what this one wants.
    pub(super) fn hear_known(&self, peer: &PeerNode, known: WantedKnown) {
        let mut own = self.own();
        own.knows(peer, known.version);
        self.go_on(own);
    }

    pub(super) fn sizes(&self) -> Sizes {
        Sizes {
            here: self.own().len(),
            elsewhere: self.others().len(),
        }
    }

    fn reply(&self, peer: &PeerNode, say: Say) -> bool {
        match say {
            Say::Nothing => false,
            Say::Known(version) => {
                self.send(peer, Kind::WantedKnown(WantedKnown { version }));
                false
            }
            Say::Anew => true,
        }
    }

    /// Says what is to be said now, and has the rest said in time.
    fn go_on(&self, mut own: MutexGuard<'_, Wishes>) {
        while let Some(change) = own.turn(Instant::now()) {
            let Change {
                after,
                version,
                added,
                removed,
                to,
            } = change;
            let kind = Kind::WantedChange(WantedChange {
                after,
                version,
                added,
                removed,
            });
            if !to.is_empty() {
                let message = wire::encode(kind);
                for peer in &to {
                    // With the lock, so that changes come in their order.
                    let is_sent = self.mesh.send(peer, message.clone());
                    self.traffic.sent(is_sent);
                }
            }
        }
        let known = own.known();
        if self.known.swap(known, Ordering::AcqRel) != known {
            self.learnt.notify_waiters();
        }
        if own.next().is_some() {
            self.stirred.notify_one();
        }
    }

    fn send(&self, peer: &PeerNode, kind: Kind) {
        let is_sent = self.mesh.send(peer, wire::encode(kind));
        self.traffic.sent(is_sent);
    }

    fn own(&self) -> MutexGuard<'_, Wishes> {
        // Nothing in here panics half-way.
        self.own.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn others(&self) -> RwLockReadGuard<'_, Wanted> {
        // As above.
        self.others.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn others_mut(&self) -> RwLockWriteGuard<'_, Wanted> {
        // As above.
        self.others.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Wish {
    /// Waits until other nodes know of it: what is published there from then on comes here.
    /// Not for those that are away, nor for long.
    pub(in crate::session) async fn is_known(&self) {
        let Interest { known, learnt, .. } = &*self.interest;
        let is_known = async {
            loop {
                let mut is_other = pin!(learnt.notified());
                // Before it is looked at, so that nothing is missed.
                is_other.as_mut().enable();
                if known.load(Ordering::Acquire) >= self.since {
                    return;
                }
                is_other.await;
            }
        };
        if timeout(KNOWN_WITHIN, is_known).await.is_err() {
            let mut own = self.interest.own();
            own.pass_over(self.since);
            self.interest.go_on(own);
        }
    }
}

impl Drop for Wish {
    fn drop(&mut self) {
        let mut own = self.interest.own();
        own.release(self.hash, Instant::now());
        self.interest.go_on(own);
    }
}

impl std::fmt::Debug for Wish {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Wish")
            .field("since", &self.since)
            .finish_non_exhaustive()
    }
}

/// A set in messages that are not too large; at least one.
fn pieces(version: u64, hashes: &[u64]) -> Vec<WantedWhole> {
    let mut pieces: Vec<_> = hashes
        .chunks(PIECE)
        .map(|piece| WantedWhole {
            version,
            hashes: piece.to_vec(),
            ..WantedWhole::default()
        })
        .collect();
    if pieces.is_empty() {
        let version = WantedWhole {
            version,
            ..WantedWhole::default()
        };
        pieces.push(version);
    }
    if let Some(first) = pieces.first_mut() {
        first.first = true;
    }
    if let Some(last) = pieces.last_mut() {
        last.last = true;
    }
    pieces
}

#[cfg(test)]
mod tests;
