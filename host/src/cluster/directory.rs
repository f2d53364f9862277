//! What this node knows of the others, for all who ask: operators, those who dial,
//! and the interest that others must know.

pub(super) mod held;
mod holders;
mod kept;
pub(super) mod node;
mod speaking;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};
use uuid::Uuid;

use super::membership::Address;
use super::timing::{ASK_AGAIN, DEFERENCE};
use super::wire::handshake::{Identity, Peer};
use crate::admin::{ClusterAdmin, NodeState, NodeStatus};
use crate::bus::{Bus, Publisher};
use crate::passing::Foreknown;
use kept::Kept;
use node::Node;

/// Whom an address turned out to belong to, and when.
#[derive(Clone, Debug)]
struct Answer {
    whose: Whose,
    at: Instant,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Whose {
    Itself,
    Node { name: Arc<str>, incarnation: Uuid },
}

/// All that is known of other nodes.
#[derive(Debug)]
pub(super) struct Directory {
    identity: Identity,
    bus: Bus,
    known: Mutex<Known>,
    /// Counts changes of who is linked.
    changed: watch::Sender<u64>,
    /// Counts changes of which channels the others have, and of who is linked.
    held_changed: watch::Sender<u64>,
    /// What is known of channels beside what nodes say that are there.
    kept: Kept,
    /// Says what sessions have to say, which shares mailboxes with what is published.
    speaker: Publisher,
}

#[derive(Debug)]
struct Known {
    own_address: Address,
    nodes: BTreeMap<Arc<str>, Arc<Node>>,
    answers: BTreeMap<Address, Answer>,
    /// The newest version of this node's interest that all linked nodes know.
    interest_known: u64,
}

/// Most addresses that are remembered.
const MAX_ANSWERS: usize = 4096;

impl Directory {
    pub(super) fn new(
        identity: Identity,
        own_address: Address,
        bus: Bus,
        foreknown: Foreknown,
        join: Vec<Address>,
    ) -> Self {
        Self {
            speaker: bus.publisher("/sessions", Arc::clone(&identity.node)),
            identity,
            bus,
            known: Mutex::new(Known {
                own_address,
                nodes: BTreeMap::new(),
                answers: BTreeMap::new(),
                interest_known: u64::MAX,
            }),
            changed: watch::Sender::new(0),
            held_changed: watch::Sender::new(0),
            kept: Kept::new(foreknown, join),
        }
    }

    /// This node is reached at `address`, as a link has shown. That counts where it
    /// listens on every address and was not told which one others see.
    pub(super) fn reached_at(&self, address: &Address) {
        let own = &mut self.lock().own_address;
        let listening = own.parse::<SocketAddr>();
        if listening.is_ok_and(|listening| listening.ip().is_unspecified()) {
            *own = Arc::clone(address);
        }
    }

    /// Puts a start of a node in the place of an earlier one.
    pub(super) fn insert(&self, node: Arc<Node>) {
        let mut known = self.lock();
        self.kept.take(&node.name);
        known.nodes.insert(Arc::clone(&node.name), node);
        drop(known);
        self.note();
    }

    pub(super) fn get(&self, name: &str) -> Option<Arc<Node>> {
        self.lock().nodes.get(name).cloned()
    }

    /// Takes a start of a node out, unless another has taken its place.
    pub(super) fn remove(&self, node: &Arc<Node>) {
        let mut known = self.lock();
        if known
            .nodes
            .get(&node.name)
            .is_some_and(|present| Arc::ptr_eq(present, node))
        {
            known.nodes.remove(&node.name);
            self.kept.keep(node);
        }
        drop(known);
        self.note();
    }

    /// Says where a node stands now.
    pub(super) fn set_state(&self, node: &Node, state: NodeState) {
        if node.is_linked() || state == NodeState::Connected {
            let now = self.bus.now_millis();
            node.last_linked.store(now, Ordering::Relaxed);
        }
        node.set_state(state);
        self.note();
    }

    /// Somebody's link has come or gone.
    fn note(&self) {
        let mut known = self.lock();
        self.note_known(&mut known);
        drop(known);
        self.changed.send_modify(|changes| *changes += 1);
        self.note_held();
    }

    /// Somebody's channels have changed, or how they are reached.
    fn note_held(&self) {
        self.held_changed.send_modify(|changes| *changes += 1);
    }

    /// A node knows all that this one wants, as of this version.
    pub(super) fn knows(&self, node: &Node, version: u64) {
        let figure = &node.figures.interest_known;
        let before = figure.fetch_max(version, Ordering::Relaxed);
        let mut known = self.lock();
        // As long as another knows no more, that all know does not change.
        if before < version && before <= known.interest_known {
            self.note_known(&mut known);
        }
    }

    /// Finds out anew what all linked nodes know. With the lock, so that an older figure
    /// does not take a newer one's place.
    fn note_known(&self, known: &mut Known) {
        let linked = known.nodes.values().filter(|node| node.is_linked());
        let least = linked.map(|node| node.figures.interest_known.load(Ordering::Relaxed));
        known.interest_known = least.min().unwrap_or(u64::MAX);
        self.bus.interest().set_known(known.interest_known);
    }

    /// Changes when it does who is linked, or who is known.
    pub(super) fn changes(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }

    /// Changes when it does which channels the others have.
    pub(super) fn held_changes(&self) -> watch::Receiver<u64> {
        self.held_changed.subscribe()
    }

    /// A node answered at an address.
    pub(super) fn answered(&self, address: &Address, peer: &Peer) {
        let whose = Whose::Node {
            name: Arc::clone(&peer.node),
            incarnation: peer.incarnation,
        };
        self.remember(address, whose);
    }

    /// This node itself answered at an address.
    pub(super) fn answered_itself(&self, address: &Address) {
        self.remember(address, Whose::Itself);
    }

    fn remember(&self, address: &Address, whose: Whose) {
        let mut known = self.lock();
        if known.answers.len() >= MAX_ANSWERS {
            known.answers.clear();
        }
        let at = Instant::now();
        known
            .answers
            .insert(Arc::clone(address), Answer { whose, at });
    }

    /// The address is of no interest any more.
    pub(super) fn forget_answer(&self, address: &Address) {
        self.lock().answers.remove(address);
    }

    /// Addresses of nodes whose links are down, and which have not left.
    pub(super) fn lost(&self) -> Vec<Address> {
        let known = self.lock();
        let nodes = known.nodes.values();
        nodes.filter_map(|node| node.lost_at()).collect()
    }

    /// Waits until there is a reason to dial an address: its node is not linked, or
    /// nobody knows whose it is.
    pub(super) async fn until_wanted(&self, address: &Address) -> DialNow {
        let mut changed = self.changed.subscribe();
        let mut waited = false;
        loop {
            changed.borrow_and_update();
            match self.wanted(address) {
                Wanted::Now(deference) => return DialNow { deference, waited },
                Wanted::Never => return std::future::pending().await,
                Wanted::NotYet => {
                    waited = true;
                    // Fails only when the sender is gone, which is a field of `self`.
                    let _ = changed.changed().await;
                }
                Wanted::NotBefore(at) => {
                    waited = true;
                    // Either way it is looked at anew.
                    let _ = timeout_at(at, changed.changed()).await;
                }
            }
        }
    }

    /// Whether there is a reason to dial an address.
    pub(super) fn is_wanted(&self, address: &Address) -> bool {
        matches!(self.wanted(address), Wanted::Now(_))
    }

    fn wanted(&self, address: &Address) -> Wanted {
        let known = self.lock();
        let answer = known.answers.get(address);
        let name = match answer.map(|answer| &answer.whose) {
            Some(Whose::Itself) if *address == known.own_address => return Wanted::Never,
            Some(Whose::Itself) => return again(answer),
            Some(Whose::Node { name, incarnation }) => {
                if let Some(node) = known.nodes.get(name).filter(|node| node.is_linked()) {
                    return if node.address() == *address {
                        Wanted::NotYet
                    } else if node.incarnation == *incarnation {
                        // Somebody else may answer there by now: it is not where the
                        // node says that it is.
                        again(answer)
                    } else {
                        // It has started again since, and perhaps elsewhere.
                        Wanted::Now(None)
                    };
                }
                name
            }
            None => {
                let mut nodes = known.nodes.values();
                match nodes.find(|node| node.address() == *address) {
                    Some(node) if node.is_linked() => return Wanted::NotYet,
                    Some(node) => &node.name,
                    None => return Wanted::Now(None),
                }
            }
        };
        let defers = self.identity.node > *name;
        Wanted::Now(defers.then_some(DEFERENCE))
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        // Nothing in here panics half-way through a change.
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An address is to be dialled.
pub(super) struct DialNow {
    /// How much longer to wait, since the other node is to dial first.
    pub(super) deference: Option<Duration>,
    /// Whether there was a link before.
    pub(super) waited: bool,
}

/// Whether to dial an address.
enum Wanted {
    Now(Option<Duration>),
    NotYet,
    /// Not unless something changes before.
    NotBefore(Instant),
    Never,
}

/// An address is dialled again when what was found there is some time ago.
fn again(answer: Option<&Answer>) -> Wanted {
    match answer.map(|answer| answer.at + ASK_AGAIN) {
        Some(at) if Instant::now() < at => Wanted::NotBefore(at),
        _ => Wanted::Now(None),
    }
}

impl ClusterAdmin for Directory {
    fn nodes(&self) -> Vec<NodeStatus> {
        let known = self.lock();
        let own = NodeStatus {
            name: self.identity.node.to_string(),
            address: known.own_address.to_string(),
            version: self.identity.version.to_string(),
            incarnation: self.identity.incarnation.to_string(),
            state: NodeState::This,
            troubles: Vec::new(),
            link: None,
        };
        std::iter::once(own)
            .chain(known.nodes.values().filter_map(|node| node.status()))
            .collect()
    }
}

#[cfg(test)]
mod tests;
