//! Members as they are carried between nodes.

use std::sync::Arc;

use hearken_session_protocol::ClientInfo;

use crate::session::across::protocol::{self, PresenceChange, presence_change};
use crate::session::hub::{Member, MemberChange};

impl From<&Member> for protocol::Member {
    fn from(member: &Member) -> Self {
        let info = &member.info;
        Self {
            client: info.client.clone(),
            user: info.user.clone(),
            conn_info: info.conn_info.clone(),
            chan_info: info.chan_info.clone(),
            is_present: member.is_present,
            is_told: member.is_told,
        }
    }
}

impl From<protocol::Member> for Member {
    fn from(member: protocol::Member) -> Self {
        Self {
            info: Arc::new(ClientInfo {
                user: member.user,
                client: member.client,
                conn_info: member.conn_info,
                chan_info: member.chan_info,
            }),
            is_present: member.is_present,
            is_told: member.is_told,
        }
    }
}

impl From<&MemberChange> for PresenceChange {
    fn from(change: &MemberChange) -> Self {
        let change = match change {
            MemberChange::Came(member) => presence_change::Change::Came(member.into()),
            MemberChange::Went(client) => presence_change::Change::Went(client.to_string()),
        };
        Self {
            change: Some(change),
        }
    }
}

/// What a node says that has changed; nothing where a later version says what is not known
/// here.
pub(super) fn change(change: PresenceChange) -> Option<MemberChange> {
    match change.change? {
        presence_change::Change::Came(member) => Some(MemberChange::Came(member.into())),
        presence_change::Change::Went(client) => Some(MemberChange::Went(client.into())),
    }
}
