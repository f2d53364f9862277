//! The unsubscribes that the protocol names.

use std::borrow::Cow;

use super::Unsubscribe;

const fn unsubscribe(code: u32, reason: &'static str) -> Unsubscribe {
    Unsubscribe {
        code,
        reason: Cow::Borrowed(reason),
    }
}

/// 2000: the server ended the subscription.
pub const SERVER: Unsubscribe = unsubscribe(2000, "server unsubscribe");

/// 2500: publications are missing; the client gets them when it subscribes again.
pub const INSUFFICIENT_STATE: Unsubscribe = unsubscribe(2500, "insufficient state");

/// 2501: the token of the subscription is of the past and was not renewed.
pub const EXPIRED: Unsubscribe = unsubscribe(2501, "subscription expired");

/// 2502: the client has to forget the subscription's token and position.
pub const STATE_INVALIDATED: Unsubscribe = unsubscribe(2502, "state invalidated");
