//! From a token to who it is.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, crypto};
use serde::Deserialize;
use serde::de::{DeserializeOwned, IgnoredAny};
use serde_json::{Map, Value};

use super::claims::{self, LEEWAY_MILLIS};
use super::issuer::{Issuer, Keys};
use super::jwk::VerifyingKey;
use crate::access::refusal::{MAX_TOKEN_BYTES, Unauthenticated};
use crate::access::verified_claims::VerifiedClaims;

/// What a token that is right says.
#[derive(Clone, Debug)]
pub(in crate::access) struct Verified {
    pub(in crate::access) issuer: Arc<Issuer>,
    pub(in crate::access) subject: String,
    pub(in crate::access) roles: Vec<String>,
    /// Milliseconds since the Unix epoch, without leeway.
    pub(in crate::access) expires: u64,
    /// Of the key that it was signed with.
    fingerprint: [u8; 32],
}

impl Verified {
    /// When it is not taken any more, in milliseconds since the Unix epoch.
    pub(in crate::access) fn taken_until(&self) -> u64 {
        self.expires.saturating_add(LEEWAY_MILLIS)
    }

    /// Whether it is still taken at that time, as long as the settings are the same.
    pub(in crate::access) fn is_taken(&self, now: u64) -> bool {
        now < self.taken_until() && self.key_is_there()
    }

    /// Has the keys of its issuer fetched again when they are old: the token is used still, and
    /// is not checked anew.
    pub(in crate::access) fn keep_fresh(&self) {
        if let Some(set) = self.issuer.key_set() {
            set.refresh();
        }
    }

    /// Whether the issuer still has the key that it was signed with.
    pub(in crate::access) fn key_is_there(&self) -> bool {
        let set = self.issuer.key_set();
        set.is_none_or(|set| set.has(&self.fingerprint))
    }
}

/// Checks a token of one of `issuers` at the time `now`.
pub(in crate::access) async fn verify(
    token: &str,
    issuers: &[Arc<Issuer>],
    now: u64,
) -> Result<Verified, Unauthenticated> {
    let Signed {
        claims,
        issuer,
        key,
    } = signed(token, issuers).await?;
    let claims = claims::check(&claims, issuer, now)?;
    Ok(Verified {
        issuer: Arc::clone(issuer),
        subject: claims.subject,
        roles: claims.roles,
        expires: claims.expires,
        fingerprint: key.fingerprint(),
    })
}

/// Checks a session's token of that issuer at the time `now`.
pub(in crate::access) async fn verify_session(
    token: &str,
    issuer: &Arc<Issuer>,
    now: u64,
) -> Result<VerifiedClaims, Unauthenticated> {
    let Signed { claims, .. } = signed(token, std::slice::from_ref(issuer)).await?;
    let (user, roles) = claims::check_session(&claims, issuer, now)?;
    Ok(VerifiedClaims {
        claims,
        user,
        roles,
    })
}

/// The claims of a token of which it is known who has signed it, and no more.
struct Signed<'i> {
    claims: Map<String, Value>,
    issuer: &'i Arc<Issuer>,
    key: Arc<VerifyingKey>,
}

/// Checks that a token was signed by one of `issuers`.
async fn signed<'i>(
    token: &str,
    issuers: &'i [Arc<Issuer>],
) -> Result<Signed<'i>, Unauthenticated> {
    if token.len() > MAX_TOKEN_BYTES {
        return Err(Unauthenticated::TokenTooLong);
    }
    let token = Token::read(token).ok_or(Unauthenticated::Malformed)?;
    // No extension is understood here that must be (RFC 7515, section 4.1.11).
    if token.header.crit.is_some() {
        return Err(Unauthenticated::Malformed);
    }
    // There is no `none`, nor anything that nobody should use.
    let algorithm = token.header.alg.parse::<Algorithm>();
    let algorithm = algorithm.map_err(|_| Unauthenticated::WrongAlgorithm)?;
    let claimed = claims::text(&token.claims, "iss");
    let issuer = chosen(issuers, claimed).ok_or(Unauthenticated::UnknownIssuer)?;
    let key = match &issuer.keys {
        Keys::One(key) => Arc::clone(key),
        Keys::Set(set) => set.key(token.header.kid.as_deref(), algorithm).await?,
    };
    if !key.algorithms.contains(&algorithm) {
        return Err(Unauthenticated::WrongAlgorithm);
    }
    token.check_signature(&key, algorithm)?;
    Ok(Signed {
        claims: token.claims,
        issuer,
        key,
    })
}

/// A token that is read and not yet believed.
struct Token<'t> {
    header: Header,
    claims: Map<String, Value>,
    /// What is signed.
    message: &'t str,
    signature: &'t str,
}

/// What is needed of a header; issuers put all kinds of things beside that.
#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
    crit: Option<IgnoredAny>,
}

impl<'t> Token<'t> {
    fn read(token: &'t str) -> Option<Self> {
        let (message, signature) = token.rsplit_once('.')?;
        let (header, claims) = message.split_once('.')?;
        Some(Self {
            header: json(header)?,
            claims: json(claims)?,
            message,
            signature,
        })
    }

    fn check_signature(
        &self,
        key: &VerifyingKey,
        algorithm: Algorithm,
    ) -> Result<(), Unauthenticated> {
        let message = self.message.as_bytes();
        match crypto::verify(self.signature, message, &key.key, algorithm) {
            Ok(true) => Ok(()),
            Ok(false) => Err(Unauthenticated::WrongSignature),
            Err(_) => Err(Unauthenticated::Malformed),
        }
    }
}

fn json<T: DeserializeOwned>(part: &str) -> Option<T> {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).ok()?).ok()
}

/// The issuer that a token names, or else the one that has no name.
fn chosen<'i>(issuers: &'i [Arc<Issuer>], claimed: Option<&str>) -> Option<&'i Arc<Issuer>> {
    let named = |issuer: &&Arc<Issuer>| claimed.is_some() && issuer.issuer.as_deref() == claimed;
    let unnamed = |issuer: &&Arc<Issuer>| issuer.issuer.is_none();
    let found = issuers.iter().find(named);
    found.or_else(|| issuers.iter().find(unnamed))
}
