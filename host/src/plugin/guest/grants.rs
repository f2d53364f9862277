//! What guests say of subscriptions, as sessions take it.

use bytes::Bytes;
use hearken_session_protocol::payload::check_json;

use super::bindings::plugin::hearken::plugin::session_types as types;
use crate::event::json::MAX_DEPTH;
use crate::session::{Overrides, SubscriptionGrant};

/// What should be JSON is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("its `{0}` is not JSON")]
pub(crate) struct NotJson(pub(crate) &'static str);

/// What a subscription is like that somebody allows.
///
/// # Errors
/// [`NotJson`] says what is not as it has to be.
pub(crate) fn granted(grant: types::Grant) -> Result<SubscriptionGrant, NotJson> {
    let types::Grant {
        info,
        data,
        overrides,
    } = grant;
    Ok(SubscriptionGrant {
        info: json("info", info)?,
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
pub(crate) fn json(field: &'static str, data: Option<Vec<u8>>) -> Result<Option<Bytes>, NotJson> {
    let data = data.filter(|data| !data.is_empty());
    match &data {
        Some(data) if check_json(data, MAX_DEPTH).is_err() => Err(NotJson(field)),
        _ => Ok(data.map(Bytes::from)),
    }
}
