//! Why a session may not.

use std::borrow::Cow;

use super::requests::NotFitting;

/// What is answered instead of a yes. `?` makes one of data that do not fit.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The client is answered with an error and goes on.
    #[error("error {code}: {message}")]
    Error {
        /// 100 to 113 as the protocol has them, or 400 to 1999, which are free.
        code: u32,
        /// For people, of at most 255 bytes.
        message: Cow<'static, str>,
        /// Whether the client may try the same again later.
        temporary: bool,
    },
    /// The connection is closed.
    #[error("disconnect {code}: {reason}")]
    Disconnect {
        /// 3000 to 3999 as the protocol has them, or 4000 to 4999, which are free. With 3500
        /// to 3999 and 4500 to 4999 the client does not come back.
        code: u32,
        /// For people, plain words of at most 123 bytes.
        reason: Cow<'static, str>,
    },
}

impl Refusal {
    /// An error of this code, which is not worth another try.
    pub fn error(code: u32, message: impl Into<Cow<'static, str>>) -> Self {
        Self::Error {
            code,
            message: message.into(),
            temporary: false,
        }
    }

    /// The end of the connection, by this code.
    pub fn disconnect(code: u32, reason: impl Into<Cow<'static, str>>) -> Self {
        Self::Disconnect {
            code,
            reason: reason.into(),
        }
    }

    /// 100: something went wrong, and may not the next time.
    #[must_use]
    pub fn internal() -> Self {
        Self::Error {
            code: 100,
            message: Cow::Borrowed("internal server error"),
            temporary: true,
        }
    }

    /// 101: the session has to say who it is first.
    #[must_use]
    pub fn unauthorized() -> Self {
        Self::error(101, "unauthorized")
    }

    /// 103: it may not.
    #[must_use]
    pub fn permission_denied() -> Self {
        Self::error(103, "permission denied")
    }

    /// 104: there is no such method.
    #[must_use]
    pub fn method_not_found() -> Self {
        Self::error(104, "method not found")
    }

    /// 107: what it sends makes no sense.
    #[must_use]
    pub fn bad_request() -> Self {
        Self::error(107, "bad request")
    }
}

impl From<NotFitting> for Refusal {
    fn from(error: NotFitting) -> Self {
        Self::error(107, format!("bad request: {error}"))
    }
}
