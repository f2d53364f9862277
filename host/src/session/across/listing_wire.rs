//! Sessions, as nodes show them to each other.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use hearken_session_protocol::Encoding;

use super::protocol::{SessionShown, Subscription};
use crate::session::frame::Framing;
use crate::session::name::ChannelName;
use crate::session::shown::SessionStatus;

/// Bytes of sessions or channels in one answer to another node, about: every node takes so much,
/// however small the events are that it takes.
pub(super) const LISTED: usize = 64 << 10;

/// Of each session what is no text, about.
pub(super) const SESSION_BYTES: usize = 64;

/// Bytes of a session in an answer, about.
pub(super) fn bytes_of(status: &SessionStatus) -> usize {
    let texts = status.client.len() + status.user.len() + status.name.len() + status.version.len();
    let channels = status.channels.keys().map(channel_bytes);
    SESSION_BYTES + texts + channels.sum::<usize>()
}

fn channel_bytes(name: &ChannelName) -> usize {
    name.as_str().len() + 8
}

/// A session, with as many of its channels as fit into an answer.
pub(super) fn shown(status: &SessionStatus) -> SessionShown {
    let mut used = 0;
    let channels = status.channels.iter().take_while(|(name, _)| {
        used += channel_bytes(name);
        used <= LISTED
    });
    let channels: Vec<Subscription> = channels
        .map(|(channel, is_server_side)| Subscription {
            channel: channel.to_string(),
            is_server_side: *is_server_side,
        })
        .collect();
    SessionShown {
        client: status.client.to_string(),
        user: status.user.to_string(),
        transport: status.transport.to_owned(),
        is_protobuf: status.encoding == Encoding::Protobuf,
        address: status.address.to_string(),
        name: status.name.clone(),
        version: status.version.clone(),
        since: status.since,
        queued: status.queued as u64,
        expire_at: status.expire_at,
        is_cut: channels.len() < status.channels.len(),
        channels,
    }
}

/// What another node shows of a session.
pub(super) fn status_of(shown: SessionShown, node: &Arc<str>) -> SessionStatus {
    let framing = Framing::ALL
        .into_iter()
        .find(|framing| framing.transport() == shown.transport);
    let channels = shown.channels.into_iter().filter_map(|subscription| {
        let name = ChannelName::new(&subscription.channel).ok()?;
        Some((name, subscription.is_server_side))
    });
    SessionStatus {
        client: shown.client.into(),
        node: Arc::clone(node),
        user: shown.user.into(),
        // One of a later version.
        transport: framing.map_or("other", Framing::transport),
        encoding: match shown.is_protobuf {
            true => Encoding::Protobuf,
            false => Encoding::Json,
        },
        address: (shown.address.parse()).unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED)),
        name: shown.name,
        version: shown.version,
        since: shown.since,
        queued: usize::try_from(shown.queued).unwrap_or(usize::MAX),
        expire_at: shown.expire_at,
        channels: channels.collect(),
    }
}
