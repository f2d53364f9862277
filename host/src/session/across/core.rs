//! What all that has to do with other nodes shares.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;

use super::durable::Durable;
use super::homes::Homes;
use super::interest::Interest;
use super::members::Members;
use super::presence::PresenceAcross;
use super::protocol::across::Kind;
use super::telling::Telling;
use super::traffic::{AcrossShown, Traffic};
use super::waiting::Waiting;
use super::wire;
use crate::mesh::{Mesh, PeerNode};

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
    /// What is counted of all that.
    pub(super) traffic: Arc<Traffic>,
    /// Logs of channels that are in memory.
    pub(in crate::session) homes: Homes,
    /// Logs of durable channels.
    pub(super) durable: Durable,
    /// Who is told which session of each user began last.
    pub(super) telling: Telling,
}

impl Across {
    /// Of a node that knows no other yet.
    pub(in crate::session) fn new(mesh: Arc<dyn Mesh>) -> Self {
        let traffic = Arc::<Traffic>::default();
        Self {
            members: Members::new(mesh.this()),
            waiting: Waiting::default(),
            interest: Interest::new(Arc::clone(&mesh), Arc::clone(&traffic)),
            presence: PresenceAcross::default(),
            traffic,
            homes: Homes::default(),
            durable: Durable::default(),
            telling: Telling::default(),
            mesh,
        }
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
