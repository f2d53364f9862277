//! Requests on channels of other nodes: the port between `gateway`, which knows what is
//! asked, and `cluster`, which brings it to the node that it is for, so that neither knows
//! the other.
//!
//! A request is passed on whole: with its method, path, headers and body, and with who asks
//! and what of their rights it needs. The other node answers it as it answers any other.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::{Arc, PoisonError, RwLock, RwLockWriteGuard};

use bytes::Bytes;
use futures_util::Stream;
use tokio::sync::watch;

/// Most channels that a node tells others of, and hears of each.
pub const MAX_HELD: usize = 10_000;

/// Most names of channels of other nodes that are kept over a restart, and most that are kept
/// of nodes that are forgotten otherwise: of all nodes together.
pub const MAX_NAMES: usize = 200_000;

/// Most requests on their way to a node at a time that wait for events, or stream them.
pub const MAX_LASTING: usize = 192;

/// The same of others that read.
pub const MAX_READING: usize = 64;

/// The same of those that change something. Apart from the others, so that whoever reads
/// much keeps nobody from appending.
pub const MAX_CHANGING: usize = 64;

/// The same of commands of sessions: as many as wait for events, since each may last as long as
/// a session takes to read. Apart from the others, so that a session that does not read keeps
/// nobody from appending.
pub const MAX_EMULATING: usize = 192;

/// Where the commands of sessions go that cannot send any themselves.
pub const EMULATION: &str = "/emulation";

/// The channels of a node: their names, and which log of that name each is.
pub type Held = BTreeMap<Arc<str>, Arc<str>>;

/// What is known of the channels of a node, also while it is away.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Known {
    /// Those that it has said it has.
    pub held: Held,
    /// When it was linked last, in milliseconds since the Unix epoch.
    pub linked: u64,
}

/// What a node knows of the others' channels before it has met any.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Foreknown {
    /// What each had when this node ended.
    pub known: BTreeMap<Arc<str>, Known>,
    /// The node of each channel that the configuration declares for another one.
    pub declared: BTreeMap<Arc<str>, Arc<str>>,
}

/// Names of channels of which other nodes have said something new.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Renamed {
    /// These.
    Names(BTreeSet<Arc<str>>),
    /// So many that they were not counted.
    Many,
}

/// A boxed future, so that the ports can be trait objects.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// The body of an answer, piece by piece.
pub type PassedBody = Pin<Box<dyn Stream<Item = Result<Bytes, Cut>> + Send>>;

/// What a node offers to the others: its channels, and answers to requests on them. Cloning
/// shares it.
#[derive(Clone, Default)]
pub struct Hosting(Arc<Offered>);

struct Offered {
    /// `None` until the node has opened its channels.
    held: watch::Sender<Option<Arc<Held>>>,
    /// Gone when the node ends, since it is part of what they are made of.
    answers: RwLock<Option<Arc<dyn Answers>>>,
}

/// A channel of another node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    /// Name of the node.
    pub node: Arc<str>,
    /// Which log of its name the channel is.
    pub epoch: Arc<str>,
    /// Whether requests can be passed on to the node now.
    pub reachable: bool,
}

/// A request that is passed on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PassedRequest {
    /// Of HTTP.
    pub method: String,
    /// Path and query.
    pub target: String,
    /// Those that matter for channels.
    pub headers: Vec<(String, Bytes)>,
    /// Address of who asks.
    pub address: IpAddr,
    /// Who asks.
    pub principal: String,
    /// What of its rights the request needs.
    pub rights: PassedRights,
    /// The whole body.
    pub body: Bytes,
    /// Whether it may wait for events that are yet to come.
    pub lasting: bool,
}

/// Which places a request takes on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PassKind {
    /// Those for what waits for events, or streams them.
    Lasting,
    /// Those for what reads.
    Reading,
    /// Those for what changes something.
    Changing,
    /// Those for commands of sessions.
    Emulating,
}

/// Rights that go with a request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PassedRights {
    /// Patterns on types.
    pub publish: Vec<String>,
    /// Names of channels.
    pub append: Vec<String>,
    /// Names of channels.
    pub read: Vec<String>,
    /// To see channels.
    pub observe: bool,
    /// To command them.
    pub operate: bool,
}

/// The answer to a request that was passed on.
pub struct PassedResponse {
    /// Of HTTP.
    pub status: u16,
    /// All but those of the connection.
    pub headers: Vec<(String, Bytes)>,
    /// What follows the head.
    pub body: PassedBody,
}

/// An answer ended before it was whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the connection to the channel's node ended before the answer was complete")]
pub struct Cut;

/// Why a request that was to be passed on has no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PassFailure {
    /// The node cannot be reached, or does not take it; nothing was done.
    #[error("the node cannot be reached now")]
    Away,
    /// As many requests are on their way to the node as may be; nothing was done.
    #[error("too many requests are on their way to the node")]
    Busy,
    /// The request is larger than the node takes; nothing was done.
    #[error("the request is larger than the node takes")]
    TooLarge,
    /// The node went away, or took too long; it may have done what was asked.
    #[error("the node has not answered: whether it did what was asked is not known")]
    Unknown,
}

/// Answers requests that other nodes pass on.
pub trait Answers: Send + Sync + 'static {
    /// Answers a request of whoever `request` names. Stops when the future, and then the
    /// body, is dropped.
    fn answer(&self, request: PassedRequest) -> BoxFuture<'_, PassedResponse>;
}

/// The channels of the other nodes of the cluster.
pub trait Elsewhere: Send + Sync + 'static {
    /// The nodes that have a channel of this name, by their names.
    fn holders(&self, name: &str) -> Vec<Holder>;

    /// Channels of other nodes whose names come behind this one, by their names and then
    /// their nodes: the first `most`, and perhaps more, but all of each name that is among
    /// those.
    fn behind(&self, name: Option<&str>, most: usize) -> Vec<(Arc<str>, Holder)>;

    /// Names of channels of other nodes that come next to this one, which may have been meant
    /// by it: some of them, where there are many.
    fn names_beside(&self, name: &str) -> Vec<Arc<str>>;

    /// Whether requests can be passed on to the node of this name now; `None` for one that
    /// is not known.
    fn is_reachable(&self, node: &str) -> Option<bool>;

    /// Whether a name that nobody is known to have is nobody's, as far as one can tell. It is
    /// not in the first seconds after a start or a link, in which others have yet to say what
    /// they have.
    fn is_settled(&self) -> bool;

    /// Changes when it does which channels the others have, or who can be reached.
    fn changes(&self) -> watch::Receiver<u64>;

    /// Changes when it does which channels the others have.
    fn renames(&self) -> watch::Receiver<u64>;

    /// The names of which something new was said since this was asked last: it is for one who
    /// asks.
    fn renamed(&self) -> Renamed;

    /// What is known of each node that has been linked within a week.
    fn known(&self) -> BTreeMap<Arc<str>, Known>;

    /// Passes a request on to the node of this name. Dropping the future, or the body of the
    /// answer, ends the request there.
    ///
    /// # Errors
    /// [`PassFailure`] says whether anything may have been done.
    fn pass<'a>(
        &'a self,
        node: &'a str,
        request: PassedRequest,
    ) -> BoxFuture<'a, Result<PassedResponse, PassFailure>>;
}

/// The others of a node that is in no cluster.
#[derive(Clone, Copy, Debug, Default)]
pub struct Alone;

/// Waits for a change, for ever if nothing can change any more.
#[cfg(feature = "gateway")]
pub(crate) async fn changed(changes: &mut watch::Receiver<u64>) {
    if changes.changed().await.is_err() {
        std::future::pending::<()>().await;
    }
}

impl PassedRequest {
    /// Which places it takes on its way.
    #[must_use]
    pub fn kind(&self) -> PassKind {
        match (self.lasting, self.method.as_str()) {
            _ if self.target == EMULATION => PassKind::Emulating,
            (true, _) => PassKind::Lasting,
            (false, "GET" | "HEAD") => PassKind::Reading,
            (false, _) => PassKind::Changing,
        }
    }
}

impl Hosting {
    /// Tells the others which channels the node has.
    pub fn hold(&self, held: Held) {
        self.0.held.send_replace(Some(Arc::new(held)));
    }

    /// Which channels the node has; `None` until it has opened them.
    #[must_use]
    pub fn held(&self) -> watch::Receiver<Option<Arc<Held>>> {
        self.0.held.subscribe()
    }

    /// Has requests of others answered from now on.
    pub fn answer_by(&self, answers: Arc<dyn Answers>) {
        *self.answers_mut() = Some(answers);
    }

    /// Has none answered any more.
    pub fn answer_no_more(&self) {
        // Dropped once nobody has to wait for it.
        let _answers = self.answers_mut().take();
    }

    /// Who answers requests of others, once there is somebody.
    #[must_use]
    pub fn answers(&self) -> Option<Arc<dyn Answers>> {
        let answers = self.0.answers.read();
        // Set as a whole.
        answers.unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn answers_mut(&self) -> RwLockWriteGuard<'_, Option<Arc<dyn Answers>>> {
        let answers = self.0.answers.write();
        answers.unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for Offered {
    fn default() -> Self {
        Self {
            held: watch::Sender::new(None),
            answers: RwLock::default(),
        }
    }
}

impl Elsewhere for Alone {
    fn holders(&self, _: &str) -> Vec<Holder> {
        Vec::new()
    }

    fn behind(&self, _: Option<&str>, _: usize) -> Vec<(Arc<str>, Holder)> {
        Vec::new()
    }

    fn names_beside(&self, _: &str) -> Vec<Arc<str>> {
        Vec::new()
    }

    fn is_reachable(&self, _: &str) -> Option<bool> {
        None
    }

    fn is_settled(&self) -> bool {
        true
    }

    fn changes(&self) -> watch::Receiver<u64> {
        watch::Sender::new(0).subscribe()
    }

    fn renames(&self) -> watch::Receiver<u64> {
        watch::Sender::new(0).subscribe()
    }

    fn renamed(&self) -> Renamed {
        Renamed::Names(BTreeSet::new())
    }

    fn known(&self) -> BTreeMap<Arc<str>, Known> {
        BTreeMap::new()
    }

    fn pass<'a>(
        &'a self,
        _: &'a str,
        _: PassedRequest,
    ) -> BoxFuture<'a, Result<PassedResponse, PassFailure>> {
        Box::pin(std::future::ready(Err(PassFailure::Away)))
    }
}
