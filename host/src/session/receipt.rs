//! What is published to a channel of sessions, and what becomes of it.

use std::collections::BTreeMap;
use std::sync::Arc;

use hearken_session_protocol::codes::errors;
use hearken_session_protocol::{ClientError, ClientInfo};

use super::history::Position;
use super::hub::Exclude;
use super::name::{ChannelName, ChannelNameError};
use super::namespace::NameRefused;
use super::refused::{Refused, bad_request};
use crate::bus::PublishError;
use crate::event::Draft;

/// What a publisher may say beside the event.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PublishOptions {
    /// Who does not get it.
    pub exclude: Option<Exclude>,
    /// Tags beside those that its attributes are.
    pub tags: BTreeMap<String, String>,
    /// What the same is known by when it is sent again within 5 minutes. It becomes the
    /// event's id, unless that has one.
    pub idempotency_key: Option<String>,
    /// Whether it goes out as what differs from the one before; the namespace may say so
    /// anyway.
    pub delta: bool,
    /// Whether the history passes it over.
    pub skip_history: bool,
}

/// What is published.
#[derive(Debug)]
pub(super) struct Publishing<'d> {
    pub(super) draft: Draft<'d>,
    pub(super) options: PublishOptions,
    /// The session that publishes it.
    pub(super) info: Option<ClientInfo>,
}

/// Something was published to a channel of sessions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionReceipt {
    /// The event's id.
    pub id: Arc<str>,
    /// When it was taken, in milliseconds since the Unix epoch.
    pub time: u64,
    /// The channel.
    pub channel: ChannelName,
    /// Its place in the channel's history, if it is in one.
    pub position: Option<Position>,
    /// Whether it was taken before, and was not again.
    pub duplicate: bool,
}

/// Why something is not published.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PublishFailure {
    /// The channel cannot have that name.
    #[error(transparent)]
    Name(#[from] ChannelNameError),
    /// Nothing says what such a channel is.
    #[error(
        "there is no channel `{0}`: it is neither declared nor of a namespace under \
         `[sessions.namespaces]`"
    )]
    UnknownChannel(ChannelName),
    /// The namespace does not allow the name.
    #[error(transparent)]
    Refused(#[from] NameRefused),
    /// It is appended to, and not published to.
    #[error("the channel `{0}` is durable: append to it")]
    Durable(ChannelName),
    /// It shows what is published elsewhere.
    #[error("nothing is published to `{0}`: it shows events that are published elsewhere")]
    NotPublished(ChannelName),
    /// The namespace has as many channels as it may have.
    #[error("the namespace of `{0}` has as many channels as its `max_channels` allows")]
    TooManyChannels(ChannelName),
    /// The node that numbers the channel's publications cannot be reached now, or has no such
    /// namespace.
    #[error(
        "the node that keeps the history of `{0}` cannot be reached now, or lacks its namespace"
    )]
    Away(ChannelName),
    /// It has not answered: whether it has the publication is not known.
    #[error(
        "the node that keeps the history of `{0}` has not answered: whether it has the \
         publication is not known"
    )]
    Unknown(ChannelName),
    /// Too many publications are on their way to it.
    #[error("too many publications to `{0}` wait for the node that keeps its history")]
    Busy(ChannelName),
    /// The event breaks a rule.
    #[error(transparent)]
    Event(#[from] PublishError),
}

impl From<PublishFailure> for Refused {
    fn from(failure: PublishFailure) -> Self {
        let error = match failure {
            PublishFailure::UnknownChannel(_) => errors::UNKNOWN_CHANNEL,
            PublishFailure::Durable(_) => errors::NOT_AVAILABLE,
            PublishFailure::NotPublished(_) => ClientError {
                message: format!("{}: {failure}", errors::PERMISSION_DENIED.message).into(),
                ..errors::PERMISSION_DENIED
            },
            PublishFailure::Away(_) | PublishFailure::Unknown(_) => errors::INTERNAL,
            PublishFailure::Busy(_) => errors::TOO_MANY_REQUESTS,
            PublishFailure::TooManyChannels(_)
            | PublishFailure::Event(PublishError::TooLarge { .. }) => errors::LIMIT_EXCEEDED,
            PublishFailure::Name(_) | PublishFailure::Refused(_) | PublishFailure::Event(_) => {
                bad_request(failure)
            }
        };
        Self::Error(error)
    }
}
