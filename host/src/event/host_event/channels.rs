//! The data of events about channels.

use serde::Serialize;
use utoipa::ToSchema;

/// Data of `channel.created` and `channel.deleted`.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ChannelChanged {
    /// Name of the channel, also the event's subject.
    pub channel: String,
    /// Which log of that name.
    pub epoch: String,
    /// Node that the channel lies on.
    pub node: String,
}

/// Data of `channel.trimmed`.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ChannelTrimmed {
    /// Name of the channel, also the event's subject.
    pub channel: String,
    /// Which log of that name.
    pub epoch: String,
    /// Node that the channel lies on.
    pub node: String,
    /// Number of the first event that was dropped.
    pub first: u64,
    /// Number of the last event that was dropped.
    pub last: u64,
}

/// Data of `channel.failed`.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ChannelFailed {
    /// Name of the channel, also the event's subject.
    pub channel: String,
    /// Which log of that name.
    pub epoch: String,
    /// Node that the channel lies on.
    pub node: String,
    /// What the storage said.
    pub reason: String,
}

/// Data of `channel.damaged`.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ChannelDamaged {
    /// Name of the channel, also the event's subject.
    pub channel: String,
    /// Which log of that name.
    pub epoch: String,
    /// Node that the channel lies on.
    pub node: String,
    /// Numbers of the events that are damaged, ascending.
    pub ranges: Vec<NumberSpan>,
}

/// Numbers of events of a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct NumberSpan {
    /// The first.
    pub first: u64,
    /// The last.
    pub last: u64,
}
