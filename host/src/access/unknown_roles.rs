//! Roles that tokens claim and nobody has configured: they give nothing, and are said once.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

/// Names that are said; an issuer that makes them up fills no log.
const MAX_SAID: usize = 100;

/// The names that were said.
#[derive(Debug, Default)]
pub(super) struct UnknownRoles(Mutex<HashSet<String>>);

impl UnknownRoles {
    /// Says that a token of this issuer claims a role that does not exist, unless it was said.
    pub(super) fn say(&self, issuer: &str, role: &str) {
        if self.is_news(role) {
            tracing::warn!(
                issuer,
                ?role,
                "a token claims a role that is not in `[access.roles]`; it gives nothing"
            );
        }
    }

    fn is_news(&self, role: &str) -> bool {
        let mut said = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        said.len() < MAX_SAID && said.insert(role.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_said_once_and_not_too_many_are() {
        let roles = UnknownRoles::default();
        assert!(roles.is_news("a"));
        assert!(!roles.is_news("a"));
        let said = (0..1000).filter(|n| roles.is_news(&n.to_string())).count();
        assert_eq!(said, MAX_SAID - 1);
    }
}
