//! Other nodes of a node under test.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::watch;

use crate::passing::{
    Alone, BoxFuture, Elsewhere, Holder, Known, PassFailure, PassedRequest, PassedResponse, Renamed,
};

/// Other nodes of which it is counted how often they are asked who has a channel, or what is
/// known of them.
#[derive(Default)]
pub(super) struct Counting {
    asked: AtomicUsize,
    renames: watch::Sender<u64>,
}

impl Counting {
    /// How often they were asked since this was asked last.
    pub(super) fn asked(&self) -> usize {
        self.asked.swap(0, Ordering::Relaxed)
    }

    /// Something new is said of names.
    pub(super) fn rename(&self) {
        self.renames.send_modify(|renames| *renames += 1);
    }
}

impl Elsewhere for Counting {
    fn holders(&self, name: &str) -> Vec<Holder> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        let holder = Holder {
            node: "b".into(),
            epoch: "e".into(),
            reachable: true,
        };
        Vec::from_iter((name == "twice").then_some(holder))
    }

    fn behind(&self, name: Option<&str>, most: usize) -> Vec<(Arc<str>, Holder)> {
        Alone.behind(name, most)
    }

    fn names_beside(&self, name: &str) -> Vec<Arc<str>> {
        Alone.names_beside(name)
    }

    fn is_reachable(&self, node: &str) -> Option<bool> {
        Alone.is_reachable(node)
    }

    fn is_settled(&self) -> bool {
        Alone.is_settled()
    }

    fn changes(&self) -> watch::Receiver<u64> {
        Alone.changes()
    }

    fn renames(&self) -> watch::Receiver<u64> {
        self.renames.subscribe()
    }

    fn renamed(&self) -> Renamed {
        Alone.renamed()
    }

    fn known(&self) -> BTreeMap<Arc<str>, Known> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        Alone.known()
    }

    fn pass<'a>(
        &'a self,
        node: &'a str,
        request: PassedRequest,
    ) -> BoxFuture<'a, Result<PassedResponse, PassFailure>> {
        const ALONE: &Alone = &Alone;
        ALONE.pass(node, request)
    }
}
