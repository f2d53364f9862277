//! Tokens (JWT, RFC 7519) that others sign: from the text to its subject and roles.

mod claims;
mod issuer;
mod jwk;
mod key_sets;
mod provider;
mod sign;
mod spki;
mod verify;

pub(super) use issuer::Issuer;
pub(super) use key_sets::{KeySetChanges, KeySets};
pub use sign::{NewToken, SignError};
pub(super) use verify::{Verified, verify, verify_session};
