//! From drafts to events.

use hearken_wire::Fields;

use super::{Draft, DraftError, Event};

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

/// Checks and encodes drafts, one after the other: what is like the one before is
/// neither checked nor put together anew.
#[derive(Debug, Default)]
pub struct Encoder(hearken_wire::Encoder);

/// What a draft has become.
#[derive(Debug)]
pub struct Encoded {
    /// The event.
    pub event: Event,
    /// Whether it differs in nothing but id, time, sequence and data from the event
    /// that the same encoder made before.
    pub like_the_last: bool,
}

impl Encoder {
    /// Makes a draft an event. Allocates the event's buffer and, if the event is like
    /// the last, nothing else.
    ///
    /// # Errors
    /// [`DraftError`] names the first attribute that breaks a rule.
    pub fn encode(&mut self, draft: &Draft<'_>, stamp: &Stamp<'_>) -> Result<Encoded, DraftError> {
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
        let event = Event::copied(encoder.as_bytes());
        if encoder.capacity() > MAX_BUFFER_BYTES {
            *encoder = hearken_wire::Encoder::default();
        }
        Ok(Encoded {
            event,
            like_the_last,
        })
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
                    let encoded = encoder.encode(&draft, &STAMP).expect("valid by its strategy");
                    prop_assert_eq!(&encoded.event, &draft.stamp(&STAMP));
                    if repetition > 0 {
                        prop_assert_eq!(encoded.like_the_last, draft.extensions.is_empty());
                    }
                }
                for broken in [
                    Draft { subject: Some(Cow::Borrowed("")), ..draft.clone() },
                    Draft { tracestate: Some(Cow::Borrowed("a\nb")), ..draft },
                ] {
                    let refused = encoder.encode(&broken, &STAMP).map(|encoded| encoded.event);
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
            assert!(encoder.0.capacity() <= MAX_BUFFER_BYTES);
        }
    }
}
