//! Why a node does not do what another asks for.

use hearken_session_protocol::ClientError;

use super::protocol::Refusal;
use super::protocol::refusal::Reason;

impl Refusal {
    /// That reason, with nothing for people.
    pub(in crate::session) fn of(reason: Reason) -> Self {
        Self {
            reason: reason.into(),
            ..Self::default()
        }
    }

    /// A client would be answered so.
    pub(in crate::session) fn error(error: ClientError) -> Self {
        Self {
            code: error.code,
            message: error.message.into_owned(),
            ..Self::of(Reason::Error)
        }
    }

    /// Too much is under way.
    pub(in crate::session) fn busy() -> Self {
        Self {
            message: "too many requests are under way".to_owned(),
            ..Self::of(Reason::Busy)
        }
    }

    /// It is for another node, or of another time.
    pub(in crate::session) fn moved() -> Self {
        Self::of(Reason::Moved)
    }

    /// It is not known what is asked for.
    pub(in crate::session) fn unknown_request() -> Self {
        Self {
            message: "a request of another version".to_owned(),
            ..Self::default()
        }
    }
}
