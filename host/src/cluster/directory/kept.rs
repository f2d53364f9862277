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
use crate::passing::{Foreknown, MAX_HELD, Renamed};

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
        Self {
            nodes: Mutex::new(nodes.collect()),
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

    /// The node is not shown any more; what it had is known all the same.
    pub(super) fn keep(&self, node: &Node) {
        let held = node.held.all();
        if !held.is_empty() {
            let held = HeldBy::known(held);
            let linked = node.last_linked.load(Ordering::Relaxed);
            let name = Arc::clone(&node.name);
            self.nodes()
                .insert(name, Arc::new(KeptNode { held, linked }));
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
