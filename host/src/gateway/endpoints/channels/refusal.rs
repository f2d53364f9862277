//! What can go wrong with a request on a channel, and the status that it becomes.

use std::time::Duration;

use axum::http::StatusCode;
use hearken_channel_log::{
    AppendError, BatchError, CellError, ChangeError, ChannelError, ChannelNameError, CreateError,
    Epoch, FullBecause, ReadError,
};

use super::elsewhere::ElsewhereRefusal;
use super::view::numbers;
use crate::channel::{
    AnotherLog, AppendFailure, ClientNameError, CursorFailure, FieldError, IndexFailure, NoChannel,
    OperateFailure, ReadFailure, SetFailure, SettingsError,
};
use crate::consumer::ConsumerFailure;
use crate::gateway::pointer::{header_of, pointer};
use crate::gateway::problem::{Numbers, ProblemError};

/// Why a request on a channel is not answered as asked.
#[derive(Debug, thiserror::Error)]
pub(in crate::gateway) enum ChannelRefusal {
    #[error(transparent)]
    NoChannel(#[from] NoChannel),
    #[error("{}{error}", event(*at))]
    NoSuchChannelOfEvent {
        /// Position in a batch.
        at: Option<usize>,
        /// Whether the attributes came in headers.
        binary: bool,
        error: NoChannel,
    },
    #[error(
        "{}the event names {}; all events of a request go to one channel, or none does", event(*at),
        channel.as_ref().map_or_else(|| "no channel".to_owned(), |channel| format!("the channel `{channel}`"))
    )]
    OtherChannel {
        at: Option<usize>,
        binary: bool,
        channel: Option<String>,
    },
    #[error(transparent)]
    Name(#[from] ChannelNameError),
    #[error(transparent)]
    Client(#[from] ClientNameError),
    #[error(transparent)]
    Field(#[from] FieldError),
    #[error(transparent)]
    AnotherLog(#[from] AnotherLog),
    #[error("`if-match` is {0:?}; send one strong tag, `\"EPOCH-LAST\"` or `\"LAST\"`, or `*`")]
    IfMatch(String),
    #[error(
        "this removes the channel with all its events: confirm that you mean it with `if-match: \
         \"LAST\"`, the number of its last event, or with `*`"
    )]
    IfMatchMissing,
    #[error("`if-none-match` is not `*`, with which a channel is only made, never changed")]
    IfNoneMatch,
    #[error("`last-event-id` is {0:?}, which is not the id of an event of a channel's stream")]
    LastEventId(String),
    #[error("the body is not what it must be{}: {reason}", member.as_deref().map_or_else(String::new, |member| format!(" at `{member}`")))]
    Body {
        member: Option<String>,
        reason: String,
    },
    #[error(transparent)]
    Settings(#[from] SettingsError),
    #[error("the channel has no event {number}; the last one is {last}")]
    NoEvent { number: String, last: u64 },
    #[error("the event {number} is no longer kept; the oldest that is kept is {first}")]
    Trimmed { number: u64, first: u64 },
    #[error(
        "giving up damaged events cannot be undone: send `{{\"accept_loss\": true}}` if \
         you want that"
    )]
    LossNotAccepted,
    #[error(
        "the channel was not read to its end within {}; that goes on: ask again for what it finds",
        humantime::format_duration(*within)
    )]
    VerifySlow { within: Duration },
    #[error(transparent)]
    Elsewhere(#[from] ElsewhereRefusal),
    #[error(transparent)]
    Append(#[from] AppendFailure),
    #[error(transparent)]
    Read(#[from] ReadFailure),
    #[error(transparent)]
    Set(#[from] SetFailure),
    #[error(transparent)]
    Operate(#[from] OperateFailure),
    #[error(transparent)]
    Cursor(#[from] CursorFailure),
    #[error(transparent)]
    Index(#[from] IndexFailure),
    #[error(transparent)]
    Consumer(#[from] ConsumerFailure),
}

/// Status, kind and title of a problem.
type Class = (StatusCode, &'static str, &'static str);

const NO_CHANNEL: Class = (StatusCode::NOT_FOUND, "no-channel", "No such channel");
const DECLARED: Class = (
    StatusCode::CONFLICT,
    "declared",
    "Declared in the configuration",
);
const ANOTHER_LOG: Class = (StatusCode::CONFLICT, "another-log", "Another log");
const CONFLICT: Class = (
    StatusCode::PRECONDITION_FAILED,
    "conflict",
    "Another last event",
);
const STORAGE: Class = (
    StatusCode::SERVICE_UNAVAILABLE,
    "storage-failed",
    "Storage failed",
);
const OVERLOADED: Class = (
    StatusCode::SERVICE_UNAVAILABLE,
    "overloaded",
    "Too much at once",
);
const BAD_CHANNEL: Class = (StatusCode::BAD_REQUEST, "bad-channel", "Bad channel");
const TOO_LARGE: Class = (StatusCode::PAYLOAD_TOO_LARGE, "too-large", "Too large");
const FULL: Class = (StatusCode::INSUFFICIENT_STORAGE, "full", "Full");
const UNKNOWN: Class = (
    StatusCode::SERVICE_UNAVAILABLE,
    "outcome-unknown",
    "Outcome unknown",
);
const DAMAGED: Class = (StatusCode::CONFLICT, "damaged", "Damaged");

fn event(at: Option<usize>) -> String {
    at.map_or_else(String::new, |at| format!("event {at} of the batch: "))
}

impl ChannelRefusal {
    /// The status, the kind and the title of the problem.
    pub(in crate::gateway) fn classify(&self) -> Class {
        match self {
            Self::NoChannel(_) | Self::NoSuchChannelOfEvent { .. } => NO_CHANNEL,
            Self::OtherChannel { .. } => (StatusCode::BAD_REQUEST, "bad-event", "Bad event"),
            Self::Name(_) | Self::Client(_) | Self::Field(_) | Self::Settings(_) => BAD_CHANNEL,
            Self::AnotherLog(_) => ANOTHER_LOG,
            Self::IfMatch(_) | Self::IfNoneMatch | Self::LastEventId(_) => {
                (StatusCode::BAD_REQUEST, "bad-header", "Bad header")
            }
            Self::IfMatchMissing => (
                StatusCode::PRECONDITION_REQUIRED,
                "if-match-missing",
                "`If-Match` missing",
            ),
            Self::Body { .. } | Self::LossNotAccepted => {
                (StatusCode::BAD_REQUEST, "bad-body", "Bad body")
            }
            Self::VerifySlow { .. } => (
                StatusCode::GATEWAY_TIMEOUT,
                "verify-slow",
                "Not done in time",
            ),
            Self::NoEvent { .. } => (StatusCode::NOT_FOUND, "no-event", "No such event"),
            Self::Trimmed { .. } => (StatusCode::GONE, "trimmed", "Not kept any more"),
            Self::Elsewhere(error) => error.classify(),
            Self::Append(error) => append(error),
            Self::Read(error) => read(error),
            Self::Set(error) => set(error),
            Self::Operate(error) => operate(error),
            Self::Cursor(error) => cursor(error),
            Self::Index(error) => index(error),
            Self::Consumer(error) => consumer(error),
        }
    }

    /// Number of the channel's last event, where that is what somebody did not know.
    pub(in crate::gateway) fn last(&self) -> Option<u64> {
        match self {
            Self::Append(AppendFailure::Log(AppendError::Conflict { last }))
            | Self::Operate(OperateFailure::Conflict { last })
            | Self::NoEvent { last, .. }
            | Self::Read(ReadFailure::Beyond { last, .. })
            | Self::Cursor(CursorFailure::Beyond { last, .. })
            | Self::Consumer(ConsumerFailure::Beyond { last, .. }) => Some(*last),
            _ => None,
        }
    }

    /// The channel's epoch, where that is what somebody did not know.
    pub(in crate::gateway) fn epoch(&self) -> Option<String> {
        let epoch: &Epoch = match self {
            Self::AnotherLog(another) | Self::Operate(OperateFailure::AnotherLog(another)) => {
                &another.epoch
            }
            Self::Append(AppendFailure::Log(AppendError::AnotherLog { epoch })) => epoch,
            _ => return None,
        };
        Some(epoch.to_string())
    }

    /// Numbers of the events that are damaged, where they are what somebody has asked for.
    pub(in crate::gateway) fn damaged(&self) -> Option<Numbers> {
        match self {
            Self::Read(ReadFailure::Log(ReadError::Damaged(span))) => Some(numbers(span)),
            _ => None,
        }
    }

    /// The part of the request at fault.
    pub(in crate::gateway) fn error(&self) -> Option<ProblemError> {
        let place = |at: Option<usize>, binary: bool| ProblemError {
            detail: self.to_string(),
            header: binary.then(|| header_of("channel")),
            pointer: (!binary).then(|| pointer(at, Some("channel"))),
            ..ProblemError::default()
        };
        let member = |member: &str| ProblemError {
            detail: self.to_string(),
            pointer: Some(pointer(None, Some(member))),
            ..ProblemError::default()
        };
        let header = |header: &str| ProblemError {
            detail: self.to_string(),
            header: Some(header.to_owned()),
            ..ProblemError::default()
        };
        let parameter = |parameter: &str| ProblemError {
            detail: self.to_string(),
            parameter: Some(parameter.to_owned()),
            ..ProblemError::default()
        };
        match self {
            Self::NoSuchChannelOfEvent { at, binary, .. }
            | Self::OtherChannel { at, binary, .. } => Some(place(*at, *binary)),
            Self::IfMatch(_) | Self::IfMatchMissing => Some(header("if-match")),
            Self::IfNoneMatch => Some(header("if-none-match")),
            Self::LastEventId(_) => Some(header("last-event-id")),
            Self::Body {
                member: Some(name), ..
            } => Some(member(name)),
            Self::Settings(error) => Some(member(error.member)),
            Self::Cursor(CursorFailure::Beyond { .. })
            | Self::Consumer(ConsumerFailure::Beyond { .. }) => Some(member("after")),
            Self::Read(ReadFailure::Beyond { .. }) => Some(parameter("after")),
            _ => None,
        }
    }
}

fn append(error: &AppendFailure) -> Class {
    match error {
        AppendFailure::Event { .. }
        | AppendFailure::Batch(BatchError::Malformed(_) | BatchError::Behind(_)) => {
            (StatusCode::BAD_REQUEST, "bad-event", "Bad event")
        }
        AppendFailure::DeadLetters(_) => (
            StatusCode::FORBIDDEN,
            "dead-letters",
            "A channel of dead letters",
        ),
        AppendFailure::Batch(BatchError::Events | BatchError::Bytes(_)) => TOO_LARGE,
        AppendFailure::Slow(_) | AppendFailure::Broken => UNKNOWN,
        AppendFailure::Closing => (StatusCode::SERVICE_UNAVAILABLE, "draining", "Shutting down"),
        AppendFailure::Log(error) => match error {
            AppendError::NoChannel(_) => NO_CHANNEL,
            AppendError::AnotherLog { .. } => ANOTHER_LOG,
            AppendError::Conflict { .. } => CONFLICT,
            AppendError::Full(
                FullBecause::Channel | FullBecause::Kept | FullBecause::Node | FullBecause::Disk,
            ) => FULL,
            AppendError::TooLarge { .. } => TOO_LARGE,
            AppendError::Damaged => DAMAGED,
            AppendError::Overloaded => OVERLOADED,
            AppendError::StorageFailed(_) => STORAGE,
            AppendError::Unknown(_) => UNKNOWN,
        },
    }
}

fn read(error: &ReadFailure) -> Class {
    match error {
        ReadFailure::Removed | ReadFailure::Log(ReadError::NoChannel(_)) => NO_CHANNEL,
        ReadFailure::Beyond { .. } => (
            StatusCode::BAD_REQUEST,
            "bad-parameter",
            "Bad query parameter",
        ),
        ReadFailure::Log(ReadError::Damaged(_)) => DAMAGED,
        ReadFailure::Log(ReadError::Overloaded) => OVERLOADED,
        ReadFailure::Log(ReadError::Storage(_)) => STORAGE,
    }
}

fn set(error: &SetFailure) -> Class {
    match error {
        SetFailure::Declared(_) => DECLARED,
        SetFailure::Exists(_) => (StatusCode::PRECONDITION_FAILED, "exists", "There already"),
        SetFailure::Engine { .. } => (StatusCode::CONFLICT, "engine-stays", "The engine stays"),
        SetFailure::Indexes
        | SetFailure::Node { .. }
        | SetFailure::Create(CreateError::Settings(_))
        | SetFailure::Change(ChangeError::Settings(_)) => BAD_CHANNEL,
        SetFailure::Create(CreateError::TooMany(_)) => FULL,
        SetFailure::Create(CreateError::Exists(_) | CreateError::Overloaded)
        | SetFailure::Change(ChangeError::Overloaded)
        | SetFailure::Busy => OVERLOADED,
        SetFailure::Create(CreateError::Storage(_))
        | SetFailure::Change(ChangeError::Storage(_)) => STORAGE,
        SetFailure::Change(ChangeError::NoChannel(_)) => NO_CHANNEL,
        SetFailure::Cell(error) => cell(error),
    }
}

fn operate(error: &OperateFailure) -> Class {
    match error {
        OperateFailure::Declared(_) => DECLARED,
        OperateFailure::Conflict { .. } => CONFLICT,
        OperateFailure::AnotherLog(_) => ANOTHER_LOG,
        OperateFailure::Busy | OperateFailure::Log(ChannelError::Overloaded) => OVERLOADED,
        OperateFailure::Log(ChannelError::NoChannel(_)) => NO_CHANNEL,
        OperateFailure::Log(ChannelError::Storage(_)) => STORAGE,
    }
}

fn cursor(error: &CursorFailure) -> Class {
    match error {
        CursorFailure::None(_) => (StatusCode::NOT_FOUND, "no-cursor", "No such cursor"),
        CursorFailure::Foreign { .. } => (
            StatusCode::FORBIDDEN,
            "foreign-cursor",
            "The cursor of another",
        ),
        CursorFailure::Reserved { .. } => (
            StatusCode::FORBIDDEN,
            "reserved-cursor",
            "The cursor is reserved",
        ),
        CursorFailure::TooMany(_) | CursorFailure::TooManyOfOne(_) => FULL,
        CursorFailure::Beyond { .. } => BAD_CHANNEL,
        CursorFailure::Cell(error) => cell(error),
    }
}

fn index(error: &IndexFailure) -> Class {
    match error {
        IndexFailure::None { .. } => (StatusCode::NOT_FOUND, "no-index", "No such index"),
        IndexFailure::Behind { .. } => (
            StatusCode::SERVICE_UNAVAILABLE,
            "index-behind",
            "The index is behind",
        ),
        IndexFailure::Cell(error) => cell(error),
        IndexFailure::Read(error) => read(error),
    }
}

fn consumer(error: &ConsumerFailure) -> Class {
    match error {
        ConsumerFailure::NoChannel(_) => NO_CHANNEL,
        ConsumerFailure::NoConsumer { .. } => {
            (StatusCode::NOT_FOUND, "no-consumer", "No such consumer")
        }
        ConsumerFailure::InUse { .. } => (StatusCode::CONFLICT, "in-use", "In use"),
        ConsumerFailure::Beyond { .. } => BAD_CHANNEL,
        ConsumerFailure::AnotherLog(_) => ANOTHER_LOG,
        ConsumerFailure::Kept(_) => DAMAGED,
        ConsumerFailure::Cell(error) => cell(error),
        ConsumerFailure::Read(error) => read(error),
    }
}

fn cell(error: &CellError) -> Class {
    match error {
        CellError::NoChannel(_) => NO_CHANNEL,
        CellError::Overloaded | CellError::Conflict { .. } => OVERLOADED,
        CellError::Key(_) | CellError::Value(_) | CellError::Changes(_) => BAD_CHANNEL,
        CellError::Storage(_) => STORAGE,
    }
}
