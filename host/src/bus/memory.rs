//! What a publisher remembers of its last event. Most publish the same kind of
//! event again and again, which then is neither checked nor routed anew.

use std::sync::Arc;

use smallvec::SmallVec;

use super::receiver::Core;
use crate::event::{Draft, DraftError, Encoded, Encoder, Event, Stamp};

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
    ) -> Result<Event, DraftError> {
        let Encoded {
            event,
            like_the_last,
        } = self.encoder.encode(draft, stamp)?;
        self.repeated = like_the_last;
        if !like_the_last {
            self.audience = None;
        }
        Ok(event)
    }

    /// Calls `deliver` with everybody who gets the last event; `find` finds them in the
    /// routing table, which has this version.
    pub(super) fn for_audience<'t>(
        &mut self,
        version: u64,
        find: impl FnOnce(&mut dyn FnMut(&'t Arc<Core>)),
        mut deliver: impl FnMut(&Arc<Core>),
    ) {
        if !self.repeated {
            find(&mut |receiver| deliver(receiver));
            return;
        }
        if self
            .audience
            .as_ref()
            .is_none_or(|known| known.version != version)
        {
            let mut receivers = SmallVec::new();
            find(&mut |receiver| receivers.push(Arc::clone(receiver)));
            self.audience = Some(Audience { version, receivers });
        }
        let audience = self.audience.iter();
        audience
            .flat_map(|known| &known.receivers)
            .for_each(deliver);
    }
}
