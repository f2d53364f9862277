//! What servers send. What is not known is passed over, as Centrifugo does.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use hearken_session_protocol::ClientError;
use hearken_session_protocol::codes::errors;
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use super::bounded::{Bounded, BoundedMap};
use crate::session::{Overrides, Whose};

/// Most channels of a request: the events of a batch.
pub(super) const MAX_CHANNELS: usize = 1_000;

/// Most sessions that are not to be disconnected with the others of their user.
const MAX_WHITELIST: usize = 1_000;

/// Most tags of a publication.
const MAX_TAGS: usize = 1_000;

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct OfChannels {
    #[serde(deserialize_with = "or_default")]
    pub(super) channels: Bounded<String, MAX_CHANNELS>,
}

/// How something is published. What is, and where, is read apart, so that nothing is read into
/// memory but what is looked at, and data stays as it is written.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Publication {
    #[serde(deserialize_with = "or_default")]
    pub(super) skip_history: bool,
    #[serde(deserialize_with = "or_default")]
    pub(super) tags: BoundedMap<MAX_TAGS>,
    #[serde(deserialize_with = "or_default")]
    pub(super) idempotency_key: String,
    #[serde(deserialize_with = "or_default")]
    pub(super) delta: bool,
}

/// Whose sessions are meant.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Target {
    #[serde(deserialize_with = "or_default")]
    user: String,
    #[serde(deserialize_with = "or_default")]
    client: String,
    #[serde(deserialize_with = "or_default")]
    session: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Subscribe {
    #[serde(deserialize_with = "or_default")]
    pub(super) channel: String,
    #[serde(deserialize_with = "or_default")]
    pub(super) expire_at: u64,
    pub(super) recover_since: Option<Position>,
    #[serde(rename = "override")]
    pub(super) overrides: Option<Override>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Position {
    #[serde(deserialize_with = "or_default")]
    pub(super) offset: u64,
    #[serde(deserialize_with = "or_default")]
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
    #[serde(deserialize_with = "or_default")]
    value: bool,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct OfChannel {
    #[serde(deserialize_with = "or_default")]
    pub(super) channel: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Disconnect {
    #[serde(deserialize_with = "or_default")]
    pub(super) whitelist: Bounded<String, MAX_WHITELIST>,
    pub(super) disconnect: Option<Code>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Code {
    #[serde(deserialize_with = "or_default")]
    pub(super) code: u32,
    #[serde(deserialize_with = "or_default")]
    pub(super) reason: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Refresh {
    #[serde(deserialize_with = "or_default")]
    pub(super) expired: bool,
    #[serde(deserialize_with = "or_default")]
    pub(super) expire_at: u64,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct History {
    #[serde(deserialize_with = "or_default")]
    pub(super) limit: i64,
    pub(super) since: Option<Position>,
    #[serde(deserialize_with = "or_default")]
    pub(super) reverse: bool,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Channels {
    #[serde(deserialize_with = "or_default")]
    pub(super) pattern: String,
}

/// Data as JSON, which may be `null`, or as bytes in base64.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Data<'r> {
    #[serde(borrow, deserialize_with = "given")]
    data: Option<&'r RawValue>,
    #[serde(deserialize_with = "or_default")]
    b64data: String,
}

/// The same of what is said of a session in a channel.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct SessionInfo<'r> {
    #[serde(borrow, deserialize_with = "given")]
    info: Option<&'r RawValue>,
    #[serde(deserialize_with = "or_default")]
    b64info: String,
}

/// Reads a request.
pub(super) fn read<'r, T: Deserialize<'r>>(sent: &'r RawValue) -> Result<T, ClientError> {
    serde_json::from_str(sent.get()).map_err(|error| bad_request(&error.to_string()))
}

/// Reads a member; `null` is as if it were not there.
pub(super) fn or_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

/// Reads a member as it is written, `null` too.
fn given<'de, D>(deserializer: D) -> Result<Option<&'de RawValue>, D::Error>
where
    D: Deserializer<'de>,
{
    <&RawValue>::deserialize(deserializer).map(Some)
}

/// What is to be published, under `data` or `b64data`.
pub(super) fn data(sent: &RawValue) -> Result<Option<Bytes>, ClientError> {
    let Data { data, b64data } = read(sent)?;
    bytes(data, "b64data", &b64data)
}

/// What is said of a session in a channel, under `info` or `b64info`.
pub(super) fn info(sent: &RawValue) -> Result<Option<Bytes>, ClientError> {
    let SessionInfo { info, b64info } = read(sent)?;
    bytes(info, "b64info", &b64info)
}

/// Bytes, if there are any under that name, or else JSON.
fn bytes(
    json: Option<&RawValue>,
    name_of_base64: &str,
    base64: &str,
) -> Result<Option<Bytes>, ClientError> {
    if base64.is_empty() {
        return Ok(json.map(|json| Bytes::copy_from_slice(json.get().as_bytes())));
    }
    let bytes = BASE64_STANDARD.decode(base64);
    let bytes = bytes.map_err(|error| bad_request(&format!("`{name_of_base64}`: {error}")))?;
    Ok(Some(bytes.into()))
}

impl Target {
    /// Whose sessions those are. A session's client is enough to find it; where the user is
    /// said, too, it has to be theirs.
    pub(super) fn whose(self) -> Result<Whose, ClientError> {
        let Self {
            user,
            client,
            session,
        } = self;
        if !session.is_empty() {
            return Err(bad_request(
                "sessions are named by `client`; `session` is their own secret",
            ));
        }
        match (client.is_empty(), user.is_empty()) {
            (true, true) => Err(bad_request("`user` or `client` is missing")),
            (true, false) => Ok(Whose::User(user)),
            (false, true) => Ok(Whose::Client(client)),
            (false, false) => Ok(Whose::ClientOf { client, user }),
        }
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
