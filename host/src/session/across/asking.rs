//! Requests to other nodes, and their answers.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::timeout;

use super::Across;
use super::protocol::across::Kind;
use super::protocol::{Answer, Ask, Refusal, answer, ask, refusal};
use crate::mesh::PeerNode;

/// Most requests that wait for their answers; each is a client's, or a server's.
const MAX_WAITING: usize = 65_536;

/// Requests that wait for their answers.
#[derive(Debug, Default)]
pub(in crate::session) struct Asking {
    last: AtomicU64,
    waiting: Mutex<BTreeMap<u64, Waiting>>,
}

#[derive(Debug)]
struct Waiting {
    node: PeerNode,
    answer: oneshot::Sender<Result<answer::What, AskFailure>>,
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

/// Waits for an answer; whoever asks no longer is forgotten.
struct Place<'a> {
    asking: &'a Asking,
    id: u64,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.asking.lock().remove(&self.id);
    }
}

impl Across {
    /// Asks another node for something, and waits until `patience` is over.
    ///
    /// # Errors
    /// [`AskFailure`] says why there is no answer.
    pub(in crate::session) async fn ask(
        &self,
        node: &PeerNode,
        what: ask::What,
        patience: Duration,
    ) -> Result<answer::What, AskFailure> {
        let asked = self.begin_asking(node, what)?;
        asked.answered(patience).await
    }

    /// Asks another node for something, behind all that was said to it before; waiting for
    /// the answer is up to the caller.
    ///
    /// # Errors
    /// [`AskFailure::Away`] when it cannot be asked, and nothing is done.
    pub(in crate::session) fn begin_asking(
        &self,
        node: &PeerNode,
        what: ask::What,
    ) -> Result<Asked<'_>, AskFailure> {
        let id = self.asking.last.fetch_add(1, Ordering::Relaxed) + 1;
        let (answer, answered) = oneshot::channel();
        {
            let mut waiting = self.asking.lock();
            if waiting.len() >= MAX_WAITING {
                return Err(AskFailure::Refused(Refusal::busy()));
            }
            let node = node.clone();
            waiting.insert(id, Waiting { node, answer });
        }
        let place = Place {
            asking: &self.asking,
            id,
        };
        let what = Some(what);
        match self.say(node, Kind::Ask(Ask { id, what })) {
            true => Ok(Asked { answered, place }),
            false => Err(AskFailure::Away),
        }
    }

    /// Answers a request of another node.
    pub(in crate::session) fn answer(&self, to: &PeerNode, id: u64, what: answer::What) {
        let what = Some(what);
        self.say(to, Kind::Answer(Answer { id, what }));
    }

    /// Does not do what another node asks for.
    pub(in crate::session) fn refuse(&self, to: &PeerNode, id: u64, why: Refusal) {
        self.answer(to, id, answer::What::Refused(why));
    }

    /// Another node has answered.
    pub(super) fn answered(&self, from: &PeerNode, answer: Answer) {
        let mut waiting = self.asking.lock();
        if waiting.get(&answer.id).is_none_or(|it| it.node != *from) {
            // Nobody waits any more.
            return;
        }
        let asked = waiting.remove(&answer.id);
        drop(waiting);
        let answered = match answer.what {
            Some(answer::What::Refused(why)) => Err(AskFailure::Refused(why)),
            Some(what) => Ok(what),
            None => Err(AskFailure::Refused(Refusal::unknown_request())),
        };
        if let Some(asked) = asked {
            // Nobody may wait any more.
            let _ = asked.answer.send(answered);
        }
    }

    /// A node is gone: whoever has asked it is told so.
    pub(super) fn fail_asked(&self, node: &PeerNode) {
        let mut waiting = self.asking.lock();
        let gone = waiting.extract_if(.., |_, asked| asked.node == *node);
        let gone: Vec<_> = gone.collect();
        drop(waiting);
        for (_, asked) in gone {
            let _ = asked.answer.send(Err(AskFailure::Away));
        }
    }
}

/// A request that is on its way.
pub(in crate::session) struct Asked<'a> {
    answered: oneshot::Receiver<Result<answer::What, AskFailure>>,
    place: Place<'a>,
}

impl Asked<'_> {
    /// Waits for the answer until `patience` is over.
    ///
    /// # Errors
    /// [`AskFailure`] says why there is none.
    pub(in crate::session) async fn answered(
        self,
        patience: Duration,
    ) -> Result<answer::What, AskFailure> {
        let Self { answered, place } = self;
        let answered = timeout(patience, answered).await;
        drop(place);
        match answered {
            Ok(Ok(answer)) => answer,
            // The sender is kept until there is an answer.
            Ok(Err(_)) => Err(AskFailure::Away),
            Err(_) => Err(AskFailure::Late),
        }
    }
}

impl Asking {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<u64, Waiting>> {
        // Nothing in here panics half-way.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Refusal {
    /// Too much is under way.
    pub(in crate::session) fn busy() -> Self {
        Self {
            reason: refusal::Reason::Busy.into(),
            message: "too many requests are under way".to_owned(),
            ..Self::default()
        }
    }

    /// It is not known what is asked for.
    pub(in crate::session) fn unknown_request() -> Self {
        Self {
            message: "a request of another version".to_owned(),
            ..Self::default()
        }
    }
}
