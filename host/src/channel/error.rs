//! Why a channel does not do what it is asked to: one type for each thing that is asked.

use std::time::Duration;

use hearken_channel_log::{
    AppendError, BatchError, CellError, ChangeError, ChannelError, ChannelName, CreateError, Epoch,
    ReadError,
};

use super::others::listed;
use super::reader::ClientName;
use super::settings::{MAX_INDEXES, OF_DEAD_LETTERS};
use crate::bus::PublishError;
use crate::nearest;

/// There is no such channel on this node.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.told())]
pub struct NoChannel {
    /// The name that was asked for; the beginning of one that is too long.
    pub name: String,
    /// What was probably meant.
    nearest: Option<String>,
    /// Other nodes that have it.
    nodes: Vec<String>,
}

impl NoChannel {
    pub(super) fn new<'k>(name: String, known: impl Iterator<Item = &'k str>) -> Self {
        let nearest = nearest::nearest(&name, known).map(str::to_owned);
        Self {
            name,
            nearest,
            nodes: Vec::new(),
        }
    }

    /// The same where these other nodes have it.
    pub(super) fn on(self, nodes: Vec<String>) -> Self {
        Self { nodes, ..self }
    }

    /// The other nodes that have it.
    #[must_use]
    pub fn nodes(&self) -> &[String] {
        &self.nodes
    }

    /// The same where these names are known too.
    #[must_use]
    pub fn among<'k>(self, others: impl Iterator<Item = &'k str>) -> Self {
        let length = self.name.len();
        let others = others.filter(|other| nearest::may_be_similar(length, other.len()));
        let other = nearest::nearest(&self.name, others);
        let both = [self.nearest.as_deref(), other].into_iter().flatten();
        let nearest = nearest::nearest(&self.name, both).map(str::to_owned);
        Self { nearest, ..self }
    }

    /// The same for somebody who is told of another channel only if they `may` know of it.
    #[must_use]
    pub fn told_to(self, may: impl FnOnce(&str) -> bool) -> Self {
        Self {
            nearest: self.nearest.filter(|name| may(name)),
            ..self
        }
    }

    /// The name that was probably meant, if one is near.
    #[must_use]
    pub fn nearest(&self) -> Option<&str> {
        self.nearest.as_deref()
    }

    fn told(&self) -> String {
        let name = &self.name;
        if !self.nodes.is_empty() {
            let nodes = listed(&self.nodes);
            return format!("the channel `{name}` lies on the node {nodes}; ask for it there");
        }
        let hint = match &self.nearest {
            Some(nearest) => format!("did you mean `{nearest}`?"),
            None => "`hearken channel create` makes one".to_owned(),
        };
        format!("there is no channel `{name}`; {hint}")
    }
}

/// A position is one of another log than the channel's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the position is from the log `{given}`, and the channel's log is `{epoch}`: it was removed \
     and made again; begin anew"
)]
pub struct AnotherLog {
    /// The epoch of the position.
    pub given: Epoch,
    /// The epoch of the channel.
    pub epoch: Epoch,
}

/// Why events are not appended.
#[derive(Clone, Debug, thiserror::Error)]
pub enum AppendFailure {
    /// An event breaks a rule.
    #[error("{error}")]
    Event {
        /// Position of the event among those that were sent.
        at: usize,
        /// The rule.
        error: PublishError,
    },
    /// Only the node lays events into it.
    #[error(
        "`{0}` is a channel of dead letters, which only the node writes; append to a channel \
         whose name does not begin with `{OF_DEAD_LETTERS}`"
    )]
    DeadLetters(ChannelName),
    /// They are too many or too large for one batch.
    #[error(transparent)]
    Batch(#[from] BatchError),
    /// The log does not take them; the error says whether they may be stored all the same.
    #[error(transparent)]
    Log(#[from] AppendError),
    /// There was no answer in time; they may be stored.
    #[error(
        "the channel has not answered within {}: whether the events are stored is not known",
        humantime::format_duration(*.0)
    )]
    Slow(Duration),
    /// It ended through a fault of the node; they may be stored.
    #[error("a fault of the node ended the append: whether the events are stored is not known")]
    Broken,
    /// The node stops; nothing is stored.
    #[error("the node is shutting down; nothing was stored")]
    Closing,
}

/// Why nothing is read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReadFailure {
    /// The log does not give them.
    #[error(transparent)]
    Log(#[from] ReadError),
    /// The channel was removed, and perhaps made again, meanwhile.
    #[error("the channel was removed")]
    Removed,
    /// The position is behind the end.
    #[error("the position {after} is beyond the last event, whose number is {last}")]
    Beyond {
        /// The position.
        after: u64,
        /// Number of the last event.
        last: u64,
    },
}

/// Why a channel is neither made nor changed.
#[derive(Clone, Debug, thiserror::Error)]
pub enum SetFailure {
    /// The configuration says what it is.
    #[error(
        "the configuration of the node declares the channel `{0}`; change `[channels]` there, and \
         start the node again"
    )]
    Declared(String),
    /// It was to be new.
    #[error("there is a channel `{0}` already; `hearken channel set` changes it")]
    Exists(String),
    /// Its engine stays what it is.
    #[error(
        "the engine of a channel never changes, and that of `{name}` is {engine}; delete the \
         channel to make it anew"
    )]
    Engine {
        /// The channel.
        name: String,
        /// What keeps it.
        engine: &'static str,
    },
    /// It would have too many indexes.
    #[error("a channel has at most {MAX_INDEXES} indexes")]
    Indexes,
    /// It lies on another node.
    #[error("the channel is to lie on the node `{node}`, and this is `{this}`; ask that node")]
    Node {
        /// The node that was named.
        node: String,
        /// The node that was asked.
        this: String,
    },
    /// It cannot be made.
    #[error(transparent)]
    Create(#[from] CreateError),
    /// It cannot be changed.
    #[error(transparent)]
    Change(#[from] ChangeError),
    /// What goes with it cannot be written.
    #[error(transparent)]
    Cell(#[from] CellError),
    /// So many changes are made that this one did not have its turn in time.
    #[error("channels are being changed by others; try again later")]
    Busy,
}

/// Why there is no channel for a namespace of sessions.
#[derive(Clone, Debug, thiserror::Error)]
pub enum NamespaceFailure {
    /// The namespace has as many as it may have.
    #[error(
        "the namespace `{namespace}` has {most} durable channels, the most that its \
         `max_channels` allows"
    )]
    TooMany {
        /// The namespace.
        namespace: String,
        /// How many.
        most: usize,
    },
    /// Another node has one of that name.
    #[error("the channel lies on the node {}", listed(.0))]
    Elsewhere(Vec<String>),
    /// It cannot be made.
    #[error(transparent)]
    Set(#[from] SetFailure),
}

/// Why a channel is not removed, trimmed, verified or repaired.
#[derive(Clone, Debug, thiserror::Error)]
pub enum OperateFailure {
    /// The configuration says what it is.
    #[error(
        "the configuration of the node declares the channel `{0}`; take it out of `[channels]` \
         first, and start the node again"
    )]
    Declared(String),
    /// The last event has another number than whoever removes the channel thinks.
    #[error("the last event of the channel has the number {last}, not the expected one")]
    Conflict {
        /// Its number.
        last: u64,
    },
    /// The expected position is of another log.
    #[error(transparent)]
    AnotherLog(#[from] AnotherLog),
    /// The log does not do it.
    #[error(transparent)]
    Log(#[from] ChannelError),
    /// So many changes are made that this one did not have its turn in time.
    #[error("channels are being changed by others; try again later")]
    Busy,
}

/// Why a cursor is not moved or read.
#[derive(Clone, Debug, thiserror::Error)]
pub enum CursorFailure {
    /// There is none of that name.
    #[error("the client `{0}` has no cursor on the channel")]
    None(ClientName),
    /// It belongs to somebody else.
    #[error(
        "the cursor of the client `{client}` belongs to somebody else; `operate` moves and shows it too"
    )]
    Foreign {
        /// The client.
        client: ClientName,
    },
    /// Unread events are kept for the client, so that not everybody may be it.
    #[error(
        "the channel keeps unread events for the client `{client}`: somebody with the right \
         `operate` has to make its cursor and name its owner"
    )]
    Reserved {
        /// The client.
        client: ClientName,
    },
    /// There are too many.
    #[error("the channel has {0} cursors, the most that it may have; delete some")]
    TooMany(usize),
    /// There are too many of one principal.
    #[error("{0} cursors of the channel are yours, the most of one principal; delete some")]
    TooManyOfOne(usize),
    /// The position is behind the end.
    #[error("the position {after} is beyond the last event, whose number is {last}")]
    Beyond {
        /// The position.
        after: u64,
        /// Number of the last event.
        last: u64,
    },
    /// The cells cannot be read or written.
    #[error(transparent)]
    Cell(#[from] CellError),
}

/// The same of what lies beside a log.
pub(super) fn cell_error(error: ChannelError) -> CellError {
    match error {
        ChannelError::NoChannel(name) => CellError::NoChannel(name),
        ChannelError::Overloaded => CellError::Overloaded,
        ChannelError::Storage(fault) => CellError::Storage(fault),
    }
}
