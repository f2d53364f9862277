//! From what sessions ask to the methods that the macro found.

use crate::sessions::{
    Connected, Connecting, Published, Publishing, Refreshed, Refusal, Session, Subscribed,
    Subscribing,
};

/// The hooks of a plugin as the macro registers them; `None` where there is no method.
#[derive(Debug)]
pub struct SessionHooks {
    /// The namespaces that they are for; empty for all.
    pub namespaces: &'static [&'static str],
    /// Version of the crate that has them.
    pub version: &'static str,
    /// Whether somebody may connect.
    pub connect: Option<fn(&Connecting) -> Result<Connected, Refusal>>,
    /// Whether a session goes on that expires.
    pub refresh: Option<fn(&Session, Option<&str>) -> Result<Refreshed, Refusal>>,
    /// Whether a session may subscribe.
    pub subscribe: Option<fn(&Session, &Subscribing) -> Result<Subscribed, Refusal>>,
    /// Whether a subscription goes on that expires.
    pub sub_refresh: Option<fn(&Session, &str) -> Result<Refreshed, Refusal>>,
    /// Whether a session may publish.
    pub publish: Option<fn(&Session, &Publishing) -> Result<Published, Refusal>>,
    /// What a method answers.
    pub rpc: Option<fn(&Session, &str, &[u8]) -> Result<Vec<u8>, Refusal>>,
}

inventory::collect!(SessionHooks);

impl SessionHooks {
    /// Without any.
    pub const NONE: Self = Self {
        namespaces: &[],
        version: "0.0.0",
        connect: None,
        refresh: None,
        subscribe: None,
        sub_refresh: None,
        publish: None,
        rpc: None,
    };
}

/// Those of this plugin.
///
/// # Panics
/// If there are several, of which nobody says which is asked.
pub(crate) fn registered() -> &'static SessionHooks {
    let mut all = inventory::iter::<SessionHooks>.into_iter();
    let first = all.next().unwrap_or(&SessionHooks::NONE);
    assert!(
        all.next().is_none(),
        "a plugin has one `#[hearken_sdk::sessions]`, which may name several namespaces"
    );
    first
}
