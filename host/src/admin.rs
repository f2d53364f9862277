//! What operators see of a node and may do to it: the types and the port that
//! the gateway shows and the plugin room fills, so that neither knows the other.

mod answering;
mod consuming;

use std::collections::BTreeMap;
use std::fmt;
use std::pin::Pin;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::bus::Overflow;
use crate::script::Language;

pub use answering::AnswersStatus;
pub use consuming::{
    ConsumedStatus, DeliveryStatus, ReplayRequest, ReplayState, ReplayStatus, StalledStatus,
};

/// Where a plugin stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum PluginState {
    /// Its first version is being compiled and started.
    Loading,
    /// It takes events.
    Running,
    /// An operator paused it; its mailbox goes on filling.
    Paused,
    /// Its instance died; a fresh one starts after a delay.
    BackingOff,
    /// It failed five times in a row: it gets no events until a pause is over, which
    /// a new file, `reload` or `resume` end at once. Then one event is tried.
    Quarantined,
    /// Its file could not be loaded or started, and there is no older version.
    Failed,
}

/// One listener as the plugin, or its manifest, declares it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ListenerStatus {
    /// Name that the plugin gives the listener.
    pub name: String,
    /// Type pattern.
    pub pattern: String,
    /// Only events with this subject.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// Only events of this channel.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channel: Option<String>,
    /// Only events published on this node.
    pub local_only: bool,
    /// How events come to it.
    #[serde(default, skip_serializing_if = "DeliveryStatus::is_live")]
    pub delivery: DeliveryStatus,
}

/// The limits in force for a plugin.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LimitsStatus {
    /// Bytes of memory an instance.
    pub memory_bytes: u64,
    /// Milliseconds an event.
    pub deadline_ms: u64,
    /// Microseconds of CPU before the plugin yields.
    pub time_slice_us: u64,
    /// Events that the mailbox holds.
    pub mailbox: usize,
    /// What happens when it is full.
    pub overflow: Overflow,
    /// Instances.
    pub concurrency: usize,
}

/// What has happened to a plugin's live events since the plugin was installed; of those of
/// channels tell its `consumers`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Counters {
    /// Events that the handler has finished, failed ones included.
    pub delivered: u64,
    /// Events whose handler failed.
    pub failed: u64,
    /// Events that the mailbox dropped, or that were given up when the plugin stopped.
    pub dropped: u64,
    /// Events waiting in the mailbox, and those that its instances have in hand.
    pub queued: u64,
    /// Events that the plugin published.
    pub sent: u64,
    /// Events that the plugin's budget or rights did not let it publish, and records that
    /// its budget did not let it change.
    pub refused: u64,
    /// Instances that replaced one that died.
    pub restarts: u64,
}

/// A plugin's HTTP requests to a host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HostRequests {
    /// The host; `other` for those that the plugin may not ask, and for what is beyond
    /// the bound on hosts.
    pub host: String,
    /// How many had an answer with a status, were `failed` (there was none) or `refused`
    /// (they did not leave the node); `other` for what is beyond the bound on statuses.
    pub requests: BTreeMap<String, u64>,
}

/// What a plugin may do.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RightsStatus {
    /// Types that it may publish, as patterns; null for all under `custom.`.
    pub publish: Option<Vec<String>>,
    /// Types that it may hear, as patterns; null for all.
    pub listen: Option<Vec<String>>,
    /// Where its HTTP requests may go.
    pub http: Vec<String>,
    /// Buckets of the key-value store that it may use.
    pub keyvalue: Vec<String>,
    /// Channels that it may append to, by name or with `*`.
    #[serde(default)]
    pub append: Vec<String>,
    /// Channels that it may read, by name or with `*`.
    #[serde(default)]
    pub read: Vec<String>,
    /// Namespaces of session channels whose hooks it may answer and whose sessions it may
    /// address, by name or with `*`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sessions: Vec<String>,
    /// Namespaces of session channels that its manifest brings; of those that the node has
    /// itself, the node's hold.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub namespaces: Vec<String>,
    /// Its secrets, by their keys, and where each is: `token (file /run/secrets/token)`.
    #[serde(default)]
    pub secrets: Vec<String>,
    /// What it asks for and does not get.
    pub withheld: Vec<WithheldStatus>,
}

impl RightsStatus {
    /// In a line each: the rights that are not those of every plugin, and what they cover.
    #[must_use]
    pub fn lines(&self) -> Vec<(&'static str, String)> {
        let narrowed = |list: &Option<Vec<String>>| {
            let some = |list: &Vec<String>| match list.is_empty() {
                true => "nothing".to_owned(),
                false => list.join(", "),
            };
            list.as_ref().map(some)
        };
        let granted = |list: &[String]| (!list.is_empty()).then(|| list.join(", "));
        [
            ("publish", narrowed(&self.publish)),
            ("listen", narrowed(&self.listen)),
            ("http", granted(&self.http)),
            ("keyvalue", granted(&self.keyvalue)),
            ("append", granted(&self.append)),
            ("read", granted(&self.read)),
            ("sessions", granted(&self.sessions)),
            ("namespaces", granted(&self.namespaces)),
            ("secrets", granted(&self.secrets)),
        ]
        .into_iter()
        .filter_map(|(right, what)| Some((right, what?)))
        .collect()
    }
}

/// Something that a plugin asks for and does not get, or not all of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WithheldStatus {
    /// The key of the node's `[policy]` that decides; but for `secrets`, also of the manifest's
    /// `[allow]`.
    pub right: String,
    /// What is asked for.
    pub asked: String,
    /// What of it is granted all the same.
    pub granted: Vec<String>,
    /// The listener that asks, if it is not the manifest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub listener: Option<String>,
}

impl fmt::Display for WithheldStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.right, self.asked)?;
        if let Some(listener) = &self.listener {
            write!(f, " ({listener})")?;
        }
        match self.granted.is_empty() {
            true => Ok(()),
            false => write!(f, ", but for {}", self.granted.join(", ")),
        }
    }
}

/// A plugin as `GET /v1/plugins/{name}` shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PluginStatus {
    /// The file's stem.
    pub name: String,
    /// Version that the plugin gives itself; null while none was loaded.
    pub version: Option<String>,
    /// What it is written in; null while none was loaded.
    #[serde(default)]
    pub language: Option<Language>,
    /// Where it stands.
    pub state: PluginState,
    /// Interface through which events are handed over, e.g. `hearken:plugin/listener@0.2.0`.
    pub interface: Option<String>,
    /// What it listens to, as far as it may.
    pub listeners: Vec<ListenerStatus>,
    /// What it answers of what sessions ask; absent for nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answers: Option<AnswersStatus>,
    /// The channels that it consumes, and its place in each, by their names.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub consumers: Vec<ConsumedStatus>,
    /// What was last handed to it again, since the node started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replay: Option<ReplayStatus>,
    /// What it may do.
    #[serde(default)]
    pub rights: RightsStatus,
    /// Limits in force.
    pub limits: LimitsStatus,
    /// Counters.
    pub counters: Counters,
    /// Its HTTP requests; empty while there were none.
    #[serde(default)]
    pub http: Vec<HostRequests>,
    /// BLAKE3 hash of the component or the texts that run, in hexadecimal.
    pub content_hash: Option<String>,
    /// Bytes that its instances hold now: linear memory, tables, and what the host keeps for them.
    pub memory_bytes: u64,
    /// The last thing that went wrong, and what to do about it.
    pub last_error: Option<String>,
    /// When that was, in RFC 3339.
    pub last_error_time: Option<String>,
    /// While it is quarantined: when the next event is tried, in RFC 3339. If that time
    /// is over, the next event that comes is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quarantined_until: Option<String>,
}

/// What an operator's command on a plugin can fail with.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PluginCommandError {
    /// No file of that name is in the plugins folder.
    #[error("there is no plugin `{0}`")]
    NotFound(String),
    /// The command was carried out and failed, e.g. a reload of a broken file.
    #[error("{0}")]
    Failed(String),
}

/// The result of a command, in time.
pub type CommandFuture<'a> =
    Pin<Box<dyn Future<Output = Result<PluginStatus, PluginCommandError>> + Send + 'a>>;

/// Shows a node's plugins and takes an operator's commands.
pub trait PluginAdmin: Send + Sync + 'static {
    /// All plugins, ordered by name.
    fn list(&self) -> Vec<PluginStatus>;

    /// One plugin.
    fn get(&self, name: &str) -> Option<PluginStatus>;

    /// Loads the plugin's file and manifest again, changed or not; resolves when
    /// the new version runs or has failed to.
    fn reload<'a>(&'a self, name: &'a str) -> CommandFuture<'a>;

    /// Lets the plugin finish the event in hand and then hands it no more.
    fn pause<'a>(&'a self, name: &'a str) -> CommandFuture<'a>;

    /// Ends a pause or a quarantine.
    fn resume<'a>(&'a self, name: &'a str) -> CommandFuture<'a>;

    /// Begins to hand the plugin, or a copy of it, events of a channel again, beside what
    /// else it is handed; resolves with who gets them.
    fn replay<'a>(&'a self, name: &'a str, request: ReplayRequest) -> CommandFuture<'a>;

    /// Ends what the plugin, or a copy of it, is handed again, before it is done with it.
    fn end_replay<'a>(&'a self, name: &'a str) -> CommandFuture<'a>;
}

/// What keeps a node from doing all of its work.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Trouble {
    /// The part that fails, e.g. `the key-value store`.
    pub part: String,
    /// Why.
    pub reason: String,
    /// Since when, in RFC 3339.
    pub since: String,
}

/// Says what keeps a node from doing all of its work.
pub trait NodeHealth: Send + Sync + 'static {
    /// What fails now, in no order.
    fn troubles(&self) -> Vec<Trouble>;
}

/// Where a node of the cluster stands, as this node sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum NodeState {
    /// The node that answers.
    #[serde(rename = "self")]
    This,
    /// Events flow.
    Connected,
    /// The link is down; events wait for it as far as there is room.
    Unreachable,
    /// It said goodbye.
    Left,
}

impl NodeState {
    /// The state as the API writes it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::This => "self",
            Self::Connected => "connected",
            Self::Unreachable => "unreachable",
            Self::Left => "left",
        }
    }
}

/// A node of the cluster.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct NodeStatus {
    /// Name of the node.
    pub name: String,
    /// `HOST:PORT` at which other nodes reach it.
    pub address: String,
    /// Version of its program.
    pub version: String,
    /// Unlike that of every other start of a node.
    pub incarnation: String,
    /// Where it stands.
    pub state: NodeState,
    /// What keeps the node that answers from doing all of its work; absent when
    /// nothing does, and for other nodes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub troubles: Vec<Trouble>,
    /// The link to it; absent for the node that answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<LinkStatus>,
}

/// Figures of the link to another node, since that node's start or this one's.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct LinkStatus {
    /// Milliseconds to the other node and back, as last measured; absent before the
    /// first measurement.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub round_trip_ms: Option<f64>,
    /// Events waiting to be sent, or to be acknowledged.
    pub queued: u64,
    /// Events sent, repetitions not counted.
    pub sent: u64,
    /// Events received, repetitions not counted.
    pub received: u64,
    /// Events that were not sent, since they did not fit into the queue.
    pub dropped: u64,
    /// Events of the other node that are known to be missing here.
    pub gaps: u64,
}

/// What operators see of the cluster.
pub trait ClusterAdmin: Send + Sync {
    /// Every node that is known, this one first, the others by name.
    fn nodes(&self) -> Vec<NodeStatus>;
}
