//! What becomes of a command that is not carried out.

use hearken_session_protocol::codes::errors;
use hearken_session_protocol::{ClientError, Disconnect};

use super::history::HistoryError;
use super::permission::Denial;

/// Why a command is not carried out.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// It is answered with an error.
    #[error("error {0}")]
    Error(ClientError),
    /// The connection is closed.
    #[error("disconnect {0}")]
    Disconnect(Disconnect),
}

impl From<ClientError> for Refused {
    fn from(error: ClientError) -> Self {
        Self::Error(error)
    }
}

impl From<Disconnect> for Refused {
    fn from(disconnect: Disconnect) -> Self {
        Self::Disconnect(disconnect)
    }
}

impl From<Denial> for Refused {
    fn from(denial: Denial) -> Self {
        let error = match denial {
            Denial::UnknownChannel => errors::UNKNOWN_CHANNEL,
            Denial::NotKnownYet => errors::INTERNAL,
            Denial::PermissionDenied => errors::PERMISSION_DENIED,
            Denial::NotAvailable => errors::NOT_AVAILABLE,
            Denial::BadRequest(why) => bad_request(why),
        };
        Self::Error(error)
    }
}

impl From<HistoryError> for Refused {
    fn from(error: HistoryError) -> Self {
        match error {
            HistoryError::OtherEpoch => errors::UNRECOVERABLE_POSITION.into(),
            HistoryError::BeforeFirst => bad_request(error).into(),
        }
    }
}

/// A request that can never be right, and why.
pub(super) fn bad_request(why: impl ToString) -> ClientError {
    ClientError {
        message: format!("{}: {}", errors::BAD_REQUEST.message, why.to_string()).into(),
        ..errors::BAD_REQUEST
    }
}
