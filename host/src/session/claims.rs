//! What the tokens of sessions claim. The names are Centrifugo's.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::capabilities::{Capabilities, CapabilitiesError, read_verbs};
use super::grant::{Overrides, SubscriptionGrant};
use super::verb::Verbs;

/// What a connection token says.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ConnectionClaims {
    /// The user; empty for nobody.
    pub user: String,
    /// When the connection expires, in seconds since the Unix epoch; `None` for never.
    pub expire_at: Option<u64>,
    /// What others are shown of the connection.
    pub info: Option<Bytes>,
    /// Channels that the session is subscribed to when it connects.
    pub subs: BTreeMap<String, SubscriptionGrant>,
    /// What the node's own plugins are shown of the connection, and no client.
    pub meta: Option<Value>,
    /// What the token allows by itself.
    pub capabilities: Capabilities,
    /// The token's own id (`jti`).
    pub id: Option<String>,
}

/// What a subscription token says.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SubscriptionClaims {
    /// The channel.
    pub channel: String,
    /// The user; empty for nobody.
    pub user: String,
    /// The client alone that may use it; `None` for each of the user's.
    pub client: Option<String>,
    /// When the subscription expires, in seconds since the Unix epoch; `None` for never.
    pub expire_at: Option<u64>,
    /// What the subscription is like.
    pub grant: SubscriptionGrant,
    /// What else may be done with the channel.
    pub allow: Verbs,
}

/// The claims are not those of such a token: it is as wrong as one with a wrong signature.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ClaimsError {
    /// A claim is not of its form.
    #[error("the token's claim `{claim}` is not of its form: {problem}")]
    Wrong {
        /// Its name.
        claim: &'static str,
        /// What is wrong with it.
        problem: String,
    },
    /// The token is one for a subscription.
    #[error("a connection token has no claim `channel`: that is one of subscription tokens")]
    Subscription,
    /// The token is for no channel.
    #[error("a subscription token needs the claim `channel`")]
    NoChannel,
    /// The capabilities are not of their form.
    #[error("the token's claim is not of its form: {0}")]
    Capabilities(#[from] CapabilitiesError),
}

/// A subscription token is not for this: 3500.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Mismatch {
    /// It is for another channel.
    #[error("the subscription token is for another channel")]
    Channel,
    /// It is for another user.
    #[error("the subscription token is for another user")]
    User,
    /// It is for another client.
    #[error("the subscription token is for another client")]
    Client,
}

/// What stands under a channel in `subs`, and in a subscription token itself.
#[derive(Default, Deserialize)]
struct Options {
    #[serde(default)]
    info: Option<Value>,
    #[serde(default)]
    b64info: Option<String>,
    #[serde(default)]
    data: Option<Value>,
    #[serde(default)]
    b64data: Option<String>,
    #[serde(default, rename = "override")]
    overrides: Option<OverrideClaims>,
}

#[derive(Default, Deserialize)]
struct OverrideClaims {
    presence: Option<Switch>,
    join_leave: Option<Switch>,
    force_recovery: Option<Switch>,
    force_positioning: Option<Switch>,
    force_push_join_leave: Option<Switch>,
}

/// A switch that can be told from one that is not there.
#[derive(Deserialize)]
struct Switch {
    #[serde(default)]
    value: bool,
}

impl ConnectionClaims {
    /// Reads the claims of a token whose signature is right.
    ///
    /// # Errors
    /// [`ClaimsError`] if they are not those of a connection token.
    pub fn read(claims: &Map<String, Value>) -> Result<Self, ClaimsError> {
        if !text(claims, "channel")?.unwrap_or_default().is_empty() {
            return Err(ClaimsError::Subscription);
        }
        let mut subs = BTreeMap::new();
        let named: Option<BTreeMap<String, Options>> = read(claims, "subs")?;
        for (channel, options) in named.into_iter().flatten() {
            subs.insert(channel, options.grant()?);
        }
        if subs.is_empty() {
            let channels: Option<Vec<String>> = read(claims, "channels")?;
            let plain = |channel| (channel, SubscriptionGrant::default());
            subs.extend(channels.into_iter().flatten().map(plain));
        }
        Ok(Self {
            user: text(claims, "sub")?.unwrap_or_default(),
            expire_at: expire_at(claims)?,
            info: data(claims.get("info"), text(claims, "b64info")?, "b64info")?,
            subs,
            meta: present(claims, "meta").cloned(),
            capabilities: match present(claims, "caps") {
                Some(caps) => Capabilities::read(caps)?,
                None => Capabilities::default(),
            },
            id: text(claims, "jti")?,
        })
    }
}

impl SubscriptionClaims {
    /// Reads the claims of a token whose signature is right.
    ///
    /// # Errors
    /// [`ClaimsError`] if they are not those of a subscription token.
    pub fn read(claims: &Map<String, Value>) -> Result<Self, ClaimsError> {
        let channel = text(claims, "channel")?.unwrap_or_default();
        if channel.is_empty() {
            return Err(ClaimsError::NoChannel);
        }
        let options = Options {
            info: present(claims, "info").cloned(),
            b64info: text(claims, "b64info")?,
            data: present(claims, "data").cloned(),
            b64data: text(claims, "b64data")?,
            overrides: read(claims, "override")?,
        };
        let allow: Option<Vec<String>> = read(claims, "allow")?;
        Ok(Self {
            channel,
            user: text(claims, "sub")?.unwrap_or_default(),
            client: text(claims, "client")?.filter(|client| !client.is_empty()),
            expire_at: expire_at(claims)?,
            grant: options.grant()?,
            allow: read_verbs(&allow.unwrap_or_default()),
        })
    }

    /// Checks that the token is for this channel, the user of the session, and the session.
    ///
    /// # Errors
    /// [`Mismatch`] says for what it is not.
    pub fn check(&self, channel: &str, user: &str, client: &str) -> Result<(), Mismatch> {
        if self.channel != channel {
            return Err(Mismatch::Channel);
        }
        if self.user != user {
            return Err(Mismatch::User);
        }
        match &self.client {
            Some(own) if own != client => Err(Mismatch::Client),
            _ => Ok(()),
        }
    }
}

impl Options {
    fn grant(self) -> Result<SubscriptionGrant, ClaimsError> {
        let overrides = self.overrides.unwrap_or_default();
        let value = |switch: Option<Switch>| switch.map(|switch| switch.value);
        Ok(SubscriptionGrant {
            info: data(self.info.as_ref(), self.b64info, "b64info")?,
            data: data(self.data.as_ref(), self.b64data, "b64data")?,
            overrides: Overrides {
                presence: value(overrides.presence),
                join_leave: value(overrides.join_leave),
                force_recovery: value(overrides.force_recovery),
                force_positioning: value(overrides.force_positioning),
                force_push_join_leave: value(overrides.force_push_join_leave),
            },
        })
    }
}

/// When what the token begins ends: `expire_at`, of which 0 means never, or else `exp`.
fn expire_at(claims: &Map<String, Value>) -> Result<Option<u64>, ClaimsError> {
    if let Some(expire_at) = read::<i64>(claims, "expire_at")? {
        return Ok(u64::try_from(expire_at).ok().filter(|at| *at > 0));
    }
    // Whose fraction does not matter here.
    let seconds: Option<f64> = read(claims, "exp")?;
    Ok(seconds.map(|seconds| seconds as u64))
}

/// JSON as it is, or bytes in Base64, which count where both are there.
fn data(
    json: Option<&Value>,
    base64: Option<String>,
    claim: &'static str,
) -> Result<Option<Bytes>, ClaimsError> {
    if let Some(base64) = base64.filter(|base64| !base64.is_empty()) {
        let bytes = STANDARD
            .decode(base64)
            .map_err(|error| wrong(claim, error))?;
        return Ok(Some(bytes.into()));
    }
    let json = json.filter(|json| !json.is_null());
    Ok(json.map(|json| json.to_string().into()))
}

/// A claim that is there and not `null`.
fn present<'c>(claims: &'c Map<String, Value>, claim: &str) -> Option<&'c Value> {
    claims.get(claim).filter(|value| !value.is_null())
}

fn text(claims: &Map<String, Value>, claim: &'static str) -> Result<Option<String>, ClaimsError> {
    read(claims, claim)
}

fn read<T: DeserializeOwned>(
    claims: &Map<String, Value>,
    claim: &'static str,
) -> Result<Option<T>, ClaimsError> {
    match present(claims, claim) {
        Some(value) => match T::deserialize(value) {
            Ok(value) => Ok(Some(value)),
            Err(error) => Err(wrong(claim, error)),
        },
        None => Ok(None),
    }
}

fn wrong(claim: &'static str, problem: impl ToString) -> ClaimsError {
    ClaimsError::Wrong {
        claim,
        problem: problem.to_string(),
    }
}

#[cfg(test)]
mod tests;
