//! From a token to who it is.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Header, Validation, decode, decode_header};
use serde_json::{Map, Value};

use super::claims::{self, LEEWAY_MILLIS};
use super::issuer::{Issuer, Keys};
use super::jwk::VerifyingKey;
use crate::access::refusal::{MAX_TOKEN_BYTES, Unauthenticated};

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
    if token.len() > MAX_TOKEN_BYTES {
        return Err(Unauthenticated::TokenTooLong);
    }
    let payload = payload(token).ok_or(Unauthenticated::Malformed)?;
    let header = decode_header(token).map_err(|error| match error.kind() {
        // The list of algorithms has no `none`, nor anything that nobody should use.
        ErrorKind::Json(_) => Unauthenticated::WrongAlgorithm,
        _ => Unauthenticated::Malformed,
    })?;
    // No extension is understood here that must be (RFC 7515, section 4.1.11).
    if header.crit.is_some() {
        return Err(Unauthenticated::Malformed);
    }
    let claimed = claims::text(&payload, "iss");
    let issuer = chosen(issuers, claimed).ok_or(Unauthenticated::UnknownIssuer)?;
    let key = key_of(issuer, &header).await?;
    if !key.algorithms.contains(&header.alg) {
        return Err(Unauthenticated::WrongAlgorithm);
    }
    let claims = signed(token, &header, &key)?;
    let claims = claims::check(&claims, issuer, now)?;
    Ok(Verified {
        issuer: Arc::clone(issuer),
        subject: claims.subject,
        roles: claims.roles,
        expires: claims.expires,
        fingerprint: key.fingerprint(),
    })
}

/// The claims before anything is known of them: they say only whose key is to be tried.
fn payload(token: &str) -> Option<Map<String, Value>> {
    let mut parts = token.split('.');
    let (_, payload, _) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() {
        return None;
    }
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).ok()?).ok()
}

/// The issuer that a token names, or else the one that has no name.
fn chosen<'i>(issuers: &'i [Arc<Issuer>], claimed: Option<&str>) -> Option<&'i Arc<Issuer>> {
    let named = |issuer: &&Arc<Issuer>| claimed.is_some() && issuer.issuer.as_deref() == claimed;
    let unnamed = |issuer: &&Arc<Issuer>| issuer.issuer.is_none();
    let found = issuers.iter().find(named);
    found.or_else(|| issuers.iter().find(unnamed))
}

async fn key_of(issuer: &Issuer, header: &Header) -> Result<Arc<VerifyingKey>, Unauthenticated> {
    match &issuer.keys {
        Keys::One(key) => Ok(Arc::clone(key)),
        Keys::Set(set) => set.key(header.kid.as_deref(), header.alg).await,
    }
}

/// The claims, if the signature over them is right.
fn signed(
    token: &str,
    header: &Header,
    key: &VerifyingKey,
) -> Result<Map<String, Value>, Unauthenticated> {
    let mut validation = Validation::new(header.alg);
    // What is claimed is checked by the node's own clock.
    validation.required_spec_claims.clear();
    validation.validate_exp = false;
    validation.validate_nbf = false;
    validation.validate_aud = false;
    match decode(token, &key.key, &validation) {
        Ok(token) => Ok(token.claims),
        Err(error) => Err(match error.kind() {
            ErrorKind::InvalidSignature => Unauthenticated::WrongSignature,
            ErrorKind::InvalidAlgorithm => Unauthenticated::WrongAlgorithm,
            _ => Unauthenticated::Malformed,
        }),
    }
}
