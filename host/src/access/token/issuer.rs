//! Who signs tokens, and how that is checked.

use std::path::Path;
use std::sync::Arc;

use super::jwk::{self, VerifyingKey};
use super::key_sets::{KeySet, KeySets};
use super::provider;
use crate::access::refusal::AccessError;
use crate::access::settings::{TokenIssuer, TokenSource};

/// Shortest shared secret in bytes: as long as the shortest hash (RFC 7518, section 3.2).
const MIN_SECRET_BYTES: usize = 32;

/// Largest file of a secret or a public key in bytes.
const MAX_KEY_FILE: u64 = 64 << 10;

/// An issuer of tokens, ready to check them.
#[derive(Clone, Debug)]
pub(in crate::access) struct Issuer {
    pub(super) name: String,
    pub(super) issuer: Option<String>,
    pub(super) audience: Option<String>,
    pub(super) roles_claim: String,
    pub(super) keys: Keys,
}

/// With what an issuer's signatures are checked.
#[derive(Clone, Debug)]
pub(super) enum Keys {
    /// Always the same.
    One(Arc<VerifyingKey>),
    /// What lies at an address.
    Set(Arc<KeySet>),
}

impl Issuer {
    /// Reads the files that the settings name.
    pub(in crate::access) fn load(
        name: &str,
        settings: &TokenIssuer,
        sets: &KeySets,
    ) -> Result<Self, AccessError> {
        provider::choose();
        let wrong = |file: &Path, problem: String| AccessError::TokenFile {
            place: settings.source.place.clone(),
            name: name.to_owned(),
            file: file.to_owned(),
            problem,
        };
        let keys = match &settings.source.value {
            TokenSource::HmacSecretFile(file) => {
                let secret = read_secret(file).map_err(|problem| wrong(file, problem))?;
                Keys::One(Arc::new(jwk::from_secret(&secret)))
            }
            TokenSource::PublicKeyFile(file) => {
                let key = read(file).and_then(|pem| jwk::from_pem(&pem));
                Keys::One(Arc::new(key.map_err(|problem| wrong(file, problem))?))
            }
            TokenSource::JwksUrl(url) => Keys::Set(sets.of(url)),
        };
        Ok(Self {
            name: name.to_owned(),
            issuer: settings.issuer.clone(),
            audience: settings.audience.clone(),
            roles_claim: settings.roles_claim.clone(),
            keys,
        })
    }

    /// The name of its table.
    pub(in crate::access) fn name(&self) -> &str {
        &self.name
    }

    /// Whether the tokens that the other took are taken by this one in the same way.
    pub(in crate::access) fn takes_what(&self, other: &Self) -> bool {
        let same_keys = match (&self.keys, &other.keys) {
            (Keys::One(own), Keys::One(other)) => own.fingerprint() == other.fingerprint(),
            (Keys::Set(own), Keys::Set(other)) => Arc::ptr_eq(own, other),
            _ => false,
        };
        same_keys
            && self.issuer == other.issuer
            && self.audience == other.audience
            && self.roles_claim == other.roles_claim
    }

    /// The set of keys at an address, if it has one.
    pub(in crate::access) fn key_set(&self) -> Option<&Arc<KeySet>> {
        match &self.keys {
            Keys::One(_) => None,
            Keys::Set(set) => Some(set),
        }
    }
}

/// The secret of a file; a line's end after it is not part of it.
pub(super) fn read_secret(file: &Path) -> Result<Vec<u8>, String> {
    let mut secret = read(file)?;
    if secret.ends_with(b"\n") {
        secret.pop();
        if secret.ends_with(b"\r") {
            secret.pop();
        }
    }
    if secret.len() < MIN_SECRET_BYTES {
        return Err(format!(
            "the secret has {} bytes, and needs {MIN_SECRET_BYTES} or more; make one with \
             `openssl rand -hex 32 > {}`",
            secret.len(),
            file.display()
        ));
    }
    Ok(secret)
}

fn read(file: &Path) -> Result<Vec<u8>, String> {
    let length = std::fs::metadata(file)
        .map_err(|error| error.to_string())?
        .len();
    if length > MAX_KEY_FILE {
        return Err(format!(
            "it has {length} bytes; at most {MAX_KEY_FILE} are read"
        ));
    }
    std::fs::read(file).map_err(|error| error.to_string())
}
