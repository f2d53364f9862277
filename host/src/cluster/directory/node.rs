//! What is known of one start of another node.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use tokio::time::Instant;
use uuid::Uuid;

use super::held::HeldBy;
use crate::admin::{LinkStatus, NodeState, NodeStatus};
use crate::bus::{Publisher, Receiver};
use crate::cluster::link::messages::{event_of, fits};
use crate::cluster::membership::Address;
use crate::cluster::timing::{MEET, SETTLE};
use crate::cluster::wire::handshake::{CHANNELS_SINCE, Peer};
use crate::mesh::PeerNode;

/// A start of another node, and the link to it.
#[derive(Debug)]
pub(in crate::cluster) struct Node {
    pub(in crate::cluster) name: Arc<str>,
    pub(in crate::cluster) incarnation: Uuid,
    standing: Mutex<Standing>,
    /// Where events wait for it, as long as it can come back.
    receiver: Weak<Receiver>,
    pub(in crate::cluster) figures: Figures,
    /// Whether sessions believe that it is there.
    heard: AtomicBool,
    /// Which channels it has.
    pub(in crate::cluster) held: HeldBy,
    /// When it was linked last, in milliseconds since the Unix epoch; 0 if it never was.
    pub(super) last_linked: AtomicU64,
}

/// What may change about a node during its life.
#[derive(Debug)]
struct Standing {
    state: NodeState,
    /// Whether there has been a link; a node that was refused is none of the cluster.
    met: bool,
    /// When the last link was made.
    linked: Option<Instant>,
    /// Whether it says which channels it has.
    tells: bool,
    /// Whether it has announced sessions.
    sessions: bool,
    address: Address,
    version: Arc<str>,
    /// Largest event that it takes, in bytes.
    max_event_bytes: usize,
}

/// Counters of a link; they belong to its task and are read by anybody.
#[derive(Debug, Default)]
pub(in crate::cluster) struct Figures {
    pub(in crate::cluster) unacknowledged: AtomicU64,
    pub(in crate::cluster) sent: AtomicU64,
    pub(in crate::cluster) received: AtomicU64,
    /// Events that were not sent, as far as the link's task has counted them.
    pub(in crate::cluster) dropped: AtomicU64,
    pub(in crate::cluster) gaps: AtomicU64,
    /// Microseconds; 0 before the first measurement.
    pub(in crate::cluster) round_trip: AtomicU64,
    /// The newest version of this node's interest that the other one has said, since it was
    /// linked last, that it knows.
    pub(in crate::cluster) interest_known: AtomicU64,
}

impl Node {
    /// A start of a node that is not linked yet. What it has is `held` until it says
    /// something else, and it was linked last at `last_linked`.
    pub(in crate::cluster) fn new(
        peer: &Peer,
        receiver: &Arc<Receiver>,
        held: HeldBy,
        last_linked: u64,
    ) -> Self {
        Self {
            name: Arc::clone(&peer.node),
            incarnation: peer.incarnation,
            standing: Mutex::new(Standing {
                state: NodeState::Unreachable,
                met: false,
                linked: None,
                tells: peer.minor >= CHANNELS_SINCE,
                sessions: peer.sessions,
                address: Arc::clone(&peer.address),
                version: Arc::clone(&peer.version),
                max_event_bytes: peer.max_event_bytes,
            }),
            receiver: Arc::downgrade(receiver),
            figures: Figures::default(),
            heard: AtomicBool::new(false),
            held,
            last_linked: AtomicU64::new(last_linked),
        }
    }

    pub(in crate::cluster) fn state(&self) -> NodeState {
        self.lock().state
    }

    pub(in crate::cluster) fn is_linked(&self) -> bool {
        self.state() == NodeState::Connected
    }

    /// Whether it has been linked for so short a time that it may not have said yet which
    /// channels it has.
    pub(super) fn is_telling(&self) -> bool {
        let standing = self.lock();
        let linked = standing.linked;
        standing.tells
            && standing.state == NodeState::Connected
            && linked.is_some_and(|linked| linked.elapsed() < SETTLE)
            && !self.held.is_whole()
    }

    /// Whether it has been linked for so short a time that those whom it knows may not be yet.
    pub(super) fn is_introducing(&self) -> bool {
        let standing = self.lock();
        let linked = standing.linked;
        standing.state == NodeState::Connected
            && linked.is_some_and(|linked| linked.elapsed() < MEET)
    }

    /// What the node says of itself may have changed with a new connection.
    pub(in crate::cluster) fn update(&self, peer: &Peer) {
        let mut standing = self.lock();
        standing.address = Arc::clone(&peer.address);
        standing.version = Arc::clone(&peer.version);
        standing.tells = peer.minor >= CHANNELS_SINCE;
        standing.sessions = peer.sessions;
        standing.max_event_bytes = peer.max_event_bytes;
    }

    /// The node as sessions know it.
    pub(in crate::cluster) fn peer(&self) -> PeerNode {
        PeerNode {
            name: Arc::clone(&self.name),
            incarnation: self.incarnation,
        }
    }

    /// Whether sessions believe that it is there.
    pub(in crate::cluster) fn is_heard(&self) -> bool {
        self.heard.load(Ordering::Acquire)
    }

    /// Whether it may have sessions, even if it cannot be reached: it was linked and has announced
    /// some, and has not said goodbye.
    pub(super) fn may_have_sessions(&self) -> bool {
        let standing = self.lock();
        standing.met && standing.sessions && standing.state != NodeState::Left
    }

    /// From now on they do, or do not.
    pub(in crate::cluster) fn set_heard(&self, is_heard: bool) {
        self.heard.store(is_heard, Ordering::Release);
    }

    /// Puts a message of sessions where its events wait; whether it is there.
    pub(super) fn put(&self, message: &[u8], from: &str, publisher: &Publisher) -> bool {
        let most = self.lock().max_event_bytes;
        if !fits(message.len(), most) {
            return false;
        }
        let event = event_of(message, from);
        let receiver = self.receiver.upgrade();
        let both = event.zip(receiver);
        both.is_some_and(|(event, receiver)| {
            publisher.hand(&receiver, &event);
            true
        })
    }

    pub(in crate::cluster) fn address(&self) -> Address {
        Arc::clone(&self.lock().address)
    }

    /// What operators see, once there has been a link.
    pub(super) fn status(&self) -> Option<NodeStatus> {
        let standing = self.lock();
        standing.met.then(|| NodeStatus {
            name: self.name.to_string(),
            address: standing.address.to_string(),
            version: standing.version.to_string(),
            incarnation: self.incarnation.to_string(),
            state: standing.state,
            troubles: Vec::new(),
            link: Some(self.link_status()),
        })
    }

    fn link_status(&self) -> LinkStatus {
        let figure = |figure: &AtomicU64| figure.load(Ordering::Relaxed);
        let figures = &self.figures;
        let waiting = self
            .receiver
            .upgrade()
            .map_or(0, |receiver| receiver.mailbox().queued() as u64);
        #[expect(
            clippy::cast_precision_loss,
            reason = "a round trip takes no centuries"
        )]
        let milliseconds = |microseconds: u64| microseconds as f64 / 1000.0;
        LinkStatus {
            round_trip_ms: Some(figure(&figures.round_trip))
                .filter(|microseconds| *microseconds > 0)
                .map(milliseconds),
            queued: waiting + figure(&figures.unacknowledged),
            sent: figure(&figures.sent),
            received: figure(&figures.received),
            dropped: figure(&figures.dropped),
            gaps: figure(&figures.gaps),
        }
    }

    /// Says where the node stands now.
    pub(super) fn set_state(&self, state: NodeState) {
        let mut standing = self.lock();
        standing.state = state;
        if state == NodeState::Connected {
            standing.met = true;
            standing.linked = Some(Instant::now());
            // It may have forgotten what it knew, and says what it knows over each link.
            self.figures.interest_known.store(0, Ordering::Relaxed);
        }
    }

    /// Its address, if its link is down and it has not left.
    pub(super) fn lost_at(&self) -> Option<Address> {
        let standing = self.lock();
        (standing.state == NodeState::Unreachable).then(|| Arc::clone(&standing.address))
    }

    fn lock(&self) -> MutexGuard<'_, Standing> {
        // Nothing in here panics half-way through a change.
        self.standing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
