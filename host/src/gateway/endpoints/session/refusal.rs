//! What can go wrong with requests for sessions.

use axum::http::{HeaderMap, HeaderValue, StatusCode, header};

use crate::session::PublishFailure;

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
    #[error(transparent)]
    Publish(PublishFailure),
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
            Self::Mixed => (StatusCode::BAD_REQUEST, "bad-event", "Bad event"),
            Self::Publish(failure) => match failure {
                PublishFailure::UnknownChannel(_) => {
                    (StatusCode::NOT_FOUND, "no-channel", "No such channel")
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
