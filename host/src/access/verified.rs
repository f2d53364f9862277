//! Tokens that were checked, so that each is checked once and not with every request.

use std::fmt;
use std::sync::Arc;

use quick_cache::sync::Cache;

use super::holder::Holder;
use super::token::Verified;

/// Tokens that are remembered, of a few hundred bytes each: more users than one node has at
/// a time.
const MAX_TOKENS: usize = 10_000;

/// Who has shown which token, by the token's hash, as long as the settings are the same.
pub(super) struct VerifiedTokens(Cache<[u8; 32], Known>);

/// Who has shown a token.
#[derive(Clone)]
pub(super) struct Known {
    pub(super) holder: Holder,
    pub(super) token: Arc<Verified>,
}

impl VerifiedTokens {
    pub(super) fn new() -> Self {
        Self(Cache::new(MAX_TOKENS))
    }

    /// By what a token is remembered.
    pub(super) fn hash(token: &str) -> [u8; 32] {
        *blake3::hash(token.as_bytes()).as_bytes()
    }

    /// Who has shown the token with this hash, if it is still taken.
    pub(super) fn get(&self, hash: &[u8; 32], now: u64) -> Option<Known> {
        let known = self.0.get(hash)?;
        if known.token.is_taken(now) {
            return Some(known);
        }
        self.0.remove(hash);
        None
    }

    pub(super) fn insert(&self, hash: [u8; 32], known: Known) {
        self.0.insert(hash, known);
    }
}

impl fmt::Debug for VerifiedTokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "VerifiedTokens({})", self.0.len())
    }
}
