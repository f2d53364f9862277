//! The events that the host itself publishes: their types and their data.
//!
//! Each struct is the `data` of one or more types; its JSON Schema is part of
//! `/openapi.json`. Types that end up here cannot be published by plugins or
//! clients, whose types all begin with `custom.`.

mod channels;
mod sessions;

use serde::Serialize;
use utoipa::ToSchema;

pub use channels::{ChannelChanged, ChannelDamaged, ChannelFailed, ChannelTrimmed, NumberSpan};
pub use sessions::{SessionChanged, SessionsLost};

/// A host event's type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HostEventType {
    /// A file was found and its first version is about to start.
    PluginInstalled,
    /// A plugin's first instance runs.
    PluginStarted,
    /// A new version took over.
    PluginReloaded,
    /// A plugin no longer runs, by removal or because the node drains.
    PluginStopped,
    /// A plugin's file is gone.
    PluginRemoved,
    /// An event failed in a plugin, or a file failed to load.
    PluginFailed,
    /// A plugin failed too often in a row and gets no more events for a while.
    PluginQuarantined,
    /// A plugin's mailbox dropped events.
    PluginOverflowed,
    /// An event of a channel failed in a plugin more than once, or hangs no more.
    PluginStalled,
    /// An event of a channel became a dead letter.
    PluginRejected,
    /// Events of a channel were dropped before a plugin had handled them.
    PluginMissed,
    /// The link to a node came up for the first time in that node's incarnation.
    ClusterJoined,
    /// A node said goodbye.
    ClusterLeft,
    /// The link to a node broke, or its process died.
    ClusterUnreachable,
    /// Events of another node are missing here.
    ClusterGap,
    /// A request was refused for who sent it.
    AccessDenied,
    /// A channel was made.
    ChannelCreated,
    /// A channel was removed with all its events.
    ChannelDeleted,
    /// The oldest events of a channel were dropped.
    ChannelTrimmed,
    /// A channel takes no events any more, since its storage failed.
    ChannelFailed,
    /// Events of a channel are no longer what was written.
    ChannelDamaged,
    /// A key of the key-value store was written for the first time.
    RecordCreated,
    /// A key of the key-value store got a new value.
    RecordUpdated,
    /// A key of the key-value store was deleted.
    RecordDeleted,
    /// A client has connected and is known.
    SessionConnected,
    /// A session is over.
    SessionDisconnected,
    /// A session is subscribed to a channel.
    SessionSubscribed,
    /// A session is subscribed to a channel no more.
    SessionUnsubscribed,
    /// Another node is gone, and the sessions that it had with it.
    SessionLost,
}

impl HostEventType {
    /// Every type, in the order of their documentation.
    pub const ALL: [Self; 29] = [
        Self::PluginInstalled,
        Self::PluginStarted,
        Self::PluginReloaded,
        Self::PluginStopped,
        Self::PluginRemoved,
        Self::PluginFailed,
        Self::PluginQuarantined,
        Self::PluginOverflowed,
        Self::PluginStalled,
        Self::PluginRejected,
        Self::PluginMissed,
        Self::ClusterJoined,
        Self::ClusterLeft,
        Self::ClusterUnreachable,
        Self::ClusterGap,
        Self::AccessDenied,
        Self::ChannelCreated,
        Self::ChannelDeleted,
        Self::ChannelTrimmed,
        Self::ChannelFailed,
        Self::ChannelDamaged,
        Self::RecordCreated,
        Self::RecordUpdated,
        Self::RecordDeleted,
        Self::SessionConnected,
        Self::SessionDisconnected,
        Self::SessionSubscribed,
        Self::SessionUnsubscribed,
        Self::SessionLost,
    ];

    /// The type on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::PluginInstalled => "plugin.installed",
            Self::PluginStarted => "plugin.started",
            Self::PluginReloaded => "plugin.reloaded",
            Self::PluginStopped => "plugin.stopped",
            Self::PluginRemoved => "plugin.removed",
            Self::PluginFailed => "plugin.failed",
            Self::PluginQuarantined => "plugin.quarantined",
            Self::PluginOverflowed => "plugin.overflowed",
            Self::PluginStalled => "plugin.stalled",
            Self::PluginRejected => "plugin.rejected",
            Self::PluginMissed => "plugin.missed",
            Self::ClusterJoined => "cluster.joined",
            Self::ClusterLeft => "cluster.left",
            Self::ClusterUnreachable => "cluster.unreachable",
            Self::ClusterGap => "cluster.gap",
            Self::AccessDenied => "access.denied",
            Self::ChannelCreated => "channel.created",
            Self::ChannelDeleted => "channel.deleted",
            Self::ChannelTrimmed => "channel.trimmed",
            Self::ChannelFailed => "channel.failed",
            Self::ChannelDamaged => "channel.damaged",
            Self::RecordCreated => "record.created",
            Self::RecordUpdated => "record.updated",
            Self::RecordDeleted => "record.deleted",
            Self::SessionConnected => "session.connected",
            Self::SessionDisconnected => "session.disconnected",
            Self::SessionSubscribed => "session.subscribed",
            Self::SessionUnsubscribed => "session.unsubscribed",
            Self::SessionLost => "session.lost",
        }
    }

    /// Whether the event goes to every node of the cluster.
    #[must_use]
    pub const fn distributed(self) -> bool {
        matches!(
            self,
            Self::ChannelCreated
                | Self::ChannelDeleted
                | Self::ChannelTrimmed
                | Self::RecordCreated
                | Self::RecordUpdated
                | Self::RecordDeleted
        )
    }
}

/// Data of `plugin.installed`, `plugin.started`, `plugin.reloaded`,
/// `plugin.stopped` and `plugin.removed`.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct PluginChanged {
    /// Name of the plugin.
    pub plugin: String,
    /// Version that the plugin gives itself; absent before it was loaded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// With `plugin.stopped`: events that it had not handled and that nobody will;
    /// absent if there were none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unhandled: Option<u64>,
}

/// Data of `plugin.failed`.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct PluginFailed {
    /// Name of the plugin.
    pub plugin: String,
    /// Id of the event in hand; absent when the plugin failed to load or start.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub event: Option<String>,
    /// What went wrong.
    pub reason: String,
    /// The guest's stack when it trapped.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub backtrace: Option<String>,
    /// For a plugin that is a text: the calls that led to the failure, innermost first, one
    /// per line with its place in the text, e.g. `at restock (restock.ts:3:10)`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trace: Option<String>,
}

/// Data of `plugin.quarantined`.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct PluginQuarantined {
    /// Name of the plugin.
    pub plugin: String,
    /// Failures in a row.
    pub failures: u32,
    /// What went wrong the last time.
    pub reason: String,
    /// After that time one event is tried, in RFC 3339.
    pub until: String,
}

/// Data of `plugin.overflowed`.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct PluginOverflowed {
    /// Name of the plugin.
    pub plugin: String,
    /// Events dropped since the last report.
    pub dropped: u64,
    /// Events dropped since the plugin was installed.
    pub total: u64,
}

/// Data of `plugin.stalled`.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct PluginStalled {
    /// Name of the plugin, also the event's subject.
    pub plugin: String,
    /// Channel of the event.
    pub channel: String,
    /// Which log of that name; absent when it is gone meanwhile.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub epoch: Option<String>,
    /// Number of the event.
    pub sequence: u64,
    /// Id of the event.
    pub event: String,
    /// Attempts that have failed.
    pub attempt: u32,
    /// Why the last did.
    pub reason: String,
    /// When the next attempt comes, in RFC 3339; absent when `cleared`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_attempt: Option<String>,
    /// Whether the event no longer hangs: it was handled or became a dead letter.
    pub cleared: bool,
}

/// Data of `plugin.rejected`.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct PluginRejected {
    /// Name of the plugin, also the event's subject.
    pub plugin: String,
    /// Channel of the event.
    pub channel: String,
    /// Number of the event.
    pub sequence: u64,
    /// Id of the event.
    pub event: String,
    /// Attempts that were made.
    pub attempts: u32,
    /// Why the last failed.
    pub reason: String,
    /// Channel of its dead letter.
    pub dead_channel: String,
    /// Number of its dead letter.
    pub dead_sequence: u64,
}

/// Data of `plugin.missed`.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct PluginMissed {
    /// Name of the plugin, also the event's subject.
    pub plugin: String,
    /// Channel that dropped them.
    pub channel: String,
    /// Which log of that name.
    pub epoch: String,
    /// Number of the first event that is no longer kept.
    pub first: u64,
    /// Number of the last.
    pub last: u64,
    /// How many of them the plugin had not handled.
    pub count: u64,
}

/// Data of `cluster.joined`.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct NodeJoined {
    /// Name of the node, also the event's subject.
    pub node: String,
    /// `HOST:PORT` at which other nodes reach it.
    pub address: String,
    /// Version of its program.
    pub version: String,
    /// Unlike that of every other start of a node.
    pub incarnation: String,
}

/// Data of `cluster.left` and `cluster.unreachable`.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct NodeLost {
    /// Name of the node, also the event's subject.
    pub node: String,
    /// Which of its starts it was.
    pub incarnation: String,
}

/// Data of `cluster.gap`.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ClusterGap {
    /// Name of the node whose events are missing, also the event's subject.
    pub origin: String,
    /// Which of its starts published them.
    pub incarnation: String,
    /// When that node took the last event that came before those that are missing, by
    /// its clock; absent when none came. What is missing was taken after it, and before
    /// this report.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
    /// Number of the first that is missing, in the order in which that node sent to
    /// this one.
    pub first: u64,
    /// Number of the last that is missing; absent when the other node itself no
    /// longer knows. Where several gaps are reported as one, events between the first
    /// and the last came.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last: Option<u64>,
    /// How many are missing; absent when the other node itself no longer knows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub count: Option<u64>,
}

/// Data of `access.denied`.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct AccessDenied {
    /// Who was refused, also the event's subject; `anonymous` where that is not known.
    pub principal: String,
    /// The right that was missing, e.g. `publish custom.shop.paid`; absent where it is not
    /// known who it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub right: Option<String>,
    /// What was answered.
    pub reason: String,
    /// Address that the request came from.
    pub address: String,
    /// Refusals of the principal since the last such event, this one included.
    pub denied: u64,
}

/// Data of `record.created`, `record.updated` and `record.deleted`.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct RecordChanged {
    /// Bucket of the key-value store.
    pub bucket: String,
    /// The key within it, also the event's subject.
    pub key: String,
    /// Plugin that changed the record.
    pub plugin: String,
}
