//! What is done with sessions, and how far that comes.

use std::collections::BTreeSet;
use std::sync::Arc;

use bytes::Bytes;
use hearken_session_protocol::codes::disconnects;
use hearken_session_protocol::{Disconnect, SubscribePosition, Unsubscribe};

use crate::session::grant::SubscriptionGrant;
use crate::session::name::ChannelName;
use crate::session::registry::Began;
use crate::session::server::{Spared, Whose};

/// What is done with sessions.
#[derive(Clone, Debug, PartialEq)]
pub enum SessionAct {
    /// They are closed.
    Disconnect {
        /// What they are told.
        why: Disconnect,
        /// Sessions that are left out.
        spared: Spared,
    },
    /// They are subscribed to a channel; those that are already stay as they are.
    Subscribe {
        /// The channel.
        channel: ChannelName,
        /// What is said of the subscriptions.
        grant: SubscriptionGrant,
        /// When those expire, in seconds since the Unix epoch.
        expire_at: Option<u64>,
        /// Where their clients were.
        position: Option<SubscribePosition>,
    },
    /// Their subscriptions to a channel end.
    Unsubscribe {
        /// The channel.
        channel: ChannelName,
        /// What they are told.
        why: Unsubscribe,
    },
    /// When they expire is put off. Those for which that is over are closed.
    Refresh {
        /// When they expire, in seconds since the Unix epoch; `None` for never.
        expire_at: Option<u64>,
    },
    /// They are sent a message that is in no channel.
    Message {
        /// JSON.
        data: Bytes,
        /// What those that speak protobuf get in its place, if that differs.
        binary: Option<Bytes>,
        /// Sessions that are left out.
        excluded: Spared,
    },
}

/// How far something came.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reached {
    /// Names of the nodes that have done it, this one included.
    pub nodes: BTreeSet<Arc<str>>,
    /// With how many sessions.
    pub sessions: usize,
    /// Whether a node that may have had more has not said that it did it. It may have.
    pub is_partial: bool,
    /// Whether one of those was asked: it is there, or was a moment ago.
    pub is_unanswered: bool,
}

impl SessionAct {
    /// Ends the sessions of a user that began before this one, where a user may have one.
    pub(in crate::session) fn end_earlier(began: Began) -> Self {
        Self::Disconnect {
            why: disconnects::CONNECTION_LIMIT,
            spared: Spared {
                // Where nobody knows when sessions began, it stays all the same.
                clients: vec![(*began.client).to_owned()],
                user: None,
                since: Some(began),
            },
        }
    }
}

impl Reached {
    /// Whether there are no others: a session is in one place.
    pub(super) fn is_found(&self, whose: &Whose) -> bool {
        let is_one = matches!(whose, Whose::Client(_) | Whose::ClientOf { .. });
        is_one && self.sessions > 0
    }
}
