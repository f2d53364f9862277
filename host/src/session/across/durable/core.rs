//! Which logs of other nodes are known here, and who is told of those of this node.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use hearken_channel_log::Epoch;

use crate::mesh::PeerNode;
use crate::session::far_log::{FarLog, FarState};
use crate::session::name::ChannelName;

/// After so many more it is looked which logs of other nodes nobody reads any more.
const SWEEP: usize = 256;

/// Most channels of this node of which others are told.
const MAX_WATCHED: usize = 100_000;

/// What a node knows of durable channels beyond its own.
#[derive(Debug, Default)]
pub(in crate::session) struct Durable {
    far: Mutex<Far>,
    /// Who is told when there is more in a log of this node.
    watchers: Mutex<BTreeMap<ChannelName, BTreeSet<PeerNode>>>,
}

#[derive(Debug, Default)]
struct Far {
    logs: BTreeMap<ChannelName, Weak<FarLog>>,
    /// How many there were when they were last looked through.
    swept: usize,
}

impl Durable {
    /// The log that a node has said that it has, which goes that far. The same as before, as
    /// long as anybody has that.
    pub(super) fn known(
        &self,
        name: &ChannelName,
        node: &Arc<str>,
        epoch: Epoch,
        state: FarState,
    ) -> Arc<FarLog> {
        let mut far = self.far();
        if let Some(known) = far.logs.get(name).and_then(Weak::upgrade) {
            if known.node == *node && known.epoch == epoch && !known.state().is_removed {
                drop(far);
                known.set(state);
                return known;
            }
            // There is another now.
            known.remove();
        }
        let log = FarLog::new(name.clone(), Arc::clone(node), epoch, state);
        let log = Arc::new(log);
        far.logs.insert(name.clone(), Arc::downgrade(&log));
        if far.logs.len() > far.swept + SWEEP {
            far.logs.retain(|_, log| log.strong_count() > 0);
            far.swept = far.logs.len();
        }
        log
    }

    /// The log of this name that is known here, if anybody has it.
    pub(super) fn get(&self, name: &ChannelName) -> Option<Arc<FarLog>> {
        self.far().logs.get(name).and_then(Weak::upgrade)
    }

    /// Those of a node that anybody has.
    pub(super) fn of_node(&self, node: &str) -> Vec<Arc<FarLog>> {
        let far = self.far();
        let logs = far.logs.values().filter_map(Weak::upgrade);
        logs.filter(|log| *log.node == *node).collect()
    }

    /// A node is told from now on when there is more in a channel. Whether nobody was before,
    /// so that somebody has to look; `None` if there are too many.
    pub(super) fn watch(&self, name: &ChannelName, peer: &PeerNode) -> Option<bool> {
        let mut watchers = self.watchers();
        if watchers.len() >= MAX_WATCHED && !watchers.contains_key(name) {
            return None;
        }
        let is_first = !watchers.contains_key(name);
        let of_channel = watchers.entry(name.clone()).or_default();
        of_channel.insert(peer.clone());
        Some(is_first)
    }

    /// A node is not told of a channel any more.
    pub(super) fn unwatch(&self, name: &ChannelName, peer: &PeerNode) {
        if let Some(of_channel) = self.watchers().get_mut(name) {
            of_channel.remove(peer);
        }
    }

    /// The same of all.
    pub(in crate::session::across) fn unwatch_all(&self, peer: &PeerNode) {
        for of_channel in self.watchers().values_mut() {
            of_channel.remove(peer);
        }
    }

    /// Who is told of a channel; `None` if nobody is, and nobody looks any more.
    pub(super) fn watched_by(&self, name: &ChannelName) -> Option<Vec<PeerNode>> {
        let mut watchers = self.watchers();
        let of_channel = watchers.get(name)?;
        if of_channel.is_empty() {
            watchers.remove(name);
            return None;
        }
        Some(of_channel.iter().cloned().collect())
    }

    /// Nobody looks any more, since the channel is gone. Returns who was told of it.
    pub(super) fn take_watchers(&self, name: &ChannelName) -> BTreeSet<PeerNode> {
        self.watchers().remove(name).unwrap_or_default()
    }

    fn far(&self) -> MutexGuard<'_, Far> {
        // Nothing in here panics half-way.
        self.far.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn watchers(&self) -> MutexGuard<'_, BTreeMap<ChannelName, BTreeSet<PeerNode>>> {
        // Nothing in here panics half-way.
        self.watchers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
