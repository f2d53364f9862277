//! Who signs tokens.

use super::form::{CLAIM, KEY_SET_URL};
use super::placed::{granted, wrong};
use crate::access::{TokenIssuer, TokenSource};
use crate::config::document::NamedSection;
use crate::config::error::ConfigError;
use crate::config::form::PATH;
use crate::config::place::Placed;

/// The claim that has the roles, unless told.
const ROLES_CLAIM: &str = "roles";

/// What a table of an issuer needs.
const ONE_SOURCE: &str = "one of `hmac_secret_file`, `public_key_file` and `jwks_url`";

pub(super) fn issuer(named: NamedSection<'_>) -> Result<TokenIssuer, ConfigError> {
    let NamedSection {
        name,
        place,
        mut section,
    } = named;
    let secret = section.placed("hmac_secret_file", &PATH)?;
    let public = section.placed("public_key_file", &PATH)?;
    let url = section.placed("jwks_url", &KEY_SET_URL)?;
    let issuer = section.value("issuer", &CLAIM)?;
    let audience = section.value("audience", &CLAIM)?;
    let roles_claim = section.value("roles_claim", &CLAIM)?;
    section.finish()?;
    let sources = [
        secret.map(|secret| of(secret, TokenSource::HmacSecretFile)),
        public.map(|public| of(public, TokenSource::PublicKeyFile)),
        url.map(|url| of(url, TokenSource::JwksUrl)),
    ];
    let mut sources = sources.into_iter().flatten();
    let refuse = |place, problem: &str| {
        Err(wrong(
            place,
            "access.tokens",
            &name,
            problem.to_owned(),
            ONE_SOURCE,
        ))
    };
    let Some(source) = sources.next() else {
        return refuse(&place, "it says nowhere with what signatures are checked");
    };
    if let Some(second) = sources.next() {
        return refuse(
            &second.place,
            "it says twice with what signatures are checked",
        );
    }
    Ok(TokenIssuer {
        place: place.to_string(),
        source: granted(source),
        issuer,
        audience,
        roles_claim: roles_claim.unwrap_or_else(|| ROLES_CLAIM.to_owned()),
    })
}

fn of<T>(placed: Placed<T>, kind: impl FnOnce(T) -> TokenSource) -> Placed<TokenSource> {
    Placed {
        value: kind(placed.value),
        place: placed.place,
    }
}
