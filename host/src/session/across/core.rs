//! What all that has to do with other nodes shares.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;

use super::durable::Durable;
use super::homes::Homes;
use super::interest::Interest;
use super::members::Members;
use super::presence::PresenceAcross;
use super::protocol::across::Kind;
use super::serving::Serving;
use super::traffic::{AcrossShown, Traffic};
use super::turns::NodeTurns;
use super::waiting::Waiting;
use super::wire;
use crate::mesh::{Mesh, PeerNode};
use crate::session::name::ChannelName;
use crate::session::pace::OnceASecond;

/// What the sessions of this node have to do with those of others.
pub(in crate::session) struct Across {
    mesh: Arc<dyn Mesh>,
    /// Who is there.
    pub(in crate::session) members: Members,
    /// Requests that are not answered yet.
    pub(super) waiting: Waiting,
    /// Which channels there are subscribers of, and where.
    pub(in crate::session) interest: Arc<Interest>,
    /// Who is subscribed to channels.
    pub(super) presence: PresenceAcross,
    /// Requests of other nodes that are being answered.
    pub(super) serving: Arc<Serving>,
    /// Lines of the log about messages that cannot be read.
    pub(super) complaints: OnceASecond,
    /// What is counted of all that.
    pub(super) traffic: Arc<Traffic>,
    /// Logs of channels that are in memory.
    pub(in crate::session) homes: Homes,
    /// Logs of durable channels.
    pub(super) durable: Durable,
    /// Who is told which session of each user began last.
    pub(super) telling: NodeTurns,
    /// Publications to a channel that are in no history go out one after the other.
    live: [Mutex<()>; LIVE],
}

/// How many channels' publications can go out at once that are in no history: more than threads.
const LIVE: usize = 64;

impl Across {
    /// Of a node that knows no other yet.
    pub(in crate::session) fn new(mesh: Arc<dyn Mesh>) -> Self {
        let traffic = Arc::<Traffic>::default();
        Self {
            members: Members::new(mesh.this()),
            waiting: Waiting::default(),
            serving: Arc::default(),
            complaints: OnceASecond::default(),
            interest: Interest::new(Arc::clone(&mesh), Arc::clone(&traffic)),
            presence: PresenceAcross::default(),
            traffic,
            homes: Homes::default(),
            durable: Durable::default(),
            telling: NodeTurns::default(),
            live: std::array::from_fn(|_| Mutex::default()),
            mesh,
        }
    }

    /// Names of the other nodes that may have sessions, whether or not they can be reached.
    pub(in crate::session) fn known(&self) -> Vec<Arc<str>> {
        self.mesh.known()
    }

    /// The turn of a publication that is in no history, while there are others: as long as it is
    /// held nobody else publishes to the channel, so that all nodes get all from the same
    /// publication on, and in the same order.
    pub(in crate::session) fn turn(&self, channel: &ChannelName) -> Option<MutexGuard<'_, ()>> {
        if self.members.is_alone() {
            return None;
        }
        let hash = wire::hash_of(channel.as_str());
        let turn = &self.live[(hash % LIVE as u64) as usize];
        // It guards nothing that a panic could leave half-way.
        Some(turn.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Says something to another node, behind all that was said to it before. Whether it is
    /// on its way.
    pub(in crate::session) fn say(&self, to: &PeerNode, kind: Kind) -> bool {
        self.send(to, wire::encode(kind))
    }

    /// The same of what is encoded, perhaps for several.
    pub(in crate::session) fn send(&self, to: &PeerNode, message: Bytes) -> bool {
        let is_sent = self.mesh.send(to, message);
        self.traffic.sent(is_sent);
        is_sent
    }

    /// What is shown of it.
    pub(in crate::session) fn shown(&self) -> AcrossShown {
        self.traffic
            .shown(self.members.len(), self.interest.sizes())
    }
}

impl fmt::Debug for Across {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Across").finish_non_exhaustive()
    }
}
