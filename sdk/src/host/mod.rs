//! What the host does for a plugin. Within a component these are the imports of
//! the WIT world; natively the `testing` module answers.

#[cfg(target_family = "wasm")]
mod guest;
#[cfg(target_family = "wasm")]
pub use guest::session_hooks;
#[cfg(target_family = "wasm")]
pub(crate) use guest::{
    Bucket, append, begin_part, bounds, config_all, config_get, log, read, secret_get, send,
    sessions_disconnect, sessions_history, sessions_presence, sessions_presence_stats,
    sessions_refresh, sessions_send, sessions_subscribe, sessions_unsubscribe, wait,
};

#[cfg(not(target_family = "wasm"))]
mod native;
#[cfg(not(target_family = "wasm"))]
pub(crate) use native::{
    Bucket, append, begin_part, bounds, config_all, config_get, log, read, secret_get, send,
    sessions_disconnect, sessions_history, sessions_presence, sessions_presence_stats,
    sessions_refresh, sessions_send, sessions_subscribe, sessions_unsubscribe, wait,
};
