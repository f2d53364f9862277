//! Why somebody is refused. None of the texts has anything of the credential.

use std::path::PathBuf;
use std::time::Duration;

use super::budget::whole_seconds;
use super::principal::Principal;

/// Longest token in bytes. Longer ones are refused before anything is read.
pub(super) const MAX_TOKEN_BYTES: usize = 8 << 10;

/// Nobody knows who it is: what HTTP calls 401, and 429 when there were too many.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unauthenticated {
    /// There are no credentials.
    #[error(
        "this node asks who you are: send `Authorization: Bearer KEY`, or name the file of the key \
         with `--key-file FILE` (HEARKEN_KEY has the key itself); `hearken access key NAME` makes one"
    )]
    Missing,
    /// It is neither a key nor a token.
    #[error(
        "the credential is neither a key (`hrk_…`) nor a token (JWT); send the whole of either"
    )]
    Malformed,
    /// The key is none of this node's.
    #[error(
        "this node does not know the key; it may be incomplete, from another node, or replaced: \
         ask for another, which `hearken access key NAME` makes"
    )]
    WrongKey,
    /// The key was this node's.
    #[error("the key has expired; ask for another, which `hearken access key NAME` makes")]
    KeyExpired,
    /// The token is longer than any that a person or a program needs.
    #[error("the token is longer than {MAX_TOKEN_BYTES} bytes; let it claim less")]
    TokenTooLong,
    /// No entry is of the token's issuer.
    #[error("no `[access.tokens.NAME]` of this node has the token's issuer (`iss`)")]
    UnknownIssuer,
    /// The algorithm is none that the issuer's key is for.
    #[error(
        "this node does not take the token's algorithm (`alg`) from its issuer: a shared secret is \
         for HS256, HS384 and HS512, a public key for those of its kind, and `none` is never \
         accepted"
    )]
    WrongAlgorithm,
    /// The issuer has no key of that id.
    #[error(
        "the token's issuer has no key with the token's key id (`kid`) for its algorithm; it may \
         have been signed with a key that was replaced: ask for another"
    )]
    UnknownKeyId,
    /// The keys of the issuer have never been seen.
    #[error("the keys of the token's issuer cannot be fetched now; try again in some seconds")]
    KeysUnavailable,
    /// Somebody else signed it, or it was changed.
    #[error(
        "the token's signature is not its issuer's; it may be incomplete, changed, or from another \
         node"
    )]
    WrongSignature,
    /// It is meant for somebody else.
    #[error(
        "the token's audience (`aud`) is not the `audience` of its issuer's `[access.tokens.NAME]`"
    )]
    WrongAudience,
    /// Its time is over.
    #[error("the token has expired (`exp`); ask for another")]
    TokenExpired,
    /// Its time has not begun.
    #[error("the token is not valid yet (`nbf`); wait, or set the clocks")]
    NotYetValid,
    /// A claim that is needed is missing or not what it must be.
    #[error(
        "the token's claim `{claim}` is missing or not of its form: `exp` and `nbf` are seconds since \
         1970, `sub` is a text of 1 to 255 bytes"
    )]
    WrongClaim {
        /// Which.
        claim: &'static str,
    },
    /// This node takes no tokens.
    #[error("this node takes keys (`hrk_…`) and no tokens: it has no `[access.tokens.NAME]`")]
    NoTokens,
    /// No entry has a name that the certificate has.
    #[error(
        "no `[access.certificates.NAME]` of this node has a `subject_alt_name` of the certificate"
    )]
    UnknownCertificate,
    /// More wrong credentials came from the address than may within some seconds.
    #[error(
        "too many wrong credentials came from this address; try again in {} with another",
        whole_seconds(*retry_after)
    )]
    TooManyWrong {
        /// When to try again.
        retry_after: Duration,
    },
}

impl Unauthenticated {
    /// Whether it was tried with something that may have been guessed.
    pub(super) fn is_wrong(&self) -> bool {
        !matches!(
            self,
            Self::Missing | Self::UnknownCertificate | Self::KeysUnavailable
        )
    }
}

/// It is known who it is, who may not do that: what HTTP calls 403.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{principal}` may not do this: it lacks the right `{right}`; a role in `[access.roles]` gives it, \
     and `hearken access explain` says why it does not"
)]
pub struct Forbidden {
    /// Who.
    pub principal: Principal,
    /// The right that is missing: `publish custom.shop.paid`.
    pub right: String,
}

impl Forbidden {
    /// Whoever has given no credentials should rather do so than be told that they may not.
    #[must_use]
    pub fn unauthenticated(&self) -> Option<Unauthenticated> {
        (self.principal == Principal::Anonymous).then_some(Unauthenticated::Missing)
    }
}

/// Why an identity does not hold any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Ended {
    /// The key is not in the configuration any more.
    #[error("the key was removed")]
    KeyRemoved,
    /// The key's time is over.
    #[error("the key has expired")]
    KeyExpired,
    /// The issuer of the token is not in the configuration any more, or another.
    #[error("the token's issuer was removed or changed")]
    IssuerRemoved,
    /// The issuer has taken back the key that the token was signed with.
    #[error("the token's issuer has withdrawn its key")]
    IssuersKeyRemoved,
    /// The token's time is over.
    #[error("the token has expired")]
    TokenExpired,
    /// The entry of the certificate is not in the configuration any more.
    #[error("the certificate's entry was removed")]
    CertificateRemoved,
    /// Not all that was allowed is allowed any more.
    #[error("the rights were narrowed")]
    Narrowed,
    /// Who has no credentials is not served any more as it was.
    #[error("the node asks for credentials now")]
    CredentialsAsked,
}

/// Why settings cannot hold.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AccessError {
    /// Two keys have the same public part, so that nobody knows whose it is.
    #[error(
        "{place}: the key `{public}` of `access.keys.{name}` is one of `access.keys.{other}` too; \
         make another with `hearken access key {name}`"
    )]
    SameKey {
        /// Where the entry stands that has it too.
        place: String,
        /// The public part.
        public: String,
        /// The name of that entry.
        name: String,
        /// The name of the entry that has it already.
        other: String,
    },
    /// A file with which signatures of tokens would be checked cannot be used.
    #[error("{place}: `access.tokens.{name}` cannot use the file {}: {problem}", file.display())]
    TokenFile {
        /// Where the file is named.
        place: String,
        /// Name of the entry.
        name: String,
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// Nobody knows which of two entries a token is of.
    #[error(
        "{place}: `access.tokens.{name}` has the same `issuer` as `access.tokens.{other}`, or both have \
         none; give each its own"
    )]
    SameIssuer {
        /// Where the entry stands.
        place: String,
        /// Name of the entry.
        name: String,
        /// Name of the entry that has it already.
        other: String,
    },
    /// Two entries are of the same certificate.
    #[error(
        "{place}: `{subject_alt_name}` is the `subject_alt_name` of `access.certificates.{name}` and \
         of `access.certificates.{other}`; leave one of them"
    )]
    SameCertificate {
        /// Where the entry stands that has it too.
        place: String,
        /// The name in the certificate.
        subject_alt_name: String,
        /// The name of that entry.
        name: String,
        /// The name of the entry that has it already.
        other: String,
    },
}
