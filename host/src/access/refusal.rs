//! Why somebody is refused. None of the texts has anything of the credential.

use std::time::Duration;

use super::budget::whole_seconds;
use super::principal::Principal;

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
        "this node does not know the key; it may be cut off, of another node, or replaced: ask for \
         another, which `hearken access key NAME` makes"
    )]
    WrongKey,
    /// The key was this node's.
    #[error("the key has expired; ask for another, which `hearken access key NAME` makes")]
    KeyExpired,
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
        !matches!(self, Self::Missing | Self::UnknownCertificate)
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
