//! Other nodes of a node under test.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use tokio::sync::watch;

use crate::passing::{
    Answers, BoxFuture, Elsewhere, Holder, Known, PassFailure, PassedRequest, PassedResponse,
    Renamed,
};

/// The other nodes of a node: which channels they have, and what becomes of requests.
#[derive(Default)]
pub(in crate::gateway) struct Others {
    holders: Mutex<Vec<(String, Holder)>>,
    answers: Option<Arc<dyn Answers>>,
    pub(in crate::gateway) fails: Mutex<Option<PassFailure>>,
    /// What has not said yet which channels it has may be among them.
    pub(in crate::gateway) is_new: Mutex<bool>,
    changes: watch::Sender<u64>,
    /// How often it was looked for what may have been meant by a name.
    pub(in crate::gateway) guessed: AtomicUsize,
    /// Requests that were passed on, with the node that they were for.
    pub(in crate::gateway) asked: Mutex<Vec<(String, PassedRequest)>>,
}

impl Others {
    /// Whose requests are answered so.
    pub(in crate::gateway) fn answering(answers: Arc<dyn Answers>) -> Self {
        Self {
            answers: Some(answers),
            ..Self::default()
        }
    }

    /// The node of this name has a channel of that name.
    pub(in crate::gateway) fn have(&self, name: &str, node: &str, reachable: bool) {
        self.have_log(name, node, &format!("of{node}"), reachable);
    }

    /// The same, which is that log of the name.
    pub(in crate::gateway) fn have_log(
        &self,
        name: &str,
        node: &str,
        epoch: &str,
        reachable: bool,
    ) {
        let holder = Holder {
            node: node.into(),
            epoch: epoch.into(),
            reachable,
        };
        self.holders.lock().unwrap().push((name.to_owned(), holder));
    }

    /// The node can be reached, or not any more.
    pub(in crate::gateway) fn reach(&self, node: &str, reachable: bool) {
        for (_, holder) in self.holders.lock().unwrap().iter_mut() {
            if &*holder.node == node {
                holder.reachable = reachable;
            }
        }
        self.changes.send_modify(|changes| *changes += 1);
    }

    /// What was passed on last, and the node that it was for.
    pub(in crate::gateway) fn last_asked(&self) -> (String, PassedRequest) {
        let asked = self.asked.lock().unwrap();
        asked.last().cloned().expect("something was passed on")
    }
}

impl Elsewhere for Others {
    fn holders(&self, name: &str) -> Vec<Holder> {
        let holders = self.holders.lock().unwrap();
        let named = holders.iter().filter(|(its_name, _)| its_name == name);
        named.map(|(_, holder)| holder.clone()).collect()
    }

    fn behind(&self, name: Option<&str>, _: usize) -> Vec<(Arc<str>, Holder)> {
        let holders = self.holders.lock().unwrap();
        let all = holders.iter();
        let behind = all.filter(|(its_name, _)| name.is_none_or(|name| **its_name > *name));
        behind
            .map(|(name, holder)| (name.as_str().into(), holder.clone()))
            .collect()
    }

    fn names_beside(&self, _: &str) -> Vec<Arc<str>> {
        self.guessed.fetch_add(1, Ordering::Relaxed);
        let all = self.behind(None, usize::MAX).into_iter();
        all.map(|(name, _)| name).collect()
    }

    fn is_reachable(&self, node: &str) -> Option<bool> {
        let holders = self.holders.lock().unwrap();
        let mut known = holders.iter().map(|(_, holder)| holder);
        let known = known.find(|holder| &*holder.node == node);
        known.map(|holder| holder.reachable)
    }

    fn is_settled(&self) -> bool {
        !*self.is_new.lock().unwrap()
    }

    fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    fn renames(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    fn renamed(&self) -> Renamed {
        Renamed::Many
    }

    fn known(&self) -> BTreeMap<Arc<str>, Known> {
        BTreeMap::new()
    }

    fn pass<'a>(
        &'a self,
        node: &'a str,
        request: PassedRequest,
    ) -> BoxFuture<'a, Result<PassedResponse, PassFailure>> {
        let asked = (node.to_owned(), request.clone());
        self.asked.lock().unwrap().push(asked);
        Box::pin(async move {
            if let Some(failure) = *self.fails.lock().unwrap() {
                return Err(failure);
            }
            match &self.answers {
                Some(answers) => Ok(answers.answer(request).await),
                None => Err(PassFailure::Away),
            }
        })
    }
}
