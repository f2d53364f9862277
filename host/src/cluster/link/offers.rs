//! Connections to a node that has a task already, and which of them it is to use.

use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::cluster::wire::channel::Greeted;
use crate::cluster::wire::protocol::Resume;
use crate::cluster::wire::refused::Refused;
use crate::panics::observe;

/// The connections that are offered to the task of one start of a node.
pub(in crate::cluster) struct Offers {
    offered: mpsc::Receiver<Greeted>,
    /// The connection that takes the place of the present one.
    next: Option<Greeted>,
    /// `Resume` frames that the node has sent.
    their_attempts: u64,
    /// Connections that are being refused.
    parting: JoinSet<()>,
}

impl Offers {
    /// Takes `first`, and then what is `offered`.
    pub(in crate::cluster) fn new(first: Greeted, offered: mpsc::Receiver<Greeted>) -> Self {
        Self {
            offered,
            next: Some(first),
            their_attempts: 0,
            parting: JoinSet::new(),
        }
    }

    /// The connection to go on with, if there is one.
    pub(in crate::cluster) fn next(&mut self) -> Option<Greeted> {
        self.next.take()
    }

    /// Takes no more, and drops what was offered.
    pub(in crate::cluster) fn close(&mut self) {
        self.offered.close();
        while self.offered.try_recv().is_ok() {}
    }

    /// Waits for another connection; nothing when there will be none.
    pub(in crate::cluster) async fn recv(&mut self) -> Option<Greeted> {
        self.offered.recv().await
    }

    /// The other side has said where it goes on, over the present connection.
    pub(in crate::cluster) fn resumed(&mut self, theirs: &Resume) {
        self.their_attempts = self.their_attempts.max(theirs.attempt);
    }

    /// Whether a connection takes the place of the present one, which is then the
    /// [`next`](Self::next); otherwise it is refused. It does only if the other side
    /// opened it after it had given the present one up.
    pub(in crate::cluster) fn replaces(&mut self, offer: Greeted) -> bool {
        let later = |resume: &Resume| resume.attempt > self.their_attempts;
        let replaces = offer.resume.as_ref().is_some_and(later);
        if replaces {
            self.next = Some(offer);
        } else {
            self.refuse(offer);
        }
        replaces
    }

    /// Of two connections that the nodes have opened at the same time, the one of the node
    /// with the lower name is kept: whether that is the one that is offered, which is then
    /// the [`next`](Self::next); otherwise it is refused.
    pub(in crate::cluster) fn goes_first(&mut self, offer: Greeted, own_name: &str) -> bool {
        let first = offer.resume.is_some() && *offer.peer.node < *own_name;
        if first {
            self.next = Some(offer);
        } else {
            self.refuse(offer);
        }
        first
    }

    /// Tells the other side that there is a link already.
    fn refuse(&mut self, offer: Greeted) {
        while let Some(ended) = self.parting.try_join_next() {
            observe(ended, "refusing");
        }
        self.parting
            .spawn(async move { offer.channel.refuse(&Refused::Linked).await });
    }
}
