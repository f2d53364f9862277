//! Who is subscribed to a channel, as others are shown it.

use std::sync::Arc;

use hearken_session_protocol::ClientInfo;

use crate::session::publication::bytes_of_info;

/// A session that is subscribed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::session) struct Member {
    /// What others are shown of it.
    pub(in crate::session) info: Arc<ClientInfo>,
    /// Whether it is among those who are said to be there.
    pub(in crate::session) is_present: bool,
    /// Whether others are told that it comes and goes.
    pub(in crate::session) is_told: bool,
}

/// Who came or went, as other nodes are told it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::session) enum MemberChange {
    /// This one came.
    Came(Member),
    /// The one with this id went.
    Went(Arc<str>),
}

/// Some of the members of a channel that a node has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::session) struct Members {
    /// In the order of their ids.
    pub(in crate::session) members: Vec<Member>,
    /// The last id that it speaks of; `None` where it speaks of all.
    pub(in crate::session) upto: Option<Arc<str>>,
}

/// Of each member what is not text, about.
const MEMBER_BYTES: usize = 64;

impl Member {
    /// Its id.
    pub(in crate::session) fn client(&self) -> &str {
        &self.info.client
    }

    /// Bytes that it takes on the way to another node, about.
    pub(in crate::session) fn bytes(&self) -> usize {
        MEMBER_BYTES + bytes_of_info(&self.info)
    }
}

impl MemberChange {
    /// Bytes that it takes on the way to another node, about.
    pub(in crate::session) fn bytes(&self) -> usize {
        match self {
            Self::Came(member) => member.bytes(),
            Self::Went(client) => MEMBER_BYTES + client.len(),
        }
    }
}
