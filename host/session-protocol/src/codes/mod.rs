//! What a server tells a client by a number, with words for people beside it.
//!
//! Clients act on the numbers alone: which of them try again, and when, is said with each
//! type.

use std::borrow::Cow;

pub mod disconnects;
pub mod errors;
pub mod unsubscribes;

/// Why a command was refused.
///
/// A client tries again, later and later, if the error is temporary or its code is below
/// 100 or 109 (after which it also asks for a new token); any other is final. Codes from
/// 400 to 1999 are free for applications.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {message}")]
pub struct ClientError {
    /// What clients act on.
    pub code: u32,
    /// For people.
    pub message: Cow<'static, str>,
    /// Whether the same command may succeed later.
    pub temporary: bool,
}

/// Why a connection is closed.
///
/// Codes from 4000 to 4999 are free for applications.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {reason}")]
pub struct Disconnect {
    /// What clients act on; over WebSocket the code of the close frame.
    pub code: u32,
    /// For people: plain words, as some clients try to read it as JSON; at most 123 bytes
    /// of it go over WebSocket.
    pub reason: Cow<'static, str>,
}

impl Disconnect {
    /// Whether the client stays away; otherwise it connects again.
    #[must_use]
    pub fn is_terminal(&self) -> bool {
        matches!(self.code, 3500..=3999 | 4500..=4999)
    }
}

/// Why a subscription ended.
///
/// Codes from 2100 to 2499 and from 2600 to 2999 are free for applications.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {reason}")]
pub struct Unsubscribe {
    /// What clients act on.
    pub code: u32,
    /// For people.
    pub reason: Cow<'static, str>,
}

impl Unsubscribe {
    /// Whether the client subscribes again at once.
    #[must_use]
    pub fn is_temporary(&self) -> bool {
        self.code >= 2500
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_stay_away_after_terminal_codes_only() {
        let terminal = |code| {
            let reason = "".into();
            Disconnect { code, reason }.is_terminal()
        };
        for code in [3000, 3499, 4000, 4499, 5000] {
            assert!(!terminal(code), "{code}");
        }
        for code in [3500, 3999, 4500, 4999] {
            assert!(terminal(code), "{code}");
        }
        assert!(disconnects::INVALID_TOKEN.is_terminal());
        assert!(!disconnects::SLOW.is_terminal());
    }

    #[test]
    fn clients_subscribe_again_after_temporary_codes_only() {
        assert!(!unsubscribes::SERVER.is_temporary());
        assert!(unsubscribes::INSUFFICIENT_STATE.is_temporary());
        assert!(unsubscribes::EXPIRED.is_temporary());
    }
}
