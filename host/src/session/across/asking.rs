//! Requests to other nodes, and their answers.

use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::timeout;

use super::core::Across;
use super::protocol::across::Kind;
use super::protocol::{Answer, Ask, Refusal, answer, ask};
use super::traffic::Traffic;
use super::waiting::{AskFailure, PendingRequest};
use crate::mesh::PeerNode;

/// A request that is on its way.
pub(in crate::session) struct Asked<'w> {
    told: oneshot::Receiver<Result<answer::What, AskFailure>>,
    pending: PendingRequest<'w>,
    traffic: &'w Traffic,
}

impl Across {
    /// Asks another node for something, and waits until `within` is over.
    ///
    /// # Errors
    /// [`AskFailure`] says why there is no answer.
    pub(in crate::session) async fn ask(
        &self,
        node: &PeerNode,
        what: ask::What,
        within: Duration,
    ) -> Result<answer::What, AskFailure> {
        self.begin_asking(node, what)?.answered(within).await
    }

    /// Asks another node for something, behind all that was said to it before; waiting for
    /// the answer is up to the caller.
    ///
    /// # Errors
    /// [`AskFailure`] says why it is not asked; then nothing is done.
    pub(in crate::session) fn begin_asking(
        &self,
        node: &PeerNode,
        what: ask::What,
    ) -> Result<Asked<'_>, AskFailure> {
        let (tell, told) = oneshot::channel();
        let pending = self.waiting.enter(node, tell);
        let pending = pending.ok_or_else(|| AskFailure::Refused(Refusal::busy()))?;
        match self.say_ask(node, pending.id, what) {
            true => Ok(Asked {
                told,
                pending,
                traffic: &self.traffic,
            }),
            false => Err(AskFailure::Away),
        }
    }

    /// Has another node do something, behind all that was said to it before; nobody waits for
    /// its answer. Whether it is on its way.
    pub(in crate::session) fn have_done(&self, node: &PeerNode, what: ask::What) -> bool {
        self.say_ask(node, self.waiting.next(), what)
    }

    fn say_ask(&self, node: &PeerNode, id: u64, what: ask::What) -> bool {
        let ask = Ask {
            id,
            meeting: self.members.meeting_there(node),
            what: Some(what),
        };
        self.say(node, Kind::Ask(ask))
    }

    /// Answers a request of another node.
    pub(in crate::session) fn answer(&self, to: &PeerNode, id: u64, what: answer::What) {
        let what = Some(what);
        // Who is gone waits no more, and is not told.
        self.say(to, Kind::Answer(Answer { id, what }));
    }

    /// Does not do what another node asks for.
    pub(in crate::session) fn refuse(&self, to: &PeerNode, id: u64, why: Refusal) {
        self.answer(to, id, answer::What::Refused(why));
    }

    /// Another node has answered.
    pub(super) fn answered(&self, from: &PeerNode, answer: Answer) {
        let told = match answer.what {
            Some(answer::What::Refused(why)) => Err(AskFailure::Refused(why)),
            Some(what) => Ok(what),
            None => Err(AskFailure::Refused(Refusal::unknown_request())),
        };
        self.waiting.answer(from, answer.id, told);
    }
}

impl Asked<'_> {
    /// Waits for the answer until `within` is over.
    ///
    /// # Errors
    /// [`AskFailure`] says why there is none.
    pub(in crate::session) async fn answered(
        self,
        within: Duration,
    ) -> Result<answer::What, AskFailure> {
        let Self {
            told,
            pending,
            traffic,
        } = self;
        let told = timeout(within, told).await;
        drop(pending);
        let answer = match told {
            Ok(Ok(answer)) => answer,
            // It is told of in any case.
            Ok(Err(_)) => Err(AskFailure::Away),
            Err(_) => Err(AskFailure::Late),
        };
        if matches!(answer, Err(AskFailure::Away | AskFailure::Late)) {
            traffic.unanswered();
        }
        answer
    }
}
