//! What is asked of a plugin.

use bytes::Bytes;
use hearken_session_protocol::Encoding;
use tokio::sync::oneshot;

use crate::plugin::guest::bindings::hooks::exports::hearken::plugin::session_hooks as wit;
use crate::session::{
    AboutSession, ChannelName, ConnectAnswer, ConnectAsked, PublishAnswer, RefreshAnswer, Refused,
    SubscribeAnswer, namespace_of,
};

/// Takes the answer of an instance. Dropped without one, whoever asked is refused.
pub(crate) type Reply<T> = oneshot::Sender<Result<T, Refused>>;

/// A question to a plugin, and who waits for the answer.
pub(crate) enum Question {
    Connect(Box<Connecting>, Reply<ConnectAnswer>),
    Refresh(Asking, Option<String>, Reply<RefreshAnswer>),
    Subscribe(Asking, About, Reply<SubscribeAnswer>),
    SubRefresh(Asking, String, Reply<RefreshAnswer>),
    Publish(Asking, About, Reply<PublishAnswer>),
    Rpc(Asking, About, Reply<Bytes>),
}

/// What such a question is called.
pub(super) fn word(kind: wit::Question) -> &'static str {
    match kind {
        wit::Question::Connect => "connect",
        wit::Question::Refresh => "refresh",
        wit::Question::Subscribe => "subscribe",
        wit::Question::SubRefresh => "sub-refresh",
        wit::Question::Publish => "publish",
        wit::Question::Rpc => "rpc",
    }
}

/// The session that asks.
#[derive(Debug)]
pub(crate) struct Asking {
    client: String,
    user: String,
    meta: Option<String>,
}

/// What a question is about: a channel, or a method, and the data that the client sends.
#[derive(Debug)]
pub(crate) struct About {
    pub(super) name: String,
    pub(super) data: Bytes,
}

/// Who connects.
#[derive(Debug)]
pub(crate) struct Connecting {
    session: Asking,
    claims: Option<String>,
    token: Option<String>,
    transport: String,
    encoding: Encoding,
    name: String,
    version: String,
    data: Bytes,
    headers: Vec<(String, String)>,
    address: String,
}

impl Question {
    /// What it is called.
    pub(crate) fn name(&self) -> &'static str {
        word(self.kind())
    }

    /// Which of those it is that a plugin says it answers.
    pub(super) fn kind(&self) -> wit::Question {
        match self {
            Self::Connect(..) => wit::Question::Connect,
            Self::Refresh(..) => wit::Question::Refresh,
            Self::Subscribe(..) => wit::Question::Subscribe,
            Self::SubRefresh(..) => wit::Question::SubRefresh,
            Self::Publish(..) => wit::Question::Publish,
            Self::Rpc(..) => wit::Question::Rpc,
        }
    }

    /// The namespace that it is about, if it is about a channel.
    pub(super) fn namespace(&self) -> Option<String> {
        let channel = match self {
            Self::Subscribe(_, about, _) => &about.name,
            Self::Publish(_, about, _) => &about.name,
            Self::SubRefresh(_, channel, _) => channel,
            Self::Connect(..) | Self::Refresh(..) | Self::Rpc(..) => return None,
        };
        // Whoever asked had it as such a name.
        let name = ChannelName::new(channel).ok()?;
        Some(namespace_of(&name).to_owned())
    }

    /// Whether nobody waits for the answer any more.
    pub(super) fn is_given_up(&self) -> bool {
        match self {
            Self::Connect(_, reply) => reply.is_closed(),
            Self::Refresh(_, _, reply) | Self::SubRefresh(_, _, reply) => reply.is_closed(),
            Self::Subscribe(_, _, reply) => reply.is_closed(),
            Self::Publish(_, _, reply) => reply.is_closed(),
            Self::Rpc(_, _, reply) => reply.is_closed(),
        }
    }

    /// Bytes that it takes, about.
    pub(super) fn bytes(&self) -> usize {
        let bytes = match self {
            Self::Connect(connecting, _) => connecting.bytes(),
            Self::Refresh(session, token, _) => {
                session.bytes() + token.as_ref().map_or(0, String::len)
            }
            Self::SubRefresh(session, channel, _) => session.bytes() + channel.len(),
            Self::Subscribe(session, about, _) => session.bytes() + about.bytes(),
            Self::Publish(session, about, _) => session.bytes() + about.bytes(),
            Self::Rpc(session, about, _) => session.bytes() + about.bytes(),
        };
        size_of::<Self>() + bytes
    }
}

impl Asking {
    pub(super) fn new(session: AboutSession<'_>) -> Self {
        Self {
            client: session.client.to_owned(),
            user: session.user.to_owned(),
            meta: session.meta.map(ToString::to_string),
        }
    }

    pub(super) fn lower(&self) -> wit::Session<'_> {
        wit::Session {
            client: &self.client,
            user: &self.user,
            meta: self.meta.as_deref(),
        }
    }

    fn bytes(&self) -> usize {
        self.client.len() + self.user.len() + self.meta.as_ref().map_or(0, String::len)
    }
}

impl About {
    pub(super) fn new(name: &str, data: &Bytes) -> Self {
        Self {
            name: name.to_owned(),
            data: data.clone(),
        }
    }

    fn bytes(&self) -> usize {
        self.name.len() + self.data.len()
    }
}

impl Connecting {
    pub(super) fn new(asked: &ConnectAsked<'_>) -> Self {
        let claims = asked.claims.map(serde_json::to_string);
        Self {
            session: Asking::new(asked.session),
            // What was read from JSON can be written as JSON.
            claims: claims.and_then(Result::ok),
            token: asked.token.map(str::to_owned),
            transport: asked.transport.to_owned(),
            encoding: asked.encoding,
            name: asked.name.to_owned(),
            version: asked.version.to_owned(),
            data: asked.data.clone(),
            headers: asked.headers.to_vec(),
            address: asked.address.to_string(),
        }
    }

    /// The headers as a guest is given them.
    pub(super) fn headers(&self) -> Vec<(&str, &str)> {
        let headers = self.headers.iter();
        headers.map(|(name, value)| (&**name, &**value)).collect()
    }

    pub(super) fn lower<'a>(
        &'a self,
        headers: &'a [(&'a str, &'a str)],
    ) -> wit::ConnectRequest<'a> {
        let (protocol, encoding) = match self.encoding {
            Encoding::Json => ("json", "json"),
            Encoding::Protobuf => ("protobuf", "binary"),
        };
        wit::ConnectRequest {
            session: self.session.lower(),
            transport: &self.transport,
            protocol,
            encoding,
            name: &self.name,
            version: &self.version,
            data: &self.data,
            claims: self.claims.as_deref(),
            token: self.token.as_deref(),
            headers,
            address: &self.address,
        }
    }

    fn bytes(&self) -> usize {
        let texts = [&self.claims, &self.token].into_iter().flatten();
        let texts: usize = texts.map(String::len).sum();
        let headers = self.headers.iter();
        let headers: usize = headers.map(|(name, value)| name.len() + value.len()).sum();
        self.session.bytes() + texts + headers + self.data.len() + self.name.len()
    }
}
