//! Whom sessions ask that are decided about by a plugin.

use std::fmt::Debug;
use std::net::IpAddr;
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, ready};
use hearken_session_protocol::Encoding;
use hearken_session_protocol::codes::{disconnects, errors};
use serde_json::{Map, Value};

use super::grant::SubscriptionGrant;
use super::name::ChannelName;
use super::refused::Refused;

/// How long a plugin may take: a client waits 5 s for what it asked for, and drops its
/// connection then.
pub const HOOK_DEADLINE: Duration = Duration::from_secs(1);

/// The session that something is asked about.
#[derive(Clone, Copy, Debug)]
pub struct AboutSession<'a> {
    /// Its id.
    pub client: &'a str,
    /// Whose it is; empty for nobody.
    pub user: &'a str,
    /// What the node keeps of it for plugins.
    pub meta: Option<&'a Value>,
}

/// Who connects.
#[derive(Clone, Debug)]
pub struct ConnectAsked<'a> {
    /// Who it is by its token, if it has shown one that is right.
    pub session: AboutSession<'a>,
    /// What that token claims.
    pub claims: Option<&'a Map<String, Value>>,
    /// The token that it has shown, where the node has no key by which to tell whether it is
    /// right.
    pub token: Option<&'a str>,
    /// What it is connected by, as `websocket`.
    pub transport: &'a str,
    /// What its messages are written as.
    pub encoding: Encoding,
    /// Name that the client gives itself.
    pub name: &'a str,
    /// Version of that.
    pub version: &'a str,
    /// What it sends.
    pub data: &'a Bytes,
    /// Headers that the node is to hand on.
    pub headers: &'a [(String, String)],
    /// Where it comes from.
    pub address: IpAddr,
}

/// What a plugin says of who connects.
#[derive(Clone, Debug, Default)]
pub struct ConnectAnswer {
    /// Whose it is; `None` leaves it as it is.
    pub user: Option<String>,
    /// When the connection expires, in seconds since the Unix epoch.
    pub expire_at: Option<u64>,
    /// What others are shown of it.
    pub info: Option<Bytes>,
    /// What the client gets with the answer.
    pub data: Option<Bytes>,
    /// Channels that it is subscribed to.
    pub subs: Vec<(String, SubscriptionGrant)>,
    /// What the node keeps of it for plugins.
    pub meta: Option<Value>,
}

/// What a plugin says of a subscription.
#[derive(Clone, Debug, Default)]
pub struct SubscribeAnswer {
    /// What it is like.
    pub grant: SubscriptionGrant,
    /// When it expires, in seconds since the Unix epoch.
    pub expire_at: Option<u64>,
}

/// For how long a session or a subscription goes on that has expired.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RefreshAnswer {
    /// When it expires, in seconds since the Unix epoch; `None` for never.
    pub expire_at: Option<u64>,
    /// What others are shown of it from now on; `None` for what they were.
    pub info: Option<Bytes>,
}

impl RefreshAnswer {
    /// What goes on for as long as both say.
    pub(super) fn narrowed(self, other: Self) -> Self {
        Self {
            expire_at: match (self.expire_at, other.expire_at) {
                (Some(one), Some(other)) => Some(one.min(other)),
                (one, other) => one.or(other),
            },
            info: other.info.or(self.info),
        }
    }
}

/// What a plugin says of a publication.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PublishAnswer {
    /// It is published, with other data if there is any.
    Publish(Option<Bytes>),
    /// The plugin has done what is to be done.
    Handled,
}

/// What a plugin says; `None` if it is none that answers such questions.
pub type Answered<'a, T> = BoxFuture<'a, Result<Option<T>, Refused>>;

/// Asks plugins. What they answer late or not at all is answered for them, and never as a
/// yes.
pub trait SessionHooks: Debug + Send + Sync + 'static {
    /// Whether somebody may connect.
    fn connect<'a>(
        &'a self,
        plugin: &'a str,
        asked: ConnectAsked<'a>,
    ) -> Answered<'a, ConnectAnswer>;

    /// Whether a session goes on that expires. `token` is what it has shown, where the node has
    /// no key for that.
    fn refresh<'a>(
        &'a self,
        plugin: &'a str,
        session: AboutSession<'a>,
        token: Option<&'a str>,
    ) -> Answered<'a, RefreshAnswer>;

    /// Whether a session may subscribe.
    fn subscribe<'a>(
        &'a self,
        plugin: &'a str,
        session: AboutSession<'a>,
        channel: &'a ChannelName,
        data: &'a Bytes,
    ) -> Answered<'a, SubscribeAnswer>;

    /// Whether a subscription goes on that expires.
    fn sub_refresh<'a>(
        &'a self,
        plugin: &'a str,
        session: AboutSession<'a>,
        channel: &'a ChannelName,
    ) -> Answered<'a, RefreshAnswer>;

    /// Whether a session may publish.
    fn publish<'a>(
        &'a self,
        plugin: &'a str,
        session: AboutSession<'a>,
        channel: &'a ChannelName,
        data: &'a Bytes,
    ) -> Answered<'a, PublishAnswer>;

    /// What a method answers to a session.
    fn rpc<'a>(
        &'a self,
        plugin: &'a str,
        session: AboutSession<'a>,
        method: &'a str,
        data: &'a Bytes,
    ) -> Answered<'a, Bytes>;
}

/// Hooks of a node without plugins that have any.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoHooks;

impl SessionHooks for NoHooks {
    fn connect<'a>(
        &'a self,
        _plugin: &'a str,
        _asked: ConnectAsked<'a>,
    ) -> Answered<'a, ConnectAnswer> {
        ready(Err(disconnects::SERVER_ERROR.into())).boxed()
    }

    fn refresh<'a>(
        &'a self,
        _plugin: &'a str,
        _session: AboutSession<'a>,
        _token: Option<&'a str>,
    ) -> Answered<'a, RefreshAnswer> {
        ready(Err(errors::INTERNAL.into())).boxed()
    }

    fn subscribe<'a>(
        &'a self,
        _plugin: &'a str,
        _session: AboutSession<'a>,
        _channel: &'a ChannelName,
        _data: &'a Bytes,
    ) -> Answered<'a, SubscribeAnswer> {
        ready(Err(errors::INTERNAL.into())).boxed()
    }

    fn sub_refresh<'a>(
        &'a self,
        _plugin: &'a str,
        _session: AboutSession<'a>,
        _channel: &'a ChannelName,
    ) -> Answered<'a, RefreshAnswer> {
        ready(Err(errors::INTERNAL.into())).boxed()
    }

    fn publish<'a>(
        &'a self,
        _plugin: &'a str,
        _session: AboutSession<'a>,
        _channel: &'a ChannelName,
        _data: &'a Bytes,
    ) -> Answered<'a, PublishAnswer> {
        ready(Err(errors::INTERNAL.into())).boxed()
    }

    fn rpc<'a>(
        &'a self,
        _plugin: &'a str,
        _session: AboutSession<'a>,
        _method: &'a str,
        _data: &'a Bytes,
    ) -> Answered<'a, Bytes> {
        ready(Err(errors::INTERNAL.into())).boxed()
    }
}

/// What a plugin answers, or `late` if it takes too long.
pub(super) async fn in_time<T>(
    answer: Answered<'_, T>,
    late: impl Into<Refused>,
) -> Result<Option<T>, Refused> {
    let answer = tokio::time::timeout(HOOK_DEADLINE, answer).await;
    answer.unwrap_or_else(|_| Err(late.into()))
}
