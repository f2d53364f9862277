//! The middle of the cluster: owns the tasks, and brings connections to the peers
//! that they belong to.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use tokio::sync::{mpsc, watch};
use tokio::task::{AbortHandle, JoinError, JoinSet};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::dial::Dialling;
use super::directory::node::Node;
use super::link::announcements::Announcer;
use super::link::context::Context;
use super::link::inputs::PeerInputs;
use super::link::offers::Offers;
use super::link::outbox::Outbox;
use super::link::peer::{PeerEnd, PeerTask};
use super::link::session::Session;
use super::link::superseded::Superseded;
use super::membership::gossip::Outgoing;
use super::membership::{Address, Candidates};
use super::remembered::{Forgotten, Remembered};
use super::wire::admission::network;
use super::wire::channel::Greeted;
use super::wire::greeting::Greeter;
use super::wire::handshake::Peer;
use super::wire::opened::Opened;
use super::wire::refused::Refused;
use crate::bus::{MailboxLimits, Overflow, ReceiverKind, Subscription};
use crate::panics::observe;

/// What waits for a node that is slow or away: some seconds of events.
const MAILBOX: MailboxLimits = MailboxLimits {
    events: 64 << 10,
    bytes: 64 << 20,
};

/// Most nodes that a node has links to.
const MAX_PEERS: usize = 1024;

/// Most connections in the middle of their handshake.
pub(super) const MAX_GREETING: usize = 128;

/// Connections that wait for a peer's task; it takes them at once.
const OFFERS_AHEAD: usize = 4;

/// Messages of the membership that wait for a peer's task; further ones are dropped.
const MESSAGES_AHEAD: usize = 64;

/// The task of a start of another node, as the hub sees it.
struct Handle {
    incarnation: Uuid,
    node: Arc<Node>,
    offers: mpsc::Sender<Greeted>,
    messages: mpsc::Sender<Bytes>,
    superseded: Superseded,
    /// A connection of a later start, which waits until this one has been seen off.
    successor: Option<Greeted>,
}

impl Handle {
    /// The latest start that is known of.
    fn latest(&self) -> Uuid {
        let later = self.successor.as_ref();
        later.map_or(self.incarnation, |later| later.peer.incarnation)
    }

    /// Where that is.
    fn address(&self) -> Address {
        match &self.successor {
            Some(later) => Arc::clone(&later.peer.address),
            None => self.node.address(),
        }
    }
}

/// How a peer's task ended.
struct PeerEnded {
    node: Arc<Node>,
    end: PeerEnd,
}

/// What the hub hears.
pub(super) struct HubInputs {
    /// Streams of those who dial this node.
    pub(super) opened: mpsc::Receiver<Opened>,
    /// Connections whose other end is known.
    pub(super) greeted: mpsc::Receiver<Greeted>,
    /// What the membership has to say to other nodes.
    pub(super) gossip: mpsc::Receiver<Outgoing>,
    /// What the memberships have found.
    pub(super) found: Vec<watch::Receiver<Candidates>>,
}

/// Owner of all tasks but the server's and the memberships'.
pub(super) struct Hub {
    context: Arc<Context>,
    greeter: Arc<Greeter>,
    dialling: Arc<Dialling>,
    random: StdRng,
    stop: CancellationToken,
    /// Outgoing streams of events so far.
    streams: u64,
    handles: BTreeMap<Arc<str>, Handle>,
    peers: JoinSet<PeerEnded>,
    greeting: JoinSet<()>,
    refusing: JoinSet<()>,
    dials: BTreeMap<Address, AbortHandle>,
    dial_tasks: JoinSet<()>,
    remembered: Remembered,
}

impl Hub {
    pub(super) fn new(
        context: Arc<Context>,
        greeter: Arc<Greeter>,
        dialling: Arc<Dialling>,
        seed: u64,
    ) -> Self {
        Self {
            context,
            greeter,
            dialling,
            random: StdRng::seed_from_u64(seed),
            stop: CancellationToken::new(),
            streams: 0,
            handles: BTreeMap::new(),
            peers: JoinSet::new(),
            greeting: JoinSet::new(),
            refusing: JoinSet::new(),
            dials: BTreeMap::new(),
            dial_tasks: JoinSet::new(),
            remembered: Remembered::default(),
        }
    }

    /// Brings together what is heard. Never ends.
    pub(super) async fn run(&mut self, inputs: &mut HubInputs) {
        let mut changed = self.context.directory.changes();
        self.dial_what_was_found(inputs);
        loop {
            tokio::select! {
                biased;
                Some(ended) = self.peers.join_next() => self.ended(ended),
                Some(done) = self.greeting.join_next() => observe(done, "greeting"),
                Some(done) = self.refusing.join_next() => observe(done, "refusing"),
                Some(done) = self.dial_tasks.join_next() => observe(done, "dialling"),
                Some(greeted) = inputs.greeted.recv() => self.introduce(greeted),
                Some(opened) = inputs.opened.recv(), if self.greeting.len() < MAX_GREETING => {
                    self.greet(opened);
                }
                Some(outgoing) = inputs.gossip.recv() => self.pass_on(outgoing),
                () = any_changed(&mut inputs.found) => self.dial_what_was_found(inputs),
                _ = changed.changed() => self.dial_what_was_found(inputs),
            }
        }
    }

    /// Says goodbye to all, having sent what they have to get.
    pub(super) async fn leave(mut self) {
        self.dial_tasks.shutdown().await;
        self.greeting.shutdown().await;
        self.stop.cancel();
        while let Some(ended) = self.peers.join_next().await {
            self.ended(ended);
        }
    }

    /// Passes on a message of the membership.
    pub(super) fn pass_on(&self, outgoing: Outgoing) {
        if let Some(handle) = self.handles.get(&outgoing.to) {
            // What does not fit will be said again.
            let _ = handle.messages.try_send(outgoing.message);
        }
    }

    /// Finds out who has dialled.
    fn greet(&mut self, opened: Opened) {
        let greeter = Arc::clone(&self.greeter);
        let greeted = self.dialling.greeted.clone();
        let remote = network(opened.ends.remote.ip()).to_string();
        self.greeting.spawn(async move {
            match greeter.greet(opened).await {
                // Fails when this node leaves.
                Ok(channel) => drop(greeted.send(channel).await),
                Err(lost) => greeter.failures.no_link(&remote, &lost),
            }
        });
    }

    /// Brings a connection to the peer at its other end.
    fn introduce(&mut self, greeted: Greeted) {
        let Peer {
            node, incarnation, ..
        } = &greeted.peer;
        // Of two starts of one name the later one stays, for good: both sides of every link
        // decide alike, whoever links first, and whether or not it is there.
        let later = match self.handles.get(node) {
            Some(handle) => (*incarnation < handle.latest()).then(|| handle.address()),
            None => self.remembered.later(node, *incarnation),
        };
        if let Some(here) = later {
            let refused = Refused::Name {
                node: Arc::clone(node),
                here: here.to_string(),
                there: greeted.peer.address.to_string(),
            };
            return self.refuse(greeted, refused);
        }
        let full = self.handles.len() >= MAX_PEERS;
        match self.handles.get_mut(node) {
            Some(handle) if handle.incarnation == *incarnation => {
                if let Err(rejected) = handle.offers.try_send(greeted) {
                    let refused = match rejected {
                        mpsc::error::TrySendError::Full(_) => Refused::Linked,
                        mpsc::error::TrySendError::Closed(_) => Refused::Stopping,
                    };
                    self.refuse(rejected.into_inner(), refused);
                }
            }
            Some(handle) => {
                handle.superseded.by(&greeted.peer.address);
                // Where it has dialled twice, the newer connection is the one that holds.
                if let Some(former) = handle.successor.replace(greeted) {
                    self.refuse(former, Refused::Linked);
                }
            }
            None if full => {
                self.refuse(greeted, Refused::Full(MAX_PEERS));
            }
            None => self.start(greeted),
        }
    }

    fn refuse(&mut self, greeted: Greeted, refused: Refused) {
        if self.refusing.len() >= MAX_GREETING {
            return;
        }
        let greeter = Arc::clone(&self.greeter);
        self.refusing.spawn(async move {
            greeted.channel.refuse(&refused).await;
            greeter.failures.no_link(&greeted.from, &refused.into());
        });
    }

    /// Starts the task of a start of another node with its first connection.
    fn start(&mut self, greeted: Greeted) {
        let peer = greeted.peer.clone();
        let name = format!("link to {}", peer.node);
        let receiver = Arc::new(self.context.bus.subscribe(Subscription {
            name: name.into(),
            kind: ReceiverKind::Link,
            filters: Vec::new(),
            limits: MAILBOX,
            overflow: Overflow::DropOldest,
            partitions: 1,
        }));
        let (held, last_linked) = self.context.directory.recall(&peer.node);
        let node = Arc::new(Node::new(&peer, &receiver, held, last_linked));
        self.context.directory.insert(Arc::clone(&node));
        self.streams += 1;
        let (offers, offered) = mpsc::channel(OFFERS_AHEAD);
        let (messages, message) = mpsc::channel(MESSAGES_AHEAD);
        let superseded = Superseded::default();
        let inputs = PeerInputs {
            offers: Offers::new(greeted, offered),
            messages: message,
            stop: self.stop.clone(),
            superseded: superseded.clone(),
        };
        let announcer = Announcer::new(Arc::clone(&self.context), Arc::clone(&node));
        let task = PeerTask::new(inputs, announcer);
        let session = Session::new(
            Arc::clone(&self.context),
            peer.clone(),
            Arc::clone(&node),
            Outbox::new(self.streams, receiver, peer.max_event_bytes),
            self.remembered.recall(&peer.node, peer.incarnation),
        );
        let handle = Handle {
            incarnation: peer.incarnation,
            node: Arc::clone(&node),
            offers,
            messages,
            superseded,
            successor: None,
        };
        self.handles.insert(peer.node, handle);
        self.peers.spawn(async move {
            let end = task.run(session).await;
            PeerEnded { node, end }
        });
    }

    fn ended(&mut self, ended: Result<PeerEnded, JoinError>) {
        let ended = match ended {
            Ok(ended) => ended,
            Err(error) => {
                observe(Err(error), "linking");
                return self.forget_the_dead();
            }
        };
        let PeerEnded { node, end } = ended;
        if let PeerEnd::Forgotten(past) = end {
            self.remembered.keep(Forgotten {
                node: Arc::clone(&node.name),
                incarnation: node.incarnation,
                address: node.address(),
                past,
            });
        }
        let handle = self.handles.get(&node.name);
        if handle.is_some_and(|handle| handle.incarnation == node.incarnation) {
            let ended = self.handles.remove(&node.name);
            self.succeed(ended.and_then(|handle| handle.successor));
        }
    }

    /// Lets a later start take the place of one that has ended.
    fn succeed(&mut self, successor: Option<Greeted>) {
        if let Some(successor) = successor.filter(|_| !self.stop.is_cancelled()) {
            self.start(successor);
        }
    }

    /// Takes out the peer whose task could not say how it ended, so that it can be linked
    /// again.
    fn forget_the_dead(&mut self) {
        let mut successors = Vec::new();
        self.handles.retain(|name, handle| {
            let dead = handle.messages.is_closed();
            if dead && let Some(node) = self.context.directory.get(name) {
                self.context.directory.remove(&node);
            }
            if dead {
                successors.extend(handle.successor.take());
            }
            !dead
        });
        for successor in successors {
            self.succeed(Some(successor));
        }
    }

    /// Dials every address that was found, and no other.
    fn dial_what_was_found(&mut self, inputs: &mut HubInputs) {
        let mut wanted: Candidates = self.context.directory.lost().into_iter().collect();
        for found in &mut inputs.found {
            wanted.extend(found.borrow_and_update().iter().cloned());
        }
        self.dials.retain(|address, task| {
            let keep = wanted.contains(address);
            if !keep {
                task.abort();
                self.context.directory.forget_answer(address);
            }
            keep
        });
        for address in wanted {
            if !self.dials.contains_key(&address) {
                let seed = self.random.next_u64();
                let dialling = Arc::clone(&self.dialling);
                let task = dialling.keep(Arc::clone(&address), seed);
                let task = self.dial_tasks.spawn(task);
                self.dials.insert(address, task);
            }
        }
    }
}

/// Waits until one of them changes. Those that cannot change any more are waited for
/// in vain.
async fn any_changed(found: &mut [watch::Receiver<Candidates>]) {
    let changes = found.iter_mut().map(|found| {
        Box::pin(async move {
            if found.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        })
    });
    futures_util::future::select_all(changes).await;
}
