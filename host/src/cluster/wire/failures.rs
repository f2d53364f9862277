//! What keeps nodes from being linked, in the log.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::time::Instant;

use super::admission::Crowded;
use super::channel::Lost;
use super::dialler::DialError;
use super::protocol::refusal::Reason;
use super::refused::Refused;
use crate::cluster::timing::SAY_AGAIN;

/// Why other nodes are not linked, said once and not at every attempt. What counts as
/// the same is the kind and not the text, which a stranger may vary.
#[derive(Debug, Default)]
pub(in crate::cluster) struct FailureLog(Mutex<BTreeMap<Said, Instant>>);

/// With whom, and of what kind.
type Said = (Arc<str>, &'static str);

/// Most failures that are remembered; beyond it the oldest gives way.
const MAX_FAILURES: usize = 1024;

impl FailureLog {
    /// Logs why there is no link to `address`, unless that was said lately.
    pub(in crate::cluster) fn no_link(&self, address: &str, lost: &Lost) {
        let expected = match lost {
            Lost::Refuses(Refused::Linked | Refused::Itself)
            | Lost::Replaced
            | Lost::Superseded => true,
            Lost::Refused(refusal) => {
                matches!(refusal.reason(), Reason::Linked | Reason::Self_)
            }
            _ => false,
        };
        if expected {
            tracing::debug!(address, reason = %lost, "no link was made");
            return;
        }
        if !self.is_new(address, lost.kind()) {
            return;
        }
        match lost {
            Lost::Refuses(refused) => tracing::error!(address, "refused a node: {refused}"),
            Lost::Refused(refusal) => {
                tracing::error!(address, "refused by a node: {}", refusal.message);
            }
            lost => tracing::warn!(address, "no link was made: {lost}"),
        }
    }

    /// Logs why `address` cannot be dialled, unless that was said lately.
    pub(in crate::cluster) fn not_dialled(&self, address: &str, error: &DialError) {
        if self.is_new(address, error.kind()) {
            tracing::warn!(address, "cannot dial a node, trying again: {error}");
        }
    }

    /// Logs why a connection from `address` was not taken, unless that was said lately.
    pub(in crate::cluster) fn not_secured(&self, address: &str, error: &io::Error) {
        if self.is_new(address, "securing") {
            tracing::warn!(address, "the TLS handshake of another node failed: {error}");
        }
    }

    /// Logs that a connection from `address` was turned away, unless that was said lately.
    pub(in crate::cluster) fn turned_away(&self, address: &str, crowded: &Crowded) {
        if self.is_new(address, crowded.kind()) {
            tracing::warn!(
                address,
                "turned away a connection of another node: {crowded}"
            );
        }
    }

    fn is_new(&self, about: &str, kind: &'static str) -> bool {
        let mut said = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (Arc::from(about), kind);
        if said.get(&key).is_some_and(|at| at.elapsed() < SAY_AGAIN) {
            return false;
        }
        if said.len() >= MAX_FAILURES
            && let Some(oldest) = said.iter().min_by_key(|(_, at)| **at)
        {
            let oldest = oldest.0.clone();
            said.remove(&oldest);
        }
        said.insert(key, Instant::now());
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_same_kind_is_said_once_a_minute_whatever_the_text() {
        let failures = FailureLog::default();
        assert!(failures.is_new("10.0.0.1", "name"));
        assert!(!failures.is_new("10.0.0.1", "name"));
        assert!(failures.is_new("10.0.0.1", "cluster"));
        assert!(failures.is_new("10.0.0.2", "name"));
        tokio::time::advance(SAY_AGAIN).await;
        assert!(failures.is_new("10.0.0.1", "name"));
    }

    #[tokio::test(start_paused = true)]
    async fn many_strangers_do_not_make_it_forget_who_spoke_last() {
        let failures = FailureLog::default();
        for stranger in 0..MAX_FAILURES * 2 {
            assert!(failures.is_new(&stranger.to_string(), "name"));
            tokio::time::advance(std::time::Duration::from_millis(1)).await;
        }
        assert_eq!(failures.0.lock().unwrap().len(), MAX_FAILURES);
        assert!(!failures.is_new(&(MAX_FAILURES * 2 - 1).to_string(), "name"));
    }
}
