//! What the token of a session claims.

use std::fmt;

use serde_json::{Map, Value};

/// The claims of a token that was checked, for whom a subject and roles are not enough.
#[derive(Clone, PartialEq, Eq)]
pub struct VerifiedClaims {
    /// All claims, those of [`Self::user`] and [`Self::roles`] and the times included.
    pub claims: Map<String, Value>,
    /// The subject (`sub`), of at most 255 bytes without control characters; empty for
    /// nobody.
    pub user: String,
    /// Names of the roles, of which some may not exist.
    pub roles: Vec<String>,
}

/// What a token says of people is nobody else's business.
impl fmt::Debug for VerifiedClaims {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerifiedClaims")
            .field("user", &self.user)
            .field("roles", &self.roles)
            .finish_non_exhaustive()
    }
}
