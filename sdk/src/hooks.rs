//! From what sessions ask to the methods that the macro found.

use crate::sessions::{
    Connected, Connecting, Published, Publishing, Refreshed, Refusal, Session, Subscribed,
    Subscribing,
};

/// What a method answers, or why it refuses.
type Answered<T> = Result<T, Refusal>;

/// A method that is asked whether a session goes on that expires.
pub type RefreshHook = fn(&Session, Option<&str>) -> Answered<Refreshed>;

/// A method that is asked what a method of sessions answers.
pub type RpcHook = fn(&Session, &str, &[u8]) -> Answered<Vec<u8>>;

/// The hooks of a plugin as the macro registers them; `None` where there is no method.
#[derive(Debug)]
pub struct SessionHooks {
    /// The namespaces that they are for; empty for all.
    pub namespaces: &'static [&'static str],
    /// Version of the crate that has them.
    pub version: &'static str,
    /// Whether somebody may connect.
    pub connect: Option<fn(&Connecting) -> Answered<Connected>>,
    /// Whether a session goes on that expires.
    pub refresh: Option<RefreshHook>,
    /// Whether a session may subscribe.
    pub subscribe: Option<fn(&Session, &Subscribing) -> Answered<Subscribed>>,
    /// Whether a subscription goes on that expires.
    pub sub_refresh: Option<fn(&Session, &str) -> Answered<Refreshed>>,
    /// Whether a session may publish.
    pub publish: Option<fn(&Session, &Publishing) -> Answered<Published>>,
    /// What a method answers.
    pub rpc: Option<RpcHook>,
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
