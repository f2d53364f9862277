//! Passes requests on to the nodes that their channels lie with.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::stream::{self, unfold};
use tokio::sync::watch;
use tokio::time::{sleep, timeout};
use tonic::{Code, Status, Streaming};

use super::asked::{from_wire, pieces};
use super::way::{Carrying, Connected, Way};
use crate::cluster::directory::Directory;
use crate::cluster::directory::node::Node;
use crate::cluster::timing::{DIAL, UNREACHABLE_AFTER};
use crate::cluster::wire::dialler::Dialler;
use crate::cluster::wire::handshake::Identity;
use crate::cluster::wire::protocol::answered::Part;
use crate::cluster::wire::protocol::{Answered, AnsweredHead};
use crate::passing::{
    BoxFuture, Cut, Elsewhere, Holder, Known, PassFailure, PassedRequest, PassedResponse, Renamed,
};

/// For the head of an answer: longer than a request takes to come and then to be answered.
const ANSWER_TIME: Duration = Duration::from_secs(180);

/// Ways that are remembered although nothing goes over them.
const MAX_WAYS: usize = 1024;

/// Waits until no answer can come any more.
type Lost = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Passes requests on.
pub(in crate::cluster) struct Passer {
    identity: Identity,
    directory: Arc<Directory>,
    dialler: Dialler,
    /// By the nodes' names.
    ways: Mutex<BTreeMap<Arc<str>, Arc<Way>>>,
}

impl Passer {
    pub(in crate::cluster) fn new(
        identity: Identity,
        directory: Arc<Directory>,
        dialler: Dialler,
    ) -> Self {
        Self {
            identity,
            directory,
            dialler,
            ways: Mutex::default(),
        }
    }

    async fn pass_on(
        &self,
        name: &str,
        request: PassedRequest,
    ) -> Result<PassedResponse, PassFailure> {
        let node = self.directory.get(name).filter(|node| node.is_linked());
        let node = node.ok_or(PassFailure::Away)?;
        let way = self.way(&node.name);
        let place = way.place(request.kind()).ok_or(PassFailure::Busy)?;
        let connected = self.connect(&way, &node).await?;
        let mut carrying = Carrying::new(connected, place, request.body.len());
        let connected = Arc::clone(&carrying.connected);
        let mut lost = until_lost(Arc::clone(&self.directory), node, connected);
        let asked = pieces(request, &self.identity, name);
        let mut client = carrying.connected.client.clone();
        let answer = async {
            let answered = client.pass(stream::iter(asked)).await;
            let mut parts = answered.map_err(|status| failure(&status))?.into_inner();
            let head = parts.message().await.map_err(|status| failure(&status))?;
            match head.and_then(|head| head.part) {
                Some(Part::Head(head)) => Ok((head, parts)),
                Some(Part::Chunk(_)) | None => Err(PassFailure::Unknown),
            }
        };
        let answered = tokio::select! {
            biased;
            answered = timeout(ANSWER_TIME, answer) => answered,
            () = &mut lost => return Err(PassFailure::Unknown),
        };
        let (head, parts) = answered.unwrap_or(Err(PassFailure::Unknown))?;
        carrying.arrived();
        Ok(response(head, parts, carrying, lost))
    }

    fn way(&self, node: &Arc<str>) -> Arc<Way> {
        let mut ways = self.ways.lock().unwrap_or_else(PoisonError::into_inner);
        if ways.len() >= MAX_WAYS && !ways.contains_key(node) {
            ways.retain(|_, way| Arc::strong_count(way) > 1);
        }
        Arc::clone(ways.entry(Arc::clone(node)).or_default())
    }

    /// A connection to the node, made where there is none.
    async fn connect(&self, way: &Way, node: &Node) -> Result<Arc<Connected>, PassFailure> {
        if let Some(connected) = way.usable(node.incarnation) {
            return Ok(connected);
        }
        let turn = timeout(DIAL, way.turn.acquire()).await;
        let _turn = turn
            .map_err(|_| PassFailure::Away)?
            .map_err(|_| PassFailure::Away)?;
        // Whoever had the turn before may have made it.
        if let Some(connected) = way.usable(node.incarnation) {
            return Ok(connected);
        }
        let away = |error: &dyn std::error::Error| {
            if way.is_news() {
                tracing::warn!(node = %node.name, %error, "cannot pass requests on to a node that is linked");
            }
            PassFailure::Away
        };
        let requests = self.dialler.dial_for_requests(&node.address()).await;
        let requests = requests.map_err(|error| away(&error))?;
        let certificate = requests.certificate.as_ref();
        if certificate.is_some_and(|certificate| !certificate.is_for(&node.name)) {
            let error = std::io::Error::other("another node answers at its address");
            return Err(away(&error));
        }
        Ok(way.keep(requests, node.incarnation))
    }
}

/// The answer, whose body comes as it is sent.
fn response(
    head: AnsweredHead,
    parts: Streaming<Answered>,
    carrying: Carrying,
    lost: Lost,
) -> PassedResponse {
    let AnsweredHead { status, headers } = head;
    let coming = Some((parts, carrying, lost));
    let body = unfold(coming, |coming| async move {
        let (mut parts, carrying, mut lost) = coming?;
        let part = tokio::select! {
            biased;
            part = parts.message() => part,
            () = &mut lost => return Some((Err(Cut), None)),
        };
        match part.map(|part| part.map(|part| part.part)) {
            Ok(None) => None,
            Ok(Some(Some(Part::Chunk(chunk)))) => Some((Ok(chunk), Some((parts, carrying, lost)))),
            Ok(Some(Some(Part::Head(_)) | None)) | Err(_) => Some((Err(Cut), None)),
        }
    });
    PassedResponse {
        // What is no status is told as one that nobody sends.
        status: u16::try_from(status).unwrap_or(0),
        headers: from_wire(headers),
        body: Box::pin(body),
    }
}

/// What has become of a request that has no answer.
fn failure(status: &Status) -> PassFailure {
    match status.code() {
        // The connection's word, and not the other node's.
        _ if std::error::Error::source(status).is_some() => PassFailure::Unknown,
        // All of these come before anything is done. What did not come in time would not the
        // next time either, unless there is less on the way.
        Code::ResourceExhausted | Code::DeadlineExceeded => PassFailure::Busy,
        Code::OutOfRange => PassFailure::TooLarge,
        Code::FailedPrecondition
        | Code::PermissionDenied
        | Code::Unimplemented
        | Code::InvalidArgument => {
            tracing::debug!(%status, "a node does not take a request that was passed on");
            PassFailure::Away
        }
        _ => PassFailure::Unknown,
    }
}

/// Waits until the node is gone, or nothing comes over the connection: a link that was lost is
/// made again, perhaps the other way round, while the connection leads nowhere.
fn until_lost(directory: Arc<Directory>, node: Arc<Node>, connected: Arc<Connected>) -> Lost {
    Box::pin(async move {
        tokio::select! {
            () = gone(&directory, &node) => {}
            () = connected.silent() => {}
        }
        connected.lose();
    })
}

/// Waits until the link to a node is lost and does not come back at once.
async fn gone(directory: &Directory, node: &Node) {
    let mut changed = directory.changes();
    loop {
        changed.borrow_and_update();
        if node.is_linked() {
            if changed.changed().await.is_err() {
                return;
            }
            continue;
        }
        let back = async {
            while !node.is_linked() {
                if changed.changed().await.is_err() {
                    std::future::pending::<()>().await;
                }
            }
        };
        tokio::select! {
            () = back => {}
            () = sleep(UNREACHABLE_AFTER) => return,
        }
    }
}

impl Elsewhere for Passer {
    fn holders(&self, name: &str) -> Vec<Holder> {
        self.directory.holders(name)
    }

    fn behind(&self, name: Option<&str>, most: usize) -> Vec<(Arc<str>, Holder)> {
        self.directory.held_behind(name, most)
    }

    fn names_beside(&self, name: &str) -> Vec<Arc<str>> {
        self.directory.names_beside(name)
    }

    fn is_reachable(&self, node: &str) -> Option<bool> {
        self.directory.reaches(node)
    }

    fn is_settled(&self) -> bool {
        self.directory.is_settled()
    }

    fn changes(&self) -> watch::Receiver<u64> {
        self.directory.held_changes()
    }

    fn renames(&self) -> watch::Receiver<u64> {
        self.directory.renames()
    }

    fn renamed(&self) -> Renamed {
        self.directory.renamed()
    }

    fn known(&self) -> BTreeMap<Arc<str>, Known> {
        self.directory.known()
    }

    fn pass<'a>(
        &'a self,
        node: &'a str,
        request: PassedRequest,
    ) -> BoxFuture<'a, Result<PassedResponse, PassFailure>> {
        Box::pin(self.pass_on(node, request))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_refused_before_anything_was_done_is_not_unknown() {
        for (status, failure_of_it) in [
            (Status::resource_exhausted("x"), PassFailure::Busy),
            (Status::deadline_exceeded("x"), PassFailure::Busy),
            (Status::out_of_range("x"), PassFailure::TooLarge),
            (Status::invalid_argument("x"), PassFailure::Away),
            (Status::failed_precondition("x"), PassFailure::Away),
            (Status::aborted("x"), PassFailure::Unknown),
            (Status::cancelled("x"), PassFailure::Unknown),
        ] {
            assert_eq!(failure(&status), failure_of_it, "{status}");
        }
    }
}
