//! Signs tokens with a shared secret, for development.

use jsonwebtoken::{EncodingKey, Header, encode};
use serde_json::{Map, Value};

use super::issuer::read_secret;
use super::provider;
use crate::access::settings::{TokenIssuer, TokenSource};

/// A token to sign.
#[derive(Clone, Debug)]
pub struct NewToken<'a> {
    /// Who it is for.
    pub subject: &'a str,
    /// Names of the roles.
    pub roles: &'a [String],
    /// From when on it is valid, in seconds since the Unix epoch.
    pub issued: u64,
    /// Until when it is valid, in seconds since the Unix epoch.
    pub expires: u64,
    /// The session channel that it is for; `None` for a token to connect and for requests.
    pub channel: Option<&'a str>,
}

/// Why a token cannot be signed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignError {
    /// Only a shared secret signs.
    #[error(
        "`access.tokens.{0}` has no `hmac_secret_file`: only who has the private key can sign its tokens"
    )]
    NoSecret(String),
    /// The secret cannot be used.
    #[error("the secret {file} of `access.tokens.{name}` cannot be used: {problem}")]
    Secret {
        /// Name of the issuer.
        name: String,
        /// The file.
        file: String,
        /// What is wrong with it.
        problem: String,
    },
}

impl NewToken<'_> {
    /// The token, signed with the secret of the issuer of this name.
    ///
    /// # Errors
    /// [`SignError`] if it has none that can be used.
    pub fn sign(&self, name: &str, issuer: &TokenIssuer) -> Result<String, SignError> {
        provider::choose();
        let TokenSource::HmacSecretFile(file) = &issuer.source.value else {
            return Err(SignError::NoSecret(name.to_owned()));
        };
        let unusable = |problem: String| SignError::Secret {
            name: name.to_owned(),
            file: file.display().to_string(),
            problem,
        };
        let secret = read_secret(file).map_err(unusable)?;
        let key = EncodingKey::from_secret(&secret);
        let mut claims = Map::new();
        claims.insert("sub".to_owned(), self.subject.into());
        claims.insert("iat".to_owned(), self.issued.into());
        claims.insert("exp".to_owned(), self.expires.into());
        for (claim, value) in [("iss", &issuer.issuer), ("aud", &issuer.audience)] {
            if let Some(value) = value {
                claims.insert(claim.to_owned(), value.as_str().into());
            }
        }
        if let Some(channel) = self.channel {
            claims.insert("channel".to_owned(), channel.into());
        }
        let roles: Vec<Value> = self.roles.iter().map(|role| role.as_str().into()).collect();
        claims.insert(issuer.roles_claim.clone(), roles.into());
        encode(&Header::default(), &claims, &key).map_err(|error| unusable(error.to_string()))
    }
}
