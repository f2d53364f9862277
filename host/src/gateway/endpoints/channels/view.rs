//! Channels as answers show them.

use hearken_channel_log::{ChannelState, Epoch, Span};
use serde::Serialize;
use utoipa::ToSchema;

use crate::channel::{ChannelStatus, Cursor, SettingsDocument};
use crate::consumer::ConsumerStatus;
use crate::event::cloudevent::rfc3339;
use crate::gateway::problem::Numbers;
use crate::passing::Holder;

/// How a channel stands.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::gateway) struct ChannelView {
    /// Its name.
    name: String,
    /// Which log of that name it is.
    epoch: String,
    /// Node that it lies on.
    node: String,
    /// Other nodes that have a channel of the same name; each uses its own: with
    /// `NAME@NODE` each is meant, until all but one are removed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    also_on: Vec<String>,
    /// When it was made, in RFC 3339.
    created: String,
    /// Number of the oldest event that is kept; one more than `last` when none is.
    first: u64,
    /// Number of the newest event that ever was; 0 before the first.
    last: u64,
    /// Bytes that its events take.
    bytes: u64,
    /// `ok`, `failed` (it no longer takes events) or `damaged` (some events are no longer
    /// what was written).
    state: &'static str,
    /// What the storage said, when it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    /// Numbers of the events that are damaged.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    damaged: Vec<Numbers>,
    /// Whether the configuration of the node declares it.
    declared: bool,
    /// What it is set to.
    settings: SettingsDocument,
}

/// A channel of another node.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::gateway) struct ChannelElsewhere {
    /// Its name.
    name: String,
    /// Which log of that name it is.
    epoch: String,
    /// Node that it lies on.
    node: String,
    /// `elsewhere`, or `away` while its node cannot be reached.
    state: &'static str,
}

impl ChannelElsewhere {
    /// Of a channel of this name on another node.
    pub(super) fn of(name: &str, holder: &Holder) -> Self {
        Self {
            name: name.to_owned(),
            epoch: holder.epoch.to_string(),
            node: holder.node.to_string(),
            state: if holder.reachable {
                "elsewhere"
            } else {
                "away"
            },
        }
    }
}

/// How a channel stands, with who keeps a position in it.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::gateway) struct ChannelDetails {
    #[serde(flatten)]
    channel: ChannelView,
    /// Positions that clients keep, by name.
    cursors: Vec<CursorView>,
    /// Plugins that consume it, or have consumed it, by name.
    consumers: Vec<ConsumerView>,
}

/// How a plugin stands that consumes a channel.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::gateway) struct ConsumerView {
    /// Its name.
    plugin: String,
    /// Number before the oldest event that it has not handled.
    after: u64,
    /// How many events there are after that.
    lag: u64,
    /// Events that it has in hand.
    in_flight: usize,
    /// Why it gets no events, where that is not for the plugin to change.
    #[serde(skip_serializing_if = "Option::is_none")]
    waiting: Option<String>,
    /// The oldest event that it failed to handle and is tried with again.
    #[serde(skip_serializing_if = "Option::is_none")]
    stalled: Option<StalledView>,
    /// Events of which it has made dead letters.
    dead: u64,
    /// Dead letters that it was given again.
    retried: u64,
    /// Events that were dropped before it had handled them.
    missed: u64,
}

/// An event on which a plugin hangs.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::gateway) struct StalledView {
    /// Its number.
    sequence: u64,
    /// Attempts that have failed; 0 where the event itself cannot be read.
    attempt: u32,
    /// Why.
    reason: String,
    /// When the next attempt comes, in RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_attempt: Option<String>,
}

/// A position that a client keeps.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::gateway) struct CursorView {
    /// Under which name.
    client: String,
    /// Number of the last event that it has read.
    after: u64,
    /// How many events there are after it.
    lag: u64,
    /// Whose it is.
    owner: String,
    /// Which log it is in.
    epoch: String,
}

impl ChannelView {
    /// Of a channel on this node.
    pub(super) fn of(status: &ChannelStatus, node: &str) -> Self {
        let info = &status.info;
        let (state, reason, damaged) = match &info.state {
            ChannelState::Ok => ("ok", None, Vec::new()),
            ChannelState::Failed { why } => ("failed", Some(why.to_string()), Vec::new()),
            ChannelState::Damaged { ranges } => {
                ("damaged", None, ranges.iter().map(numbers).collect())
            }
        };
        Self {
            name: info.name.to_string(),
            epoch: info.epoch.to_string(),
            node: node.to_owned(),
            also_on: Vec::new(),
            created: rfc3339(info.created),
            first: info.first,
            last: info.last,
            bytes: info.bytes,
            state,
            reason,
            damaged,
            declared: status.declared,
            settings: SettingsDocument::from(&status.settings),
        }
    }

    /// The same, where these nodes have a channel of that name too.
    pub(super) fn beside(self, also_on: Vec<String>) -> Self {
        Self { also_on, ..self }
    }

    /// The same with the cursors and the consumers of the channel.
    pub(super) fn with(
        self,
        cursors: Vec<Cursor>,
        consumers: Vec<ConsumerStatus>,
        epoch: Epoch,
    ) -> ChannelDetails {
        let last = self.last;
        let cursors = cursors.into_iter();
        ChannelDetails {
            cursors: cursors
                .map(|cursor| CursorView::of(cursor, last, epoch))
                .collect(),
            consumers: consumers.into_iter().map(ConsumerView::from).collect(),
            channel: self,
        }
    }
}

impl From<ConsumerStatus> for ConsumerView {
    fn from(status: ConsumerStatus) -> Self {
        let stalled = status.stalled.map(|stalled| StalledView {
            sequence: stalled.sequence,
            attempt: stalled.attempt,
            reason: stalled.reason,
            next_attempt: stalled.next_attempt.map(rfc3339),
        });
        Self {
            plugin: status.plugin,
            after: status.after,
            lag: status.lag,
            in_flight: status.in_flight,
            waiting: status.waiting,
            stalled,
            dead: status.dead,
            retried: status.retried,
            missed: status.missed,
        }
    }
}

impl CursorView {
    /// Of a cursor on a channel whose last event has this number.
    pub(super) fn of(cursor: Cursor, last: u64, epoch: Epoch) -> Self {
        Self {
            client: cursor.client.to_string(),
            after: cursor.after,
            lag: last.saturating_sub(cursor.after),
            owner: cursor.owner,
            epoch: epoch.to_string(),
        }
    }
}

/// Numbers as answers show them.
pub(super) fn numbers(span: &Span) -> Numbers {
    Numbers {
        first: span.first,
        last: span.last,
    }
}
