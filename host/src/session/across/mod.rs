//! Sessions of several nodes as one: a client that comes back on another node finds the same
//! channels there.
//!
//! Each node says to the others what they have to know, in the order of the links between them
//! ([`Mesh`]). What it knows of another node is of one start of that, is bounded, and goes with
//! it. On a node that is alone nobody is told, and nothing waits.
//!
//! | file | what it is |
//! | --- | --- |
//! | `protocol`, `wire` | messages, and what they are made of and read as |
//! | `members` | which nodes there are, and which of them keeps a channel's history |
//! | `asking` | requests to other nodes, and their answers |
//! | `hearing` | what becomes of what is heard of other nodes |
//! | `wishes`, `wanted` | which channels this node has subscribers of, and which the others have |
//! | `interest` | saying and hearing that |
//! | `live` | publications that are in no history |

mod asking;
mod hearing;
mod interest;
mod live;
mod members;
mod protocol;
mod traffic;
mod wanted;
mod wire;
mod wishes;

use std::fmt;
use std::sync::Arc;

pub(super) use hearing::Hearing;
pub(super) use interest::Wish;
pub(super) use traffic::AcrossShown;

use asking::Asking;
use interest::Interest;
use members::Members;
use protocol::across::Kind;
use traffic::Traffic;

use crate::mesh::{Mesh, PeerNode};

/// What the sessions of this node have to do with those of others.
pub(super) struct Across {
    mesh: Arc<dyn Mesh>,
    /// Who is there.
    pub(super) members: Members,
    /// Requests that are not answered yet.
    pub(super) asking: Asking,
    /// Which channels there are subscribers of, and where.
    pub(super) interest: Arc<Interest>,
    traffic: Traffic,
}

impl Across {
    /// Of a node that knows no other yet.
    pub(super) fn new(mesh: Arc<dyn Mesh>) -> Self {
        Self {
            members: Members::new(mesh.this()),
            asking: Asking::default(),
            interest: Interest::new(Arc::clone(&mesh)),
            traffic: Traffic::default(),
            mesh,
        }
    }

    /// Says something to another node. Whether it is on its way.
    pub(super) fn say(&self, to: &PeerNode, kind: Kind) -> bool {
        self.send(to, wire::encode(kind))
    }

    /// The same of what is encoded, for several.
    fn send(&self, to: &PeerNode, message: bytes::Bytes) -> bool {
        let is_sent = self.mesh.send(to, message);
        self.traffic.sent(is_sent);
        is_sent
    }

    /// What is shown of it.
    pub(super) fn shown(&self) -> AcrossShown {
        self.traffic.shown(self.members.len(), self.interest.sizes())
    }
}

impl fmt::Debug for Across {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Across").finish_non_exhaustive()
    }
}
