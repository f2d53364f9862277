//! What guests say of subscriptions, as sessions take it.

use bytes::Bytes;
use hearken_session_protocol::payload::check_json;

use super::bindings::plugin::hearken::plugin::session_types as types;
use crate::event::json::MAX_DEPTH;
use crate::session::{Overrides, SubscriptionGrant};

/// Longest JSON that the node keeps for as long as a session or a subscription, in bytes: as
/// much as a token has room for unless `sessions.max_message` says otherwise.
pub(crate) const MAX_KEPT: usize = 64 << 10;

/// What should be JSON is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NotTaken {
    /// It is none.
    #[error("its `{0}` is not JSON")]
    NotJson(&'static str),
    /// It would be kept, and is too long for that.
    #[error("its `{0}` is longer than {MAX_KEPT} bytes")]
    TooLong(&'static str),
}

/// What a subscription is like that somebody allows.
///
/// # Errors
/// [`NotTaken`] says what is not as it has to be.
pub(crate) fn granted(grant: types::Grant) -> Result<SubscriptionGrant, NotTaken> {
    let types::Grant {
        info,
        data,
        overrides,
    } = grant;
    Ok(SubscriptionGrant {
        info: kept("info", info)?,
        data: json("data", data)?,
        overrides: Overrides {
            presence: overrides.presence,
            join_leave: overrides.join_leave,
            force_recovery: overrides.force_recovery,
            force_positioning: overrides.force_positioning,
            force_push_join_leave: overrides.force_push_join_leave,
        },
    })
}

/// What has to be JSON; empty is as absent.
///
/// # Errors
/// When it is none.
pub(crate) fn json(field: &'static str, data: Option<Vec<u8>>) -> Result<Option<Bytes>, NotTaken> {
    let data = data.filter(|data| !data.is_empty());
    match &data {
        Some(data) if check_json(data, MAX_DEPTH).is_err() => Err(NotTaken::NotJson(field)),
        _ => Ok(data.map(Bytes::from)),
    }
}

/// JSON that the node keeps for as long as a session or a subscription; empty is as absent.
///
/// # Errors
/// When it is none, or too long.
pub(crate) fn kept(field: &'static str, data: Option<Vec<u8>>) -> Result<Option<Bytes>, NotTaken> {
    match &data {
        Some(data) if data.len() > MAX_KEPT => Err(NotTaken::TooLong(field)),
        _ => json(field, data),
    }
}
