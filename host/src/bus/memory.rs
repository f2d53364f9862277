//! What a publisher remembers of its last event. Most publish the same kind of
//! event again and again, which then is neither checked nor routed anew.

use std::sync::Arc;

use hearken_wire::EventRef;
use smallvec::SmallVec;

use super::receiver::Core;
use crate::event::{Draft, DraftError, Encoder, Stamp};

#[derive(Debug, Default)]
pub(super) struct Memory {
    encoder: Encoder,
    /// Whether the last event was like the one before, as the next then will be.
    repeated: bool,
    audience: Option<Audience>,
}

/// Who gets whatever is like the last event.
#[derive(Debug)]
struct Audience {
    /// Version of the routing table.
    version: u64,
    receivers: SmallVec<[Arc<Core>; 1]>,
}

impl Memory {
    /// Makes a draft the last event.
    ///
    /// # Errors
    /// [`DraftError`] when it breaks a rule; then the last event is still the last.
    pub(super) fn encode(
        &mut self,
        draft: &Draft<'_>,
        stamp: &Stamp<'_>,
    ) -> Result<(), DraftError> {
        self.repeated = self.encoder.encode(draft, stamp)?;
        if !self.repeated {
            self.audience = None;
        }
        Ok(())
    }

    /// The last event.
    #[inline]
    pub(super) fn last(&self) -> EventRef<'_> {
        self.encoder.last()
    }

    /// Forgets the last event if that takes too much memory.
    pub(super) fn trim(&mut self) {
        self.encoder.trim();
    }

    /// Calls `deliver` with the last event, each of those who get it, and their number;
    /// `find` finds them in the routing table, which has this version.
    pub(super) fn for_audience<'t>(
        &mut self,
        version: u64,
        find: impl FnOnce(&mut dyn FnMut(&'t Arc<Core>)),
        mut deliver: impl FnMut(EventRef<'_>, &Arc<Core>, usize),
    ) {
        let last = self.encoder.last();
        let mut found: SmallVec<[&Arc<Core>; 8]> = SmallVec::new();
        match &self.audience {
            Some(known) if known.version == version => {
                for receiver in &known.receivers {
                    deliver(last, receiver, known.receivers.len());
                }
                return;
            }
            _ => find(&mut |receiver| found.push(receiver)),
        }
        for receiver in &found {
            deliver(last, receiver, found.len());
        }
        self.audience = self.repeated.then(|| Audience {
            version,
            receivers: found.into_iter().cloned().collect(),
        });
    }
}
