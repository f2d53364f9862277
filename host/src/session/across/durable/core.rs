//! Which logs of other nodes are known here, and who is told of those of this node.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use hearken_channel_log::Epoch;

use crate::mesh::PeerNode;
use crate::session::across::protocol::LogNews;
use crate::session::across::turns::NodeTurns;
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
    watchers: Mutex<Watchers>,
    /// Which nodes' logs are being opened anew.
    pub(super) opened_anew: NodeTurns,
}

#[derive(Debug, Default)]
struct Watchers {
    logs: BTreeMap<ChannelName, Watched>,
    /// Number of the last task that tells of a log.
    last: u64,
}

/// A log of this node of which others are told.
#[derive(Debug)]
struct Watched {
    epoch: Epoch,
    /// Number of the task that tells them.
    task: u64,
    by: BTreeSet<PeerNode>,
}

/// A node is told of a log from now on.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Watching {
    /// Number of the task that is to tell, unless there is one.
    pub(super) task: Option<u64>,
    /// Who was told of one of the name that was removed, and is to be told so.
    pub(super) removed: Option<(Epoch, BTreeSet<PeerNode>)>,
}

#[derive(Debug, Default)]
struct Far {
    logs: BTreeMap<ChannelName, Weak<FarLog>>,
    /// Those that are being opened, and are not among the others before it is known here that
    /// they are: their node may say before that that there is more.
    opening: BTreeMap<ChannelName, Opening>,
    /// How many there were when they were last looked through.
    swept: usize,
}

/// What is known of a log that is being opened.
#[derive(Debug, Default)]
struct Opening {
    /// By how many.
    by: usize,
    /// What was said of it last, and by which node.
    said: Option<(Arc<str>, LogNews)>,
}

impl Opening {
    fn hear(&mut self, from: &Arc<str>, news: &LogNews) {
        let is_another =
            |(node, said): &(Arc<str>, LogNews)| *node != *from || said.epoch != news.epoch;
        // That one is removed says nothing of another.
        if !(news.removed && self.said.as_ref().is_some_and(is_another)) {
            self.said = Some((Arc::clone(from), news.clone()));
        }
    }
}

/// A log is being opened, as long as this lives.
pub(super) struct OpeningPlace<'d> {
    durable: &'d Durable,
    name: &'d ChannelName,
}

impl Drop for OpeningPlace<'_> {
    fn drop(&mut self) {
        let mut far = self.durable.far();
        if let Some(opening) = far.opening.get_mut(self.name) {
            opening.by -= 1;
            if opening.by == 0 {
                far.opening.remove(self.name);
            }
        }
    }
}

impl Durable {
    /// A log is about to be opened.
    pub(super) fn open<'d>(&'d self, name: &'d ChannelName) -> OpeningPlace<'d> {
        let mut far = self.far();
        far.opening.entry(name.clone()).or_default().by += 1;
        OpeningPlace {
            durable: self,
            name,
        }
    }

    /// A node says that there is more in a log, or that it was removed. Where nobody here wants
    /// to know, `unwanted` is to tell it so, before anybody does: whoever opens it asks behind
    /// that.
    pub(super) fn hear(
        &self,
        name: &ChannelName,
        from: &Arc<str>,
        news: &LogNews,
        unwanted: impl FnOnce(),
    ) {
        let mut far = self.far();
        let known = far.logs.get(name).and_then(Weak::upgrade);
        if let Some(log) = known.filter(|log| log.node == *from) {
            match (news.epoch == log.epoch.to_string(), news.removed) {
                (true, true) => return log.remove(),
                (true, false) => return log.reach(news.last),
                // There is another now.
                (false, false) => log.remove(),
                // That was removed before this one was made.
                (false, true) => {}
            }
        }
        match far.opening.get_mut(name) {
            Some(opening) => opening.hear(from, news),
            None if !news.removed => unwanted(),
            None => {}
        }
    }

    /// The log that a node has said that it has, which goes that far. The same as before, as
    /// long as anybody has that.
    pub(super) fn known(
        &self,
        name: &ChannelName,
        node: &Arc<str>,
        epoch: Epoch,
        mut state: FarState,
    ) -> Arc<FarLog> {
        let mut far = self.far();
        let opening = far.opening.get(name);
        if let Some((from, news)) = opening.and_then(|opening| opening.said.as_ref())
            && *from == *node
            && news.epoch == epoch.to_string()
        {
            state.bounds.last = state.bounds.last.max(news.last);
            state.is_removed |= news.removed;
        }
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

    /// Those of a node that anybody has.
    pub(super) fn of_node(&self, node: &str) -> Vec<Arc<FarLog>> {
        let far = self.far();
        let logs = far.logs.values().filter_map(Weak::upgrade);
        logs.filter(|log| *log.node == *node).collect()
    }

    /// A node is told from now on when there is more in the log of this epoch; `None` if there
    /// are too many.
    pub(super) fn watch(
        &self,
        name: &ChannelName,
        epoch: Epoch,
        peer: &PeerNode,
    ) -> Option<Watching> {
        let mut watchers = self.watchers();
        let Watchers { logs, last } = &mut *watchers;
        if logs.len() >= MAX_WATCHED && !logs.contains_key(name) {
            logs.retain(|_, watched| !watched.by.is_empty());
            if logs.len() >= MAX_WATCHED {
                return None;
            }
        }
        if let Some(watched) = logs.get_mut(name).filter(|it| it.epoch == epoch) {
            watched.by.insert(peer.clone());
            let (task, removed) = (None, None);
            return Some(Watching { task, removed });
        }
        *last += 1;
        let watched = Watched {
            epoch,
            task: *last,
            by: BTreeSet::from([peer.clone()]),
        };
        let before = logs.insert(name.clone(), watched);
        Some(Watching {
            task: Some(*last),
            removed: before.map(|before| (before.epoch, before.by)),
        })
    }

    /// A node is not told of a channel any more.
    pub(super) fn unwatch(&self, name: &ChannelName, peer: &PeerNode) {
        if let Some(watched) = self.watchers().logs.get_mut(name) {
            watched.by.remove(peer);
        }
    }

    /// The same of all.
    pub(in crate::session::across) fn unwatch_all(&self, peer: &PeerNode) {
        for watched in self.watchers().logs.values_mut() {
            watched.by.remove(peer);
        }
    }

    /// Whom the task of this number is to tell of a channel; `None` if nobody, and it is none
    /// any more.
    pub(super) fn watched_by(&self, name: &ChannelName, task: u64) -> Option<Vec<PeerNode>> {
        let mut watchers = self.watchers();
        let watched = watchers.logs.get(name).filter(|it| it.task == task)?;
        if watched.by.is_empty() {
            watchers.logs.remove(name);
            return None;
        }
        Some(watched.by.iter().cloned().collect())
    }

    /// The same, and it is none any more, since the log is gone.
    pub(super) fn take_watchers(&self, name: &ChannelName, task: u64) -> BTreeSet<PeerNode> {
        let mut watchers = self.watchers();
        match watchers.logs.get(name).is_some_and(|it| it.task == task) {
            true => watchers.logs.remove(name).map(|it| it.by),
            false => None,
        }
        .unwrap_or_default()
    }

    fn far(&self) -> MutexGuard<'_, Far> {
        // Nothing in here panics half-way.
        self.far.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn watchers(&self) -> MutexGuard<'_, Watchers> {
        // Nothing in here panics half-way.
        self.watchers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use hearken_channel_log::Bounds;

    use super::*;

    const EPOCH: &str = "00f1e2d3c4b5a697";

    fn known(durable: &Durable, name: &ChannelName, last: u64) -> Arc<FarLog> {
        let state = FarState {
            bounds: Bounds { first: 1, last },
            missing: 0,
            damaged: 0,
            is_declared: true,
            is_removed: false,
        };
        durable.known(name, &"b".into(), EPOCH.parse().unwrap(), state)
    }

    /// Whether the node is told that nobody wants to know.
    fn is_unwanted(durable: &Durable, name: &ChannelName, from: &str, news: &LogNews) -> bool {
        let mut is_unwanted = false;
        durable.hear(name, &from.into(), news, || is_unwanted = true);
        is_unwanted
    }

    #[test]
    fn what_is_said_of_a_log_before_it_is_known_that_it_is_open_is_not_lost() {
        let (durable, name) = (Durable::default(), ChannelName::new("orders").unwrap());
        let news = |last, removed| LogNews {
            channel: name.to_string(),
            epoch: EPOCH.to_owned(),
            last,
            removed,
        };
        assert!(is_unwanted(&durable, &name, "b", &news(3, false)));
        let opening = durable.open(&name);
        assert!(!is_unwanted(&durable, &name, "b", &news(5, false)));
        let log = known(&durable, &name, 3);
        drop(opening);
        assert_eq!(log.state().bounds.last, 5);
        assert!(!is_unwanted(&durable, &name, "b", &news(6, false)));
        assert_eq!(log.state().bounds.last, 6);
        assert!(
            is_unwanted(&durable, &name, "c", &news(6, false)),
            "its log is another"
        );
        drop(log);
        assert!(is_unwanted(&durable, &name, "b", &news(7, false)));

        let _opening = durable.open(&name);
        assert!(!is_unwanted(&durable, &name, "b", &news(0, true)));
        assert!(known(&durable, &name, 7).state().is_removed);
    }
}
