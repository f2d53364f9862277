//! What servers send. What is not known is passed over, as Centrifugo does.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use hearken_session_protocol::ClientError;
use hearken_session_protocol::codes::errors;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use crate::session::{Overrides, Whose};

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Publish {
    pub(super) channel: String,
    #[serde(flatten)]
    pub(super) what: Publication,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Broadcast {
    pub(super) channels: Vec<String>,
    #[serde(flatten)]
    pub(super) what: Publication,
}

/// How something is published. What is, is read apart, by [`data`], so that it stays as it is
/// written.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Publication {
    pub(super) skip_history: bool,
    pub(super) tags: Option<BTreeMap<String, String>>,
    pub(super) idempotency_key: String,
    pub(super) delta: bool,
}

/// Whose sessions are meant.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Target {
    user: String,
    client: String,
    session: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Subscribe {
    pub(super) channel: String,
    pub(super) expire_at: u64,
    pub(super) recover_since: Option<Position>,
    #[serde(rename = "override")]
    pub(super) overrides: Option<Override>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Position {
    pub(super) offset: u64,
    pub(super) epoch: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Override {
    presence: Option<Flag>,
    join_leave: Option<Flag>,
    force_recovery: Option<Flag>,
    force_positioning: Option<Flag>,
    force_push_join_leave: Option<Flag>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default)]
struct Flag {
    value: bool,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct OfChannel {
    pub(super) channel: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Disconnect {
    pub(super) whitelist: Vec<String>,
    pub(super) disconnect: Option<Code>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Code {
    pub(super) code: u32,
    pub(super) reason: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Refresh {
    pub(super) expired: bool,
    pub(super) expire_at: u64,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct History {
    pub(super) limit: i64,
    pub(super) since: Option<Position>,
    pub(super) reverse: bool,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Channels {
    pub(super) pattern: String,
}

/// Reads a request.
pub(super) fn read<T: DeserializeOwned>(sent: &RawValue) -> Result<T, ClientError> {
    serde_json::from_str(sent.get()).map_err(|error| bad_request(&error.to_string()))
}

/// JSON, or bytes in base64, that stand under these names.
pub(super) fn data(
    sent: &RawValue,
    name: &str,
    name_of_base64: &str,
) -> Result<Option<Bytes>, ClientError> {
    let mut members: BTreeMap<String, Box<RawValue>> = read(sent)?;
    let null = |value: &RawValue| value.get() == "null";
    if let Some(encoded) = members.remove(name_of_base64).filter(|value| !null(value)) {
        let text: String = read(&encoded)?;
        let bytes = BASE64_STANDARD.decode(text);
        let bytes = bytes.map_err(|error| bad_request(&format!("`{name_of_base64}`: {error}")))?;
        return Ok(Some(bytes.into()));
    }
    // `null` is data.
    let value = members.remove(name);
    Ok(value.map(|value| Bytes::copy_from_slice(value.get().as_bytes())))
}

impl Target {
    /// Whose sessions those are. A session's client is enough to find it; where the user is
    /// said, too, it has to be theirs, which `is_of` tells.
    pub(super) fn whose(
        self,
        is_of: impl Fn(&str, &str) -> bool,
    ) -> Result<Option<Whose>, ClientError> {
        if !self.session.is_empty() {
            return Err(bad_request(
                "sessions are named by `client`; `session` is their own secret",
            ));
        }
        if self.client.is_empty() {
            return match self.user.is_empty() {
                true => Err(bad_request("`user` or `client` is missing")),
                false => Ok(Some(Whose::User(self.user))),
            };
        }
        let is_theirs = self.user.is_empty() || is_of(&self.client, &self.user);
        Ok(is_theirs.then_some(Whose::Client(self.client)))
    }
}

impl Override {
    pub(super) fn overrides(self) -> Overrides {
        let value = |flag: Option<Flag>| flag.map(|flag| flag.value);
        Overrides {
            presence: value(self.presence),
            join_leave: value(self.join_leave),
            force_recovery: value(self.force_recovery),
            force_positioning: value(self.force_positioning),
            force_push_join_leave: value(self.force_push_join_leave),
        }
    }
}

/// A request that can never be right, and why.
pub(super) fn bad_request(why: &str) -> ClientError {
    ClientError {
        message: format!("{}: {why}", errors::BAD_REQUEST.message).into(),
        ..errors::BAD_REQUEST
    }
}
