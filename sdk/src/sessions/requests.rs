//! What sessions ask.

use serde::de::DeserializeOwned;

/// Data of a client that are not what is expected.
#[derive(Debug, thiserror::Error)]
#[error("the data do not fit: {0}")]
pub struct NotFitting(#[from] serde_json::Error);

/// The session that asks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Session {
    /// Its id.
    pub client: String,
    /// Whose it is; empty for nobody.
    pub user: String,
    /// JSON that the node keeps of it for plugins.
    pub meta: Option<String>,
}

impl Session {
    /// A session of this id and user, for tests.
    #[must_use]
    pub fn new(client: impl Into<String>, user: impl Into<String>) -> Self {
        Self {
            client: client.into(),
            user: user.into(),
            meta: None,
        }
    }

    /// What the node keeps of it for plugins, `null` if that is nothing.
    ///
    /// # Errors
    /// [`NotFitting`] when that is something else.
    pub fn meta<T: DeserializeOwned>(&self) -> Result<T, NotFitting> {
        read(self.meta.as_deref().unwrap_or_default().as_bytes())
    }
}

/// Who connects.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Connecting {
    /// By its token, if one was shown that is right: then there are `claims`.
    pub session: Session,
    /// By what it is connected: `websocket`, `http_stream`, `sse`, `uni_http_stream` or
    /// `uni_sse`.
    pub transport: String,
    /// What is spoken: `json` or `protobuf`.
    pub protocol: String,
    /// What data is: `json` or `binary`.
    pub encoding: String,
    /// Name that the client gives itself.
    pub name: String,
    /// Version of that.
    pub version: String,
    /// What the client sends along.
    pub data: Vec<u8>,
    /// The claims of its token, a JSON object, once that was found to be right.
    pub claims: Option<String>,
    /// The token that it has shown, where the node has no key by which to tell whether it is
    /// right.
    pub token: Option<String>,
    /// Those headers of its request that `sessions.hook_headers` names, in lower case.
    pub headers: Vec<(String, String)>,
    /// The address that it comes from.
    pub address: String,
}

impl Connecting {
    /// What the client sends along, `null` if that is nothing.
    ///
    /// # Errors
    /// [`NotFitting`] when that is something else.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, NotFitting> {
        read(&self.data)
    }

    /// The claims of its token, `null` if there is none.
    ///
    /// # Errors
    /// [`NotFitting`] when they are others.
    pub fn claims<T: DeserializeOwned>(&self) -> Result<T, NotFitting> {
        read(self.claims.as_deref().unwrap_or_default().as_bytes())
    }

    /// The header of this name, in lower case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers.iter();
        let found = headers.find(|(header, _)| header == name);
        found.map(|(_, value)| value.as_str())
    }
}

/// Who subscribes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Subscribing {
    /// The channel.
    pub channel: String,
    /// What the client sends along.
    pub data: Vec<u8>,
}

impl Subscribing {
    /// To this channel, for tests.
    #[must_use]
    pub fn new(channel: impl Into<String>) -> Self {
        Self {
            channel: channel.into(),
            data: Vec::new(),
        }
    }

    /// What the client sends along, `null` if that is nothing.
    ///
    /// # Errors
    /// [`NotFitting`] when that is something else.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, NotFitting> {
        read(&self.data)
    }
}

/// What is published.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Publishing {
    /// The channel.
    pub channel: String,
    /// What the client publishes.
    pub data: Vec<u8>,
}

impl Publishing {
    /// To this channel, for tests.
    #[must_use]
    pub fn new(channel: impl Into<String>, data: impl Into<Vec<u8>>) -> Self {
        Self {
            channel: channel.into(),
            data: data.into(),
        }
    }

    /// What the client publishes.
    ///
    /// # Errors
    /// [`NotFitting`] when that is something else.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, NotFitting> {
        read(&self.data)
    }
}

fn read<T: DeserializeOwned>(data: &[u8]) -> Result<T, NotFitting> {
    let data = match data {
        [] => b"null",
        data => data,
    };
    Ok(serde_json::from_slice(data)?)
}
