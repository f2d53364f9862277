//! Requests to other nodes that wait for their answers.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

use super::protocol::{Refusal, answer};
use crate::mesh::PeerNode;

/// Most requests that wait for their answers; each is a client's, or a server's.
const MAX_WAITING: usize = 65_536;

/// Requests that are not answered yet.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    last: AtomicU64,
    all: Mutex<BTreeMap<u64, One>>,
}

/// Who is told of an answer.
pub(super) type Told = oneshot::Sender<Result<answer::What, AskFailure>>;

#[derive(Debug)]
struct One {
    node: PeerNode,
    told: Told,
}

/// Why a request has no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(in crate::session) enum AskFailure {
    /// The node is not there, or has gone; it may have done what was asked.
    #[error("the node is away")]
    Away,
    /// It has not answered in time; it may have done what was asked.
    #[error("the node has not answered in time")]
    Late,
    /// It does not do it.
    #[error("the node refuses: {}", .0.message)]
    Refused(Refusal),
}

/// A request's place among those that wait, as long as this lives.
pub(super) struct PendingRequest<'w> {
    waiting: &'w Waiting,
    pub(super) id: u64,
}

impl Waiting {
    /// The id of a request of which nobody else has it.
    pub(super) fn next(&self) -> u64 {
        self.last.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// Enters a request to a node, of whose answer somebody is told; nothing where too many
    /// wait.
    pub(super) fn enter(&self, node: &PeerNode, told: Told) -> Option<PendingRequest<'_>> {
        let id = self.next();
        let mut all = self.lock();
        if all.len() >= MAX_WAITING {
            return None;
        }
        let node = node.clone();
        all.insert(id, One { node, told });
        drop(all);
        Some(PendingRequest { waiting: self, id })
    }

    /// A node has answered.
    pub(super) fn answer(
        &self,
        from: &PeerNode,
        id: u64,
        answer: Result<answer::What, AskFailure>,
    ) {
        let mut all = self.lock();
        if all.get(&id).is_none_or(|one| one.node != *from) {
            // Nobody waits any more.
            return;
        }
        let one = all.remove(&id);
        drop(all);
        if let Some(one) = one {
            // As above.
            let _ = one.told.send(answer);
        }
    }

    /// A node is gone: whoever has asked it is told so.
    pub(super) fn fail(&self, node: &PeerNode) {
        let mut all = self.lock();
        let gone: Vec<_> = all.extract_if(.., |_, one| one.node == *node).collect();
        drop(all);
        for (_, one) in gone {
            // As above.
            let _ = one.told.send(Err(AskFailure::Away));
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<u64, One>> {
        // Nothing in here panics half-way.
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for PendingRequest<'_> {
    fn drop(&mut self) {
        self.waiting.lock().remove(&self.id);
    }
}
