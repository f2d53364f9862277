//! Asks the crate's [`sessions`](macro@crate::sessions) block what sessions would, as the host
//! does. Methods may as well be called by themselves.

use crate::hooks::registered;
use crate::sessions::{
    Connected, Connecting, Published, Publishing, Refreshed, Refusal, Session, Subscribed,
    Subscribing,
};

/// What the block answers; `None` if it has no such method, and is not asked.
pub type Answer<T> = Option<Result<T, Refusal>>;

/// The namespaces that it answers for; empty for all.
#[must_use]
pub fn namespaces() -> &'static [&'static str] {
    registered().namespaces
}

/// Whether somebody may connect.
#[must_use]
pub fn connect(request: &Connecting) -> Answer<Connected> {
    registered().connect.map(|connect| connect(request))
}

/// Whether a session goes on that expires.
#[must_use]
pub fn refresh(session: &Session, token: Option<&str>) -> Answer<Refreshed> {
    registered().refresh.map(|refresh| refresh(session, token))
}

/// Whether a session may subscribe.
#[must_use]
pub fn subscribe(session: &Session, request: &Subscribing) -> Answer<Subscribed> {
    let subscribe = registered().subscribe;
    subscribe.map(|subscribe| subscribe(session, request))
}

/// Whether a subscription goes on that expires.
#[must_use]
pub fn sub_refresh(session: &Session, channel: &str) -> Answer<Refreshed> {
    let sub_refresh = registered().sub_refresh;
    sub_refresh.map(|sub_refresh| sub_refresh(session, channel))
}

/// Whether a session may publish.
#[must_use]
pub fn publish(session: &Session, request: &Publishing) -> Answer<Published> {
    let publish = registered().publish;
    publish.map(|publish| publish(session, request))
}

/// What a method answers to a session.
#[must_use]
pub fn rpc(session: &Session, method: &str, data: &[u8]) -> Answer<Vec<u8>> {
    registered().rpc.map(|rpc| rpc(session, method, data))
}
