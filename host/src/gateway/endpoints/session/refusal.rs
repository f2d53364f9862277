//! What can go wrong with requests for sessions.

use axum::http::{HeaderMap, HeaderValue, StatusCode, header};

use hearken_session_protocol::DecodeError;

use crate::session::{ChannelNameError, PublishFailure};

/// What is wrong with a request for sessions.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(in crate::gateway) enum SessionRefusal {
    #[error(
        "sessions are off: nothing says who could have one; set `sessions.anonymous`, \
         `sessions.token` or `sessions.connect`"
    )]
    Off,
    #[error("{0}")]
    UpgradeRequired(&'static str),
    #[error("`Sec-WebSocket-Key` has to be there once, with 16 bytes in base64")]
    Key,
    #[error("what was sent is not the protocol of sessions: {0}")]
    Decode(DecodeError),
    #[error("there is no node `{0}` here with sessions; connect anew")]
    UnknownNode(String),
    #[error("the node `{0}`, which has the session, does not take its commands; try again later")]
    NodeSilent(String),
    #[error("the body is no JSON: {0}")]
    Json(String),
    #[error("there is no session `{0}`")]
    NoSession(String),
    #[error("no session `{0}` was found, and not all nodes have said whether they have it")]
    Unheard(String),
    #[error(
        "`to` says whose sessions are meant by exactly one of `session`, `user`, `subject`, \
         `channel`, `node` and `\"all\": true`"
    )]
    To,
    #[error("`exclude` has exactly one of `session` and `user`")]
    Exclude,
    #[error(
        "`user` is empty, which would be all who have not said who they are; name a user, or \
         sessions by `session`"
    )]
    NoUser,
    #[error("`code` is from 3000 to 4999, and `reason` has at most 123 bytes")]
    Code,
    #[error(transparent)]
    Name(ChannelNameError),
    #[error(transparent)]
    Publish(PublishFailure),
    #[error("{0}")]
    Made(String),
    #[error("that cannot be done with sessions: {0}")]
    Acted(String),
    #[error(
        "the events of a request to publish go all to one channel, to channels of sessions, or \
         to none"
    )]
    Mixed,
}

impl SessionRefusal {
    /// The status, the kind and the title of the problem.
    pub(in crate::gateway) fn classify(&self) -> (StatusCode, &'static str, &'static str) {
        match self {
            Self::Off => (StatusCode::NOT_FOUND, "sessions-off", "Sessions are off"),
            Self::UpgradeRequired(_) => (
                StatusCode::UPGRADE_REQUIRED,
                "upgrade-required",
                "WebSocket required",
            ),
            Self::Key => (StatusCode::BAD_REQUEST, "bad-header", "Bad header"),
            Self::Decode(DecodeError::TooLarge { .. }) => {
                (StatusCode::PAYLOAD_TOO_LARGE, "too-large", "Too large")
            }
            Self::Decode(_) => (StatusCode::BAD_REQUEST, "bad-command", "Bad command"),
            Self::UnknownNode(_) => (StatusCode::NOT_FOUND, "no-node", "No such node"),
            Self::NodeSilent(_) => (
                StatusCode::SERVICE_UNAVAILABLE,
                "node-away",
                "The node does not answer",
            ),
            Self::Unheard(_) => (
                StatusCode::SERVICE_UNAVAILABLE,
                "node-away",
                "A node does not answer",
            ),
            Self::NoSession(_) => (StatusCode::NOT_FOUND, "no-session", "No such session"),
            Self::Json(_)
            | Self::To
            | Self::Exclude
            | Self::NoUser
            | Self::Code
            | Self::Acted(_)
            | Self::Name(_) => (StatusCode::BAD_REQUEST, "bad-body", "Bad body"),
            Self::Made(_) => (
                StatusCode::SERVICE_UNAVAILABLE,
                "too-many-channels",
                "Too many channels",
            ),
            Self::Mixed => (StatusCode::BAD_REQUEST, "bad-event", "Bad event"),
            Self::Publish(failure) => match failure {
                PublishFailure::UnknownChannel(_) => {
                    (StatusCode::NOT_FOUND, "no-channel", "No such channel")
                }
                PublishFailure::Away(_) => (
                    StatusCode::SERVICE_UNAVAILABLE,
                    "node-away",
                    "The node is away",
                ),
                PublishFailure::Unknown(_) => (
                    StatusCode::SERVICE_UNAVAILABLE,
                    "outcome-unknown",
                    "Outcome unknown",
                ),
                PublishFailure::Busy(_) => {
                    (StatusCode::SERVICE_UNAVAILABLE, "overloaded", "Overloaded")
                }
                PublishFailure::TooManyChannels(_) => (
                    StatusCode::SERVICE_UNAVAILABLE,
                    "too-many-channels",
                    "Too many channels",
                ),
                PublishFailure::Durable(_) | PublishFailure::NotPublished(_) => (
                    StatusCode::CONFLICT,
                    "not-published",
                    "Nothing is published there",
                ),
                PublishFailure::Name(_) | PublishFailure::Refused(_) | PublishFailure::Event(_) => {
                    (StatusCode::BAD_REQUEST, "bad-event", "Bad event")
                }
            },
        }
    }

    /// Says what would have been taken, in the header made for telling it.
    pub(in crate::gateway) fn tell(&self, headers: &mut HeaderMap) {
        if let Self::UpgradeRequired(_) = self {
            // RFC 9110, section 15.5.22.
            headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
            headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
        }
    }
}
