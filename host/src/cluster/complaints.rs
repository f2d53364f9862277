//! What keeps nodes from being linked, in the log.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::time::Instant;

use super::channel::Lost;
use super::handshake::Refused;
use super::protocol::refusal::Reason;
use super::timing::COMPLAIN_AGAIN;
use super::transport::DialError;

/// Why other nodes are not linked, said once and not at every attempt.
#[derive(Debug, Default)]
pub(super) struct Complaints(Mutex<BTreeMap<Arc<str>, Complaint>>);

#[derive(Debug)]
struct Complaint {
    text: String,
    at: Instant,
}

/// Most nodes that are remembered.
const MAX_COMPLAINTS: usize = 1024;

impl Complaints {
    /// Logs why there is no link to `address`, unless that was said lately.
    pub(super) fn about(&self, address: &str, lost: &Lost) {
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
        if !self.is_new(address, lost.to_string()) {
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
    pub(super) fn about_dialling(&self, address: &str, error: &DialError) {
        if self.is_new(address, error.to_string()) {
            tracing::warn!(address, "cannot dial a node, trying on: {error}");
        }
    }

    /// Logs why a connection from `address` was not taken, unless that was said lately.
    pub(super) fn about_securing(&self, address: &str, error: &io::Error) {
        if self.is_new(address, error.to_string()) {
            tracing::warn!(address, "the TLS handshake of another node failed: {error}");
        }
    }

    fn is_new(&self, about: &str, text: String) -> bool {
        let mut said = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = said.get(about);
        if known.is_some_and(|known| known.text == text && known.at.elapsed() < COMPLAIN_AGAIN) {
            return false;
        }
        if said.len() >= MAX_COMPLAINTS {
            said.clear();
        }
        let at = Instant::now();
        said.insert(about.into(), Complaint { text, at });
        true
    }
}
