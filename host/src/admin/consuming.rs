//! What operators see of what plugins are handed of channels, and may ask for.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// How events come to a listener.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum DeliveryStatus {
    /// As they are published, each at most once.
    #[default]
    Live,
    /// From the log of `channel`, each at least once.
    Channel,
}

impl DeliveryStatus {
    /// Whether they come as they are published.
    #[must_use]
    pub fn is_live(&self) -> bool {
        *self == Self::Live
    }
}

/// A plugin's place in a channel that it consumes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ConsumedStatus {
    /// The channel.
    pub channel: String,
    /// Which log of that name; absent while the plugin has no place in one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub epoch: Option<String>,
    /// Number before the oldest event that it has not handled yet.
    pub after: u64,
    /// Events behind that.
    pub lag: u64,
    /// Events that its instances have in hand.
    pub in_flight: usize,
    /// Why it gets none, where that is not the plugin's doing: there is no such channel
    /// here, or it cannot be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waiting: Option<String>,
    /// The oldest event that has failed and is tried again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stalled: Option<StalledStatus>,
    /// Events that became dead letters.
    pub dead: u64,
    /// Dead letters that it was handed again.
    pub retried: u64,
    /// Events that the channel dropped before they were handled, or that the node's policy
    /// withheld from its listeners.
    pub missed: u64,
}

/// An event that has failed and is tried again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StalledStatus {
    /// Its number.
    pub sequence: u64,
    /// Attempts that have failed; 0 if it cannot be read.
    pub attempts: u32,
    /// Why the last one has.
    pub reason: String,
    /// When the next one comes, in RFC 3339; absent while it is under way, and if it cannot
    /// be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_attempt: Option<String>,
}

/// A range of a channel that was handed to a plugin again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ReplayStatus {
    /// The channel.
    pub channel: String,
    /// The events behind this number.
    pub after: u64,
    /// The last of them.
    pub until: u64,
    /// Whether they are handed to a copy of the plugin, `NAME.replay`.
    #[serde(default)]
    pub copy: bool,
    /// Number of the last event that the plugin is done with.
    pub at: u64,
    /// How far it is.
    pub state: ReplayState,
    /// Events that were handled.
    pub handled: u64,
    /// Events that failed, which are not tried again.
    pub failed: u64,
    /// Events that the channel did not keep any more.
    pub missing: u64,
    /// Why the last event failed, or the channel could not be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_error: Option<String>,
}

/// How far a replay is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ReplayState {
    /// There is more to hand over.
    Running,
    /// All was handed over.
    Done,
    /// The channel could not be read to the end.
    Failed,
    /// An operator has ended it before all was handed over.
    Stopped,
}

impl ReplayState {
    /// The state in a word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Stopped => "stopped",
        }
    }
}

/// Which events a plugin is to be handed again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReplayRequest {
    /// The channel, which has to be one that the plugin has a listener on.
    pub channel: String,
    /// Those behind this number; 0 is the beginning.
    pub after: u64,
    /// Up to this one; the channel's last, if it is not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<u64>,
    /// To a copy of the plugin, `NAME.replay`, whose effects are logged and not done.
    #[serde(default)]
    pub copy: bool,
}
