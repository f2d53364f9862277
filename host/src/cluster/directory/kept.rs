//! What is known of other nodes' channels beside what the nodes say that are there: what was
//! known before this node was started, what the configuration says, what nodes had that are
//! forgotten otherwise, and of which names something new was said.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;
use tokio::time::Instant;

use super::held::{HeldBy, News};
use super::node::Node;
use crate::cluster::membership::Address;
use crate::passing::{Foreknown, MAX_HELD, MAX_NAMES, Renamed};

/// What is known beside what nodes say that are there.
#[derive(Debug)]
pub(super) struct Kept {
    nodes: Mutex<BTreeMap<Arc<str>, Arc<KeptNode>>>,
    /// The node of each channel that is declared for another one.
    pub(super) declared: BTreeMap<Arc<str>, Arc<str>>,
    /// Where this node looks for others.
    pub(super) join: Vec<Address>,
    pub(super) started: Instant,
    renames: watch::Sender<u64>,
    renamed: Mutex<Renamed>,
}

/// A node that is away, and is not shown.
#[derive(Debug)]
pub(super) struct KeptNode {
    pub(super) held: HeldBy,
    pub(super) linked: u64,
}

impl Kept {
    /// Of a node that is started now, and looks for others at these addresses.
    pub(super) fn new(foreknown: Foreknown, join: Vec<Address>) -> Self {
        let Foreknown { known, declared } = foreknown;
        let nodes = known.into_iter().map(|(name, known)| {
            let held = HeldBy::known(known.held);
            let linked = known.linked;
            (name, Arc::new(KeptNode { held, linked }))
        });
        let mut nodes: BTreeMap<_, _> = nodes.collect();
        // News to nobody: it was never said.
        make_room(&mut nodes);
        Self {
            nodes: Mutex::new(nodes),
            declared,
            join,
            started: Instant::now(),
            renames: watch::Sender::new(0),
            renamed: Mutex::new(Renamed::Names(BTreeSet::new())),
        }
    }

    /// The nodes, by their names.
    pub(super) fn nodes(&self) -> MutexGuard<'_, BTreeMap<Arc<str>, Arc<KeptNode>>> {
        // Nothing in here panics half-way through a change.
        self.nodes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is known of a node, which is kept until it is there.
    pub(super) fn recall(&self, name: &str) -> Option<(HeldBy, u64)> {
        let nodes = self.nodes();
        let known = nodes.get(name)?;
        Some((HeldBy::of_former(&known.held), known.linked))
    }

    /// The node is there.
    pub(super) fn take(&self, name: &str) {
        self.nodes().remove(name);
    }

    /// The node is not shown any more; what it had is known all the same, as long as there is
    /// room for it.
    pub(super) fn keep(&self, node: &Node) {
        let held = node.held.all();
        if !held.is_empty() {
            let held = HeldBy::known(held);
            let linked = node.last_linked.load(Ordering::Relaxed);
            let name = Arc::clone(&node.name);
            let mut nodes = self.nodes();
            nodes.insert(name, Arc::new(KeptNode { held, linked }));
            let forgotten = make_room(&mut nodes);
            drop(nodes);
            if !forgotten.is_empty() {
                self.rename(forgotten);
            }
        }
    }

    /// Something new was said of these names.
    pub(super) fn rename(&self, news: News) {
        let mut renamed = self.lock_renamed();
        if let Renamed::Names(names) = &mut *renamed {
            names.extend(news);
            if names.len() > MAX_HELD {
                *renamed = Renamed::Many;
            }
        }
        drop(renamed);
        self.renames.send_modify(|renames| *renames += 1);
    }

    /// Those names, once.
    pub(super) fn renamed(&self) -> Renamed {
        let none = Renamed::Names(BTreeSet::new());
        std::mem::replace(&mut *self.lock_renamed(), none)
    }

    pub(super) fn renames(&self) -> watch::Receiver<u64> {
        self.renames.subscribe()
    }

    fn lock_renamed(&self) -> MutexGuard<'_, Renamed> {
        // As above.
        self.renamed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Forgets nodes until there are no more than so many names: those that were linked longest ago
/// first. Returns the names of which something is forgotten.
fn make_room(nodes: &mut BTreeMap<Arc<str>, Arc<KeptNode>>) -> News {
    let mut forgotten = News::new();
    let mut names: usize = nodes.values().map(|node| node.held.count()).sum();
    if names <= MAX_NAMES {
        return forgotten;
    }
    let linked = nodes.iter();
    let mut linked: Vec<_> = linked
        .map(|(name, node)| (node.linked, Arc::clone(name)))
        .collect();
    linked.sort_unstable();
    for (_, name) in linked {
        if names <= MAX_NAMES {
            break;
        }
        if let Some(node) = nodes.remove(&name) {
            let held = node.held.all();
            names = names.saturating_sub(held.len());
            forgotten.extend(held.into_keys());
        }
    }
    forgotten
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::passing::Held;

    #[test]
    fn of_too_many_names_those_of_the_node_that_was_linked_longest_ago_give_way() {
        let names = (0..MAX_HELD).map(|number| Arc::<str>::from(number.to_string()));
        let held: Held = names.map(|name| (name, Arc::<str>::from("e1"))).collect();
        let node = |linked: usize| {
            let held = HeldBy::known(held.clone());
            let linked = linked as u64;
            Arc::new(KeptNode { held, linked })
        };
        let most = MAX_NAMES / MAX_HELD;
        // The later its name, the longer ago.
        let nodes = (0..=most).map(|at| (Arc::<str>::from(format!("n{at:02}")), node(most - at)));
        let mut nodes: BTreeMap<_, _> = nodes.collect();
        let forgotten = make_room(&mut nodes);
        assert_eq!((nodes.len(), forgotten.len()), (most, MAX_HELD));
        assert!(!nodes.contains_key(&*format!("n{most:02}")));
        assert!(make_room(&mut nodes).is_empty());
    }
}
