//! The cluster: links between nodes, over which distributed events flow.
//!
//! A link is one gRPC stream between two nodes, in which both send frames. To the
//! bus it is a receiver like any other, whose filters are what the other node
//! wants, and a publisher, which passes on what the other node sends.
//!
//! ```text
//!  membership: addresses ─> dial ─┐
//!                                 ├─> greeting ─> hub ─> peer ─> link
//!  listener ─> acceptor ──────────┘                       │
//!                                                outbox, inbox, gaps
//! ```
//!
//! - [`membership`] finds addresses; `dial` keeps trying those without a link.
//! - `wire` is how bytes come from one node to another, up to two that know each other;
//!   [`tls`] secures them, with what [`certificates`] makes.
//! - `passing` brings requests on channels to the nodes that these lie with, and takes
//!   those of others.
//! - `hub` owns the tasks: one for each start of another node. `link` is what is sent and
//!   received by one of them; `remembered` keeps what was received of those forgotten.
//! - `directory` is what all of them know of other nodes, `timing` says how long anything
//!   may take, and `threads` are what it all runs on.

pub mod certificates;
mod dial;
mod directory;
mod hub;
mod link;
pub mod membership;
mod passing;
mod remembered;
mod threads;
mod timing;
pub mod tls;
mod wire;

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::admin::ClusterAdmin;
use crate::bus::Bus;
use crate::mesh::{Ears, Mesh};
use crate::passing::{Elsewhere, Foreknown, Hosting};

pub use link::{inbox, interest};
pub use threads::LinkThreads;
pub use wire::handshake::{Identity, PROTOCOL, ProtocolVersion};
pub use wire::{handshake, network, protocol};

use dial::Dialling;
use directory::Directory;
use hub::{Hub, HubInputs, MAX_GREETING};
use link::context::Context;
use membership::gossip::{Gossip, LinkNews, Outgoing, Settings};
use membership::{Address, Dns, Fixed, Membership};
use network::{Listener, Network};
use passing::passer::Passer;
use passing::taker::Taker;
use timing::LEAVE;
use tls::Tls;
use wire::acceptor::Acceptor;
use wire::dialler::{Begins, Dialler};
use wire::failures::FailureLog;
use wire::greeting::Greeter;

/// News of links, and messages of the membership, that may wait.
const NEWS_AHEAD: usize = 1024;

/// What a node's part in a cluster is made of.
pub struct ClusterConfig {
    /// Who the node is.
    pub identity: Identity,
    /// The node's bus.
    pub bus: Bus,
    /// Opens connections.
    pub network: Arc<dyn Network>,
    /// Takes them.
    pub listener: Box<dyn Listener>,
    /// Secures them; nothing for plain text.
    pub tls: Option<Tls>,
    /// Whether plain text may leave the machine; without, and without TLS, only
    /// addresses of this machine are dialled.
    pub allow_plaintext: bool,
    /// `HOST:PORT` at which other nodes reach this one, where it is not the
    /// listener's.
    pub advertise: Option<Address>,
    /// `HOST:PORT` of nodes to join; names are looked up again and again.
    pub join: Vec<Address>,
    /// What the node offers to the others.
    pub hosting: Hosting,
    /// What it knows of their channels.
    pub foreknown: Foreknown,
    /// What every random choice follows from.
    pub seed: u64,
}

/// A node's part in a cluster.
pub struct Cluster {
    config: ClusterConfig,
    directory: Arc<Directory>,
    passer: Arc<Passer>,
    ears: Option<Arc<dyn Ears>>,
}

/// Why a node is no longer part of a cluster.
#[derive(Debug, thiserror::Error)]
pub enum ClusterError {
    /// Other nodes can no longer link.
    #[error("the server for other nodes failed: {0}")]
    Server(#[from] tonic::transport::Error),
    /// A task panicked, which is a mistake in this program.
    #[error("a task of the cluster ended unexpectedly: {0}")]
    Task(#[from] tokio::task::JoinError),
}

impl Cluster {
    /// Prepares a node's part; nothing happens before [`run`](Self::run).
    #[must_use]
    pub fn new(config: ClusterConfig) -> Self {
        let own_address = match &config.advertise {
            Some(address) => Arc::clone(address),
            None => config.listener.address().to_string().into(),
        };
        let identity = config.identity.clone();
        let directory = Arc::new(Directory::new(
            identity,
            own_address,
            config.bus.clone(),
            config.foreknown.clone(),
            config.join.clone(),
        ));
        let passer = Passer::new(
            config.identity.clone(),
            Arc::clone(&directory),
            dialler(&config),
        );
        Self {
            config,
            directory,
            passer: Arc::new(passer),
            ears: None,
        }
    }

    /// The channels of the other nodes.
    #[must_use]
    pub fn elsewhere(&self) -> Arc<dyn Elsewhere> {
        let passer: Arc<Passer> = Arc::clone(&self.passer);
        passer
    }

    /// The way to the sessions of the other nodes.
    #[must_use]
    pub fn mesh(&self) -> Arc<dyn Mesh> {
        let directory: Arc<Directory> = Arc::clone(&self.directory);
        directory
    }

    /// Announces to the others that this node has sessions, and has `ears` hear what theirs
    /// say.
    #[must_use]
    pub fn heard_by(mut self, ears: Arc<dyn Ears>) -> Self {
        self.ears = Some(ears);
        self
    }

    /// The cluster as this node sees it.
    #[must_use]
    pub fn admin(&self) -> Arc<dyn ClusterAdmin> {
        let directory: Arc<Directory> = Arc::clone(&self.directory);
        directory
    }

    /// Keeps links to the other nodes until `leave`; then sends them what waits for
    /// them and says goodbye, for as long as the caller lets it.
    ///
    /// # Errors
    /// [`ClusterError`] when the node can no longer take part.
    pub async fn run(self, leave: CancellationToken) -> Result<(), ClusterError> {
        let Self {
            config,
            directory,
            ears,
            ..
        } = self;
        tracing::info!(address = %config.listener.address(), "listening for other nodes");
        let (news, heard) = mpsc::channel(NEWS_AHEAD);
        let (say, gossip) = mpsc::channel(NEWS_AHEAD);
        let (opened, opening) = mpsc::channel(MAX_GREETING);
        let (greeted, greeting) = mpsc::channel(MAX_GREETING);

        let memberships = memberships(&config, heard, say);
        let mut inputs = HubInputs {
            opened: opening,
            greeted: greeting,
            gossip,
            found: memberships.iter().map(|found| found.watch()).collect(),
        };
        let mut background: JoinSet<()> = memberships.into_iter().map(Membership::run).collect();
        if let Some(tls) = config.tls.clone() {
            background.spawn(tls.run());
        }

        let max_event_bytes = config.identity.max_event_bytes;
        let dialler = dialler(&config);
        let taker = Taker::new(
            config.identity.clone(),
            Arc::clone(&directory),
            config.hosting.clone(),
        );
        let failures = Arc::new(FailureLog::default());
        let sessions = ears.is_some();
        let context = Arc::new(Context {
            node: Arc::clone(&config.identity.node),
            host: config.bus.host_publisher(),
            bus: config.bus,
            directory: Arc::clone(&directory),
            failures: Arc::clone(&failures),
            hosting: config.hosting,
            news: news.clone(),
            ears,
        });
        let greeter = Arc::new(Greeter {
            identity: config.identity,
            listening: config.listener.address(),
            advertise: config.advertise,
            failures: Arc::clone(&failures),
            sessions,
        });
        let dialling = Arc::new(Dialling {
            dialler,
            greeter: Arc::clone(&greeter),
            directory,
            greeted,
        });
        let acceptor = Acceptor {
            listener: config.listener,
            tls: config.tls,
            max_event_bytes,
            failures,
            opened,
            taker,
        };
        let server = acceptor.run();
        tokio::pin!(server);
        let mut hub = Hub::new(context, greeter, dialling, config.seed);
        loop {
            tokio::select! {
                biased;
                () = leave.cancelled() => break,
                served = &mut server => return Ok(served?),
                Some(ended) = background.join_next() => ended?,
                () = hub.run(&mut inputs) => {}
            }
        }
        let tell = async {
            // Fails when the membership has ended.
            let _ = news.send(LinkNews::Leaving).await;
            // Over the links that are still there.
            while let Some(message) = inputs.gossip.recv().await {
                hub.pass_on(message);
            }
        };
        tokio::select! {
            biased;
            // Who does not hear of it in time hears the goodbye.
            _ = timeout(LEAVE, tell) => {}
            served = &mut server => return Ok(served?),
        }
        tokio::select! {
            biased;
            () = hub.leave() => Ok(()),
            served = &mut server => Ok(served?),
        }
    }
}

/// What opens connections to other nodes.
fn dialler(config: &ClusterConfig) -> Dialler {
    Dialler {
        network: Arc::clone(&config.network),
        tls: config.tls.clone(),
        allow_plaintext: config.allow_plaintext,
        max_event_bytes: config.identity.max_event_bytes,
        begins: Begins::default(),
    }
}

/// The ways in which a node finds others.
fn memberships(
    config: &ClusterConfig,
    heard: mpsc::Receiver<LinkNews>,
    say: mpsc::Sender<Outgoing>,
) -> Vec<Box<dyn Membership>> {
    let listening = config.listener.address();
    let known = (!listening.ip().is_unspecified()).then(|| listening.to_string().into());
    let settings = Settings {
        node: Arc::clone(&config.identity.node),
        incarnation: config.identity.incarnation,
        address: config.advertise.clone().or(known),
        seed: config.seed,
    };
    let mut memberships: Vec<Box<dyn Membership>> =
        vec![Box::new(Gossip::new(settings, heard, say))];
    let is_literal = |address: &Address| address.parse::<SocketAddr>().is_ok();
    let (literals, names): (Vec<Address>, Vec<Address>) =
        config.join.iter().cloned().partition(is_literal);
    if !literals.is_empty() {
        memberships.push(Box::new(Fixed::new(literals)));
    }
    if !names.is_empty() {
        let network = Arc::clone(&config.network);
        memberships.push(Box::new(Dns::new(names, network, config.seed)));
    }
    memberships
}

#[cfg(test)]
mod tests;
