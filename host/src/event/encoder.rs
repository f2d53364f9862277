//! From drafts to events.

use hearken_wire::{EventRef, Fields};

use super::{Draft, DraftError};

/// Most bytes that an encoder keeps at hand, since a node may have a publisher for
/// each of a thousand plugins; larger events get their own.
const MAX_BUFFER_BYTES: usize = 16 << 10;

/// What the node of origin adds to a draft.
#[derive(Clone, Copy, Debug)]
pub struct Stamp<'a> {
    /// Id for a draft that has none, in two pieces.
    pub id: [&'a str; 2],
    /// Source for a draft that has none; a valid one.
    pub source: &'a str,
    /// Milliseconds since the Unix epoch.
    pub time: u64,
    /// Name of the node.
    pub origin: &'a str,
    /// Position in the draft's channel.
    pub sequence: Option<u64>,
}

/// Checks and encodes drafts, one after the other, and allocates nothing: what is like
/// the one before is neither checked nor put together anew.
#[derive(Debug, Default)]
pub struct Encoder(hearken_wire::Encoder);

impl Encoder {
    /// Makes a draft the last event; returns whether it differs from the one before in
    /// nothing but id, time, sequence and data.
    ///
    /// # Errors
    /// [`DraftError`] names the first attribute that breaks a rule; then the last event
    /// is still the last.
    pub fn encode(&mut self, draft: &Draft<'_>, stamp: &Stamp<'_>) -> Result<bool, DraftError> {
        let fields = Fields {
            event_type: draft.event_type.as_str(),
            id: draft.id.as_deref().map_or(stamp.id, |id| [id, ""]),
            source: draft.source.as_deref().unwrap_or(stamp.source),
            subject: draft.subject.as_deref(),
            time: stamp.time,
            datacontenttype: draft.datacontenttype(),
            data: draft.data.as_deref(),
            distributed: draft.distributed,
            origin: stamp.origin,
            channel: draft.channel.as_deref(),
            sequence: stamp.sequence,
            traceparent: draft.traceparent.as_deref(),
            tracestate: draft.tracestate.as_deref(),
        };
        let Self(encoder) = self;
        // An empty attribute breaks a rule, but once encoded looks like an absent one.
        let like_the_last =
            draft.extensions.is_empty() && !draft.has_empty_attribute() && encoder.renew(&fields);
        if !like_the_last {
            draft.check()?;
            let extensions = draft.extensions.iter();
            encoder.encode(
                &fields,
                extensions.map(|(name, value)| (name.as_ref(), value.kind(), value.text())),
            );
        }
        Ok(like_the_last)
    }

    /// The last event; nothing before the first.
    #[must_use]
    #[inline]
    pub fn last(&self) -> EventRef<'_> {
        EventRef::assume_encoded(self.0.as_bytes())
    }

    /// Forgets the last event if keeping it takes too much memory.
    pub fn trim(&mut self) {
        if self.0.capacity() > MAX_BUFFER_BYTES {
            *self = Self::default();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use proptest::prelude::*;

    use super::*;
    use crate::event::published::tests::{STAMP, any_draft};

    proptest! {
        #[test]
        fn what_came_before_changes_nothing(
            drafts in proptest::collection::vec((any_draft(), 0..4_usize), 1..8),
            lengths in proptest::collection::vec(0..300_usize, 4),
        ) {
            let mut encoder = Encoder::default();
            for (draft, repetitions) in drafts {
                for (repetition, length) in lengths.iter().take(1 + repetitions).enumerate() {
                    let draft = Draft { data: Some(vec![b'x'; *length].into()), ..draft.clone() };
                    let like_the_last = encoder.encode(&draft, &STAMP).expect("valid by its strategy");
                    let alone = draft.stamp(&STAMP);
                    prop_assert_eq!(encoder.last().as_bytes(), alone.as_bytes());
                    if repetition > 0 {
                        prop_assert_eq!(like_the_last, draft.extensions.is_empty());
                    }
                }
                for broken in [
                    Draft { subject: Some(Cow::Borrowed("")), ..draft.clone() },
                    Draft { tracestate: Some(Cow::Borrowed("a\nb")), ..draft },
                ] {
                    let refused = encoder.encode(&broken, &STAMP);
                    prop_assert_eq!(refused, Err(broken.check().expect_err("it breaks a rule")));
                }
            }
        }
    }

    #[test]
    fn a_large_event_is_not_kept() {
        let mut encoder = Encoder::default();
        let draft = |bytes| Draft {
            data: Some(vec![0; bytes].into()),
            ..Draft::new(crate::event::EventType::custom("a").unwrap())
        };
        for bytes in [0, MAX_BUFFER_BYTES, 0] {
            encoder.encode(&draft(bytes), &STAMP).unwrap();
            encoder.trim();
            assert!(encoder.0.capacity() <= MAX_BUFFER_BYTES);
        }
    }
}
