//! Sets of public keys (JWKS, RFC 7517) that lie at an address.

use bytes::Bytes;
use futures_util::future::BoxFuture;

/// Fetches sets of keys for this room, which knows no network.
pub trait FetchKeySet: Send + Sync + 'static {
    /// What lies at `url`, of at most [`MAX_KEY_SET`] bytes.
    fn fetch<'a>(&'a self, url: &'a str) -> BoxFuture<'a, Result<Bytes, FetchError>>;
}

/// Where no sets of keys are.
pub(super) struct NoKeySets;

impl FetchKeySet for NoKeySets {
    fn fetch<'a>(&'a self, _: &'a str) -> BoxFuture<'a, Result<Bytes, FetchError>> {
        let error = FetchError("there are no sets of keys here".to_owned());
        Box::pin(std::future::ready(Err(error)))
    }
}

/// Largest set of keys in bytes: more than any issuer has.
pub const MAX_KEY_SET: usize = 1 << 20;

/// Why a set of keys cannot be had.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct FetchError(pub String);
