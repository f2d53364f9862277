//! What a token claims.

use serde_json::{Map, Value};

use super::issuer::Issuer;
use crate::access::refusal::Unauthenticated;

/// How far the issuer's clock may be from this node's.
pub(super) const LEEWAY_MILLIS: u64 = 30_000;

/// Longest subject in bytes; it stands in the source of events.
const MAX_SUBJECT_BYTES: usize = 255;

/// Roles of a token that are looked at.
const MAX_ROLES: usize = 64;

/// What is taken from the claims of a token whose signature is right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Claims {
    pub(super) subject: String,
    pub(super) roles: Vec<String>,
    /// Milliseconds since the Unix epoch, without leeway.
    pub(super) expires: u64,
}

/// Checks the claims of a token of that issuer at that time (RFC 7519, section 4.1).
pub(super) fn check(
    claims: &Map<String, Value>,
    issuer: &Issuer,
    now: u64,
) -> Result<Claims, Unauthenticated> {
    check_addressed(claims, issuer)?;
    let expires = millis(claims.get("exp")).ok_or(wrong("exp"))?;
    if expires.saturating_add(LEEWAY_MILLIS) <= now {
        return Err(Unauthenticated::TokenExpired);
    }
    check_begun(claims, now)?;
    let is_named = |subject: &&str| !subject.is_empty() && is_subject(subject);
    let subject = text(claims, "sub").filter(is_named).ok_or(wrong("sub"))?;
    Ok(Claims {
        subject: subject.to_owned(),
        roles: roles(claims.get(&issuer.roles_claim)),
        expires,
    })
}

/// Checks the claims of a session's token of that issuer at that time, and gives its user
/// and roles: the token need not expire, and may be nobody's. When it does expire is taken
/// exactly, since the client then fetches another.
pub(super) fn check_session(
    claims: &Map<String, Value>,
    issuer: &Issuer,
    now: u64,
) -> Result<(String, Vec<String>), Unauthenticated> {
    check_addressed(claims, issuer)?;
    if let Some(expires) = there(claims, "exp") {
        let expires = millis(Some(expires)).ok_or(wrong("exp"))?;
        if expires <= now {
            return Err(Unauthenticated::TokenExpired);
        }
    }
    check_begun(claims, now)?;
    let user = match there(claims, "sub") {
        None => "",
        Some(subject) => (subject.as_str())
            .filter(|subject| is_subject(subject))
            .ok_or(wrong("sub"))?,
    };
    Ok((user.to_owned(), roles(claims.get(&issuer.roles_claim))))
}

fn wrong(claim: &'static str) -> Unauthenticated {
    Unauthenticated::WrongClaim { claim }
}

/// Checks who has signed the token, and for whom.
fn check_addressed(claims: &Map<String, Value>, issuer: &Issuer) -> Result<(), Unauthenticated> {
    if issuer.issuer.is_some() && text(claims, "iss") != issuer.issuer.as_deref() {
        return Err(Unauthenticated::UnknownIssuer);
    }
    if !is_for(claims.get("aud"), issuer.audience.as_deref()) {
        return Err(Unauthenticated::WrongAudience);
    }
    Ok(())
}

/// Checks that the token's time has begun.
fn check_begun(claims: &Map<String, Value>, now: u64) -> Result<(), Unauthenticated> {
    if let Some(not_before) = claims.get("nbf") {
        let not_before = millis(Some(not_before)).ok_or(wrong("nbf"))?;
        if not_before > now.saturating_add(LEEWAY_MILLIS) {
            return Err(Unauthenticated::NotYetValid);
        }
    }
    Ok(())
}

fn is_subject(subject: &str) -> bool {
    subject.len() <= MAX_SUBJECT_BYTES && !subject.contains(char::is_control)
}

/// A claim that is there and not `null`.
fn there<'c>(claims: &'c Map<String, Value>, name: &str) -> Option<&'c Value> {
    claims.get(name).filter(|value| !value.is_null())
}

pub(super) fn text<'c>(claims: &'c Map<String, Value>, name: &str) -> Option<&'c str> {
    claims.get(name).and_then(Value::as_str)
}

/// Whether the audience of a token is who checks it. A token that is for somebody is for
/// nobody else, even where no audience is configured.
fn is_for(claimed: Option<&Value>, audience: Option<&str>) -> bool {
    match (claimed, audience) {
        (None, None) => true,
        (Some(Value::String(claimed)), Some(audience)) => claimed == audience,
        (Some(Value::Array(claimed)), Some(audience)) => claimed
            .iter()
            .any(|claimed| claimed.as_str() == Some(audience)),
        _ => false,
    }
}

/// A time in seconds, which may have a fraction.
fn millis(claim: Option<&Value>) -> Option<u64> {
    let seconds = claim?.as_f64().filter(|seconds| *seconds >= 0.0)?;
    // A cast of what is too large gives the largest.
    Some((seconds * 1000.0) as u64)
}

/// Names in a list, or in a text with spaces between (as `scope` has them).
fn roles(claim: Option<&Value>) -> Vec<String> {
    match claim {
        Some(Value::String(names)) => {
            let names = names.split_ascii_whitespace().map(str::to_owned);
            names.take(MAX_ROLES).collect()
        }
        Some(Value::Array(names)) => {
            let names = names.iter().filter_map(Value::as_str).map(str::to_owned);
            names.take(MAX_ROLES).collect()
        }
        _ => Vec::new(),
    }
}
