//! Links between the sessions of several nodes in tests, which can be cut and lose what is said.
//! What is said comes as soon as others get the thread.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};

use bytes::Bytes;
use tokio::sync::Notify;
use uuid::Uuid;

use crate::mesh::{Ears, Mesh, News, PeerNode};

/// All nodes of a test.
#[derive(Clone, Default)]
pub(super) struct Net(Arc<Shared>);

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    stirred: Notify,
}

#[derive(Default)]
struct State {
    /// Their ears, once they have some.
    nodes: BTreeMap<PeerNode, Option<Arc<dyn Ears>>>,
    /// Those that cannot be reached any more, and are not forgotten.
    given_up: BTreeSet<Arc<str>>,
    /// What is on its way: to whom, and what.
    waiting: VecDeque<(PeerNode, News)>,
    /// Pairs that are not linked, what is said over which waits.
    cut: Vec<(PeerNode, PeerNode)>,
    /// What is said over those.
    held: VecDeque<(PeerNode, News)>,
    /// Whether what is said is lost.
    loses: bool,
    /// Messages that were said so far, and their bytes.
    said: usize,
    said_bytes: usize,
}

/// The way of one node.
struct Way {
    net: Net,
    this: PeerNode,
}

impl Net {
    /// Brings what is said, as long as the runtime is there.
    pub(super) fn new() -> Self {
        let net = Self::default();
        let shared = Arc::clone(&net.0);
        tokio::spawn(async move {
            loop {
                shared.stirred.notified().await;
                while let Some((ears, news)) = next(&shared) {
                    ears.hear(news);
                }
            }
        });
        net
    }

    /// The way of the start of a node.
    pub(super) fn way_of(&self, name: &str, start: u128) -> Arc<dyn Mesh> {
        let this = PeerNode {
            name: name.into(),
            incarnation: Uuid::from_u128(start),
        };
        self.lock().nodes.insert(this.clone(), None);
        let net = self.clone();
        Arc::new(Way { net, this })
    }

    /// The node hears the others from now on, and they hear it.
    pub(super) fn join(&self, this: &PeerNode, ears: Arc<dyn Ears>) {
        let mut state = self.lock();
        let others: Vec<_> = state.others(this).cloned().collect();
        state.nodes.insert(this.clone(), Some(ears));
        for other in others {
            let joined = (other.clone(), News::Joined(this.clone()));
            state.waiting.push_back(joined);
            let joined = (this.clone(), News::Joined(other));
            state.waiting.push_back(joined);
        }
        drop(state);
        self.0.stirred.notify_one();
    }

    /// All others are told something of a node, which is none any more if it has gone.
    pub(super) fn tell(&self, of: &PeerNode, news: impl Fn(PeerNode) -> News) {
        let mut state = self.lock();
        match news(of.clone()) {
            News::Unreachable(_) => {
                state.nodes.remove(of);
                state.given_up.insert(Arc::clone(&of.name));
            }
            News::Left(_) => {
                state.nodes.remove(of);
                state.given_up.remove(&of.name);
            }
            _ => {}
        }
        let others: Vec<_> = state.others(of).cloned().collect();
        for other in others {
            state.waiting.push_back((other, news(of.clone())));
        }
        drop(state);
        self.0.stirred.notify_one();
    }

    /// A node that cannot be reached is forgotten, of which nobody is told.
    pub(super) fn forget(&self, node: &PeerNode) {
        self.lock().given_up.remove(&node.name);
    }

    /// Nothing comes over the link between two nodes any more, and neither knows: what is said
    /// waits.
    pub(super) fn stall(&self, one: &PeerNode, other: &PeerNode) {
        let pairs = [(one, other), (other, one)];
        let pairs = pairs.map(|(here, there)| (here.clone(), there.clone()));
        self.lock().cut.extend(pairs);
    }

    /// Cuts the link between two nodes: what is said waits.
    pub(super) fn cut(&self, one: &PeerNode, other: &PeerNode) {
        self.stall(one, other);
        self.tell_both(one, other, News::Away);
    }

    /// Two nodes whose link is cut give each other up.
    pub(super) fn part(&self, one: &PeerNode, other: &PeerNode) {
        self.tell_both(one, other, News::Unreachable);
    }

    /// They meet again, and what was said meanwhile comes behind that.
    pub(super) fn meet(&self, one: &PeerNode, other: &PeerNode) {
        self.tell_both(one, other, News::Joined);
        let mut state = self.lock();
        let is_it = |(here, there): &(PeerNode, PeerNode)| {
            (here, there) == (one, other) || (here, there) == (other, one)
        };
        state.cut.retain(|pair| !is_it(pair));
        let held = std::mem::take(&mut state.held);
        state.waiting.extend(held);
        drop(state);
        self.0.stirred.notify_one();
    }

    fn tell_both(&self, one: &PeerNode, other: &PeerNode, news: impl Fn(PeerNode) -> News) {
        let mut state = self.lock();
        for (here, there) in [(one, other), (other, one)] {
            state.waiting.push_back((here.clone(), news(there.clone())));
        }
        drop(state);
        self.0.stirred.notify_one();
    }

    /// Links all that were cut again.
    pub(super) fn heal(&self) {
        let mut state = self.lock();
        for (here, there) in std::mem::take(&mut state.cut) {
            state.waiting.push_back((here, News::Back(there)));
        }
        let held = std::mem::take(&mut state.held);
        state.waiting.extend(held);
        drop(state);
        self.0.stirred.notify_one();
    }

    /// A node stands still: what is said to it and by it waits, and the others give it up. It
    /// learns of nothing.
    pub(super) fn stand_still(&self, node: &PeerNode) {
        let mut state = self.lock();
        let others: Vec<_> = state.others(node).cloned().collect();
        for other in others {
            state.cut.push((node.clone(), other.clone()));
            state.cut.push((other.clone(), node.clone()));
            let given_up = (other, News::Unreachable(node.clone()));
            state.waiting.push_back(given_up);
        }
        drop(state);
        self.0.stirred.notify_one();
    }

    /// It goes on: it finds that it is linked again, and the others that it is there.
    pub(super) fn go_on(&self, node: &PeerNode) {
        let mut state = self.lock();
        let is_its = |(here, there): &(PeerNode, PeerNode)| here == node || there == node;
        let cut = std::mem::take(&mut state.cut).into_iter();
        let (its, left): (Vec<_>, Vec<_>) = cut.partition(is_its);
        state.cut = left;
        for (here, there) in its {
            let news = match here == *node {
                true => News::Back(there),
                false => News::Joined(there),
            };
            state.waiting.push_back((here, news));
        }
        let held = std::mem::take(&mut state.held);
        state.waiting.extend(held);
        drop(state);
        self.0.stirred.notify_one();
    }

    /// What is said from now on is lost, until it is not; then all have a gap.
    pub(super) fn lose(&self, loses: bool) {
        let mut state = self.lock();
        state.loses = loses;
        if !loses {
            let nodes: Vec<_> = state.nodes.keys().cloned().collect();
            for node in &nodes {
                for other in nodes.iter().filter(|other| *other != node) {
                    let gap = (node.clone(), News::Gap(other.clone()));
                    state.waiting.push_back(gap);
                }
            }
        }
        drop(state);
        self.0.stirred.notify_one();
    }

    /// Messages that were said since this was asked last.
    pub(super) fn take_said(&self) -> usize {
        std::mem::take(&mut self.lock().said)
    }

    /// Bytes of messages that were said since this was asked last.
    pub(super) fn take_said_bytes(&self) -> usize {
        std::mem::take(&mut self.lock().said_bytes)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap()
    }
}

/// What is heard next, and by whom.
fn next(shared: &Shared) -> Option<(Arc<dyn Ears>, News)> {
    let mut state = shared.state.lock().unwrap();
    loop {
        let (to, news) = state.waiting.pop_front()?;
        if let Some(Some(ears)) = state.nodes.get(&to) {
            return Some((Arc::clone(ears), news));
        }
    }
}

impl State {
    fn others<'s>(&'s self, this: &PeerNode) -> impl Iterator<Item = &'s PeerNode> {
        let heard = self.nodes.iter().filter(|(_, ears)| ears.is_some());
        heard
            .map(|(peer, _)| peer)
            .filter(move |peer| *peer != this)
    }
}

impl Mesh for Way {
    fn this(&self) -> PeerNode {
        self.this.clone()
    }

    fn peers(&self) -> Vec<PeerNode> {
        self.net.lock().others(&self.this).cloned().collect()
    }

    fn known(&self) -> Vec<Arc<str>> {
        let state = self.net.lock();
        let there = state.others(&self.this).map(|peer| &peer.name);
        there.chain(&state.given_up).cloned().collect()
    }

    fn send(&self, to: &PeerNode, message: Bytes) -> bool {
        let mut state = self.net.lock();
        if !matches!(state.nodes.get(to), Some(Some(_))) {
            return false;
        }
        state.said += 1;
        state.said_bytes += message.len();
        let from = self.this.clone();
        let pair = (from.clone(), to.clone());
        let said = (to.clone(), News::Message { from, message });
        if state.cut.contains(&pair) {
            state.held.push_back(said);
        } else if !state.loses {
            state.waiting.push_back(said);
        }
        drop(state);
        self.net.0.stirred.notify_one();
        true
    }
}
