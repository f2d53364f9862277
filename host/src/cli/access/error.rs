//! What can be wrong with what is asked of `hearken access`.

use crate::access::{NoPrincipal, NoRandomness, SignError};
use crate::event::{PatternError, TypeError};

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(in crate::cli) enum AccessCommandError {
    /// A name that the configuration would not take.
    #[error(
        "`{name}` cannot be the name of {of}: {problem}; it has 1 to 63 characters of A-Z a-z 0-9 . _ -"
    )]
    Name {
        /// The name.
        name: String,
        /// Of what.
        of: &'static str,
        /// What is wrong with it.
        problem: String,
    },
    /// A time that is past or none.
    #[error(
        "`--expires {given}`: {problem}; write how long it is valid (`1h`, `90days`), or a time \
         (`2027-12-31T00:00:00Z`)"
    )]
    Expires {
        /// What was written.
        given: String,
        /// What is wrong with it.
        problem: String,
    },
    /// Nothing signs tokens.
    #[error(
        "no `[access.tokens.NAME]` with a `hmac_secret_file` is configured, which would sign the token"
    )]
    NoIssuer,
    /// Several could sign.
    #[error(
        "several `[access.tokens.NAME]` have a `hmac_secret_file`: say which with `--issuer`: {0}"
    )]
    WhichIssuer(String),
    /// It is not configured.
    #[error("there is no `[access.tokens.{name}]`; {hint}")]
    UnknownIssuer {
        /// The name.
        name: String,
        /// What there is.
        hint: String,
    },
    /// The token cannot be signed.
    #[error(transparent)]
    Sign(#[from] SignError),
    /// The key cannot be made.
    #[error(transparent)]
    Randomness(#[from] NoRandomness),
    /// The principal is none.
    #[error(transparent)]
    Principal(#[from] NoPrincipal),
    /// An act without what it is done to.
    #[error("say what: `hearken access explain PRINCIPAL {act} {example}`")]
    WhatMissing {
        /// The act.
        act: &'static str,
        /// An example.
        example: &'static str,
    },
    /// An act that is done to nothing.
    #[error("`{0}` is a right of its own, without anything after it")]
    WhatTooMuch(&'static str),
    /// The type of an event is none.
    #[error(transparent)]
    Type(#[from] TypeError),
    /// The pattern is none.
    #[error(transparent)]
    Pattern(#[from] PatternError),
}

impl AccessCommandError {
    /// Whether the command line makes no sense.
    pub(in crate::cli) fn is_senseless(&self) -> bool {
        !matches!(self, Self::Sign(_) | Self::Randomness(_))
    }
}
