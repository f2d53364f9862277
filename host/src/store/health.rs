//! Whether the store works, and since when it does not.

use std::sync::{Arc, PoisonError, RwLock};

use crate::admin::Trouble;
use crate::clock::Clock;
use crate::event::cloudevent::rfc3339;

/// What the store is called where operators see it.
const PART: &str = "the key-value store";

/// Says in the log when the store falls ill and when it recovers, once each.
pub(super) struct Health {
    trouble: RwLock<Option<Illness>>,
    clock: Arc<dyn Clock>,
}

struct Illness {
    reason: Arc<str>,
    since: u64,
}

impl Health {
    pub(super) fn new(clock: Arc<dyn Clock>) -> Self {
        Self {
            trouble: RwLock::new(None),
            clock,
        }
    }

    /// The store does not work; the reason of an illness that goes on is replaced.
    pub(super) fn fails(&self, reason: &Arc<str>) {
        let mut trouble = self.trouble.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(illness) = &mut *trouble {
            tracing::debug!(%reason, "{PART} still fails");
            illness.reason = Arc::clone(reason);
            return;
        }
        tracing::error!(
            %reason,
            "{PART} failed; until it works again, plugins' calls on it fail and /readyz answers 503"
        );
        *trouble = Some(Illness {
            reason: Arc::clone(reason),
            since: self.clock.now_millis(),
        });
    }

    /// The store works again.
    pub(super) fn works(&self) {
        let mut trouble = self.trouble.write().unwrap_or_else(PoisonError::into_inner);
        if trouble.take().is_some() {
            tracing::info!("{PART} works again");
        }
    }

    /// Why it does not work.
    pub(super) fn reason(&self) -> Option<Arc<str>> {
        let trouble = self.trouble.read().unwrap_or_else(PoisonError::into_inner);
        trouble.as_ref().map(|illness| Arc::clone(&illness.reason))
    }

    /// As operators are told.
    pub(super) fn trouble(&self) -> Option<Trouble> {
        let trouble = self.trouble.read().unwrap_or_else(PoisonError::into_inner);
        trouble.as_ref().map(|illness| Trouble {
            part: PART.to_owned(),
            reason: illness.reason.to_string(),
            since: rfc3339(illness.since),
        })
    }
}
