//! Whom sessions ask that are decided about by a plugin.

use std::fmt::Debug;
use std::net::IpAddr;
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, ready};
use hearken_session_protocol::codes::{disconnects, errors};
use serde_json::Value;

use super::grant::SubscriptionGrant;
use super::name::ChannelName;
use super::refused::Refused;

/// How long a plugin may take: a client waits 5 s for what it asked for, and drops its
/// connection then.
const DEADLINE: Duration = Duration::from_secs(1);

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
    /// Who it is by its token, if it has shown one.
    pub session: AboutSession<'a>,
    /// Whether it has shown a token that is right.
    pub has_token: bool,
    /// What it is connected by, as `websocket`.
    pub transport: &'a str,
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

/// What a plugin says of a publication.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PublishAnswer {
    /// It is published, with other data if there is any.
    Publish(Option<Bytes>),
    /// The plugin has done what is to be done.
    Handled,
}

/// Asks plugins. What they answer late or not at all is answered for them, and never as a
/// yes.
pub trait SessionHooks: Debug + Send + Sync + 'static {
    /// Whether somebody may connect.
    fn connect<'a>(
        &'a self,
        plugin: &'a str,
        asked: ConnectAsked<'a>,
    ) -> BoxFuture<'a, Result<ConnectAnswer, Refused>>;

    /// Whether a session may subscribe.
    fn subscribe<'a>(
        &'a self,
        plugin: &'a str,
        session: AboutSession<'a>,
        channel: &'a ChannelName,
        data: &'a Bytes,
    ) -> BoxFuture<'a, Result<SubscribeAnswer, Refused>>;

    /// Whether a session may publish.
    fn publish<'a>(
        &'a self,
        plugin: &'a str,
        session: AboutSession<'a>,
        channel: &'a ChannelName,
        data: &'a Bytes,
    ) -> BoxFuture<'a, Result<PublishAnswer, Refused>>;

    /// What a method answers to a session.
    fn rpc<'a>(
        &'a self,
        plugin: &'a str,
        session: AboutSession<'a>,
        method: &'a str,
        data: &'a Bytes,
    ) -> BoxFuture<'a, Result<Bytes, Refused>>;
}

/// Hooks of a node without plugins that have any.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoHooks;

impl SessionHooks for NoHooks {
    fn connect<'a>(
        &'a self,
        _plugin: &'a str,
        _asked: ConnectAsked<'a>,
    ) -> BoxFuture<'a, Result<ConnectAnswer, Refused>> {
        ready(Err(disconnects::SERVER_ERROR.into())).boxed()
    }

    fn subscribe<'a>(
        &'a self,
        _plugin: &'a str,
        _session: AboutSession<'a>,
        _channel: &'a ChannelName,
        _data: &'a Bytes,
    ) -> BoxFuture<'a, Result<SubscribeAnswer, Refused>> {
        ready(Err(errors::INTERNAL.into())).boxed()
    }

    fn publish<'a>(
        &'a self,
        _plugin: &'a str,
        _session: AboutSession<'a>,
        _channel: &'a ChannelName,
        _data: &'a Bytes,
    ) -> BoxFuture<'a, Result<PublishAnswer, Refused>> {
        ready(Err(errors::INTERNAL.into())).boxed()
    }

    fn rpc<'a>(
        &'a self,
        _plugin: &'a str,
        _session: AboutSession<'a>,
        _method: &'a str,
        _data: &'a Bytes,
    ) -> BoxFuture<'a, Result<Bytes, Refused>> {
        ready(Err(errors::INTERNAL.into())).boxed()
    }
}

/// What a plugin answers, or `late` if it takes too long.
pub(super) async fn in_time<T>(
    answer: BoxFuture<'_, Result<T, Refused>>,
    late: impl Into<Refused>,
) -> Result<T, Refused> {
    let answer = tokio::time::timeout(DEADLINE, answer).await;
    answer.unwrap_or_else(|_| Err(late.into()))
}
