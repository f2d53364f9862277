//! From drafts to events.

use std::borrow::Cow;

use hearken_wire::{Attribute, EventRef, Fields, Renewed};

use super::draft::Presence;
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
    /// When the node took it, in milliseconds since the Unix epoch.
    pub time: u64,
    /// Name of the node.
    pub origin: &'a str,
    /// Position in the draft's channel.
    pub sequence: Option<u64>,
}

/// Checks and encodes drafts, one after the other, and allocates nothing: what is like
/// the one before is neither checked nor put together anew.
#[derive(Debug, Default)]
pub struct Encoder {
    packed: hearken_wire::Encoder,
    /// What the last draft had, if another may be like it.
    last: Option<Presence>,
}

impl Encoder {
    /// Makes a draft the last event; returns whether it differs from the one before in
    /// nothing but id, time, sequence and data.
    ///
    /// Whoever encodes one draft after the other gives them stamps with the same source,
    /// the same origin and the same first piece of the id.
    ///
    /// # Errors
    /// [`DraftError`] names the first attribute that breaks a rule; then the last event
    /// is still the last.
    pub fn encode(&mut self, draft: &Draft<'_>, stamp: &Stamp<'_>) -> Result<bool, DraftError> {
        let own = Renewed {
            end_of_id: stamp.id[1],
            recorded_time: stamp.time,
            sequence: stamp.sequence,
            data: draft.data.as_deref(),
        };
        let like_the_last = self.is_like_the_last(draft) && self.packed.renew(own);
        if !like_the_last {
            draft.check()?;
            self.encode_anew(draft, stamp);
        }
        Ok(like_the_last)
    }

    /// Whether nothing but id, time, sequence and data differ. What keeps the rules once
    /// does so again.
    #[inline]
    fn is_like_the_last(&self, draft: &Draft<'_>) -> bool {
        if self.last != Some(draft.presence()) {
            return false;
        }
        let last = self.last();
        let same = |text: &Option<Cow<'_, str>>, attribute| {
            let known = |text: &Cow<'_, str>| text.as_bytes() == last.attribute_bytes(attribute);
            text.as_ref().is_none_or(known)
        };
        draft.event_type.as_str().as_bytes() == last.type_bytes()
            && same(&draft.source, Attribute::Source)
            && same(&draft.subject, Attribute::Subject)
            && same(&draft.datacontenttype, Attribute::DataContentType)
            && same(&draft.channel, Attribute::Channel)
            && same(&draft.traceparent, Attribute::TraceParent)
            && same(&draft.tracestate, Attribute::TraceState)
    }

    #[inline(never)]
    fn encode_anew(&mut self, draft: &Draft<'_>, stamp: &Stamp<'_>) {
        let fields = Fields {
            event_type: draft.event_type.as_str(),
            id: draft.id.as_deref().map_or(stamp.id, |id| [id, ""]),
            source: draft.source.as_deref().unwrap_or(stamp.source),
            subject: draft.subject.as_deref(),
            recorded_time: stamp.time,
            producer_time: draft.time.as_deref(),
            datacontenttype: draft.datacontenttype(),
            data: draft.data.as_deref(),
            distributed: draft.distributed,
            origin: stamp.origin,
            channel: draft.channel.as_deref(),
            sequence: stamp.sequence,
            traceparent: draft.traceparent.as_deref(),
            tracestate: draft.tracestate.as_deref(),
        };
        let extensions = draft.extensions.iter();
        self.packed.encode(
            &fields,
            extensions.map(|(name, value)| (name.as_ref(), value.kind(), value.text())),
        );
        let comparable = draft.id.is_none() && draft.time.is_none() && draft.extensions.is_empty();
        self.last = comparable.then(|| draft.presence());
    }

    /// The last event; nothing before the first.
    #[must_use]
    #[inline]
    pub fn last(&self) -> EventRef<'_> {
        EventRef::assume_encoded(self.packed.as_bytes())
    }

    /// Forgets the last event if keeping it takes too much memory.
    pub fn trim(&mut self) {
        if self.packed.capacity() > MAX_BUFFER_BYTES {
            *self = Self::default();
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::event::EventType;
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
                        let comparable = draft.extensions.is_empty()
                            && draft.id.is_none()
                            && draft.time.is_none();
                        prop_assert_eq!(like_the_last, comparable);
                    }
                }
                for other in altered(&draft) {
                    prop_assert!(!encoder.encode(&other, &STAMP).expect("altered where it may be"));
                    let alone = other.stamp(&STAMP);
                    prop_assert_eq!(encoder.last().as_bytes(), alone.as_bytes());
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

    /// Drafts that differ from each other and from this one in a single attribute, which
    /// is as long as before where there is one.
    fn altered(draft: &Draft<'static>) -> Vec<Draft<'static>> {
        let other = |text: &Option<Cow<'static, str>>| {
            let text = text.as_deref().unwrap_or("x");
            let filler = if text.starts_with('-') { "+" } else { "-" };
            Some(Cow::Owned(filler.repeat(text.len())))
        };
        let event_type = draft.event_type.as_str().replace("custom.", "CUSTOM.");
        let event_type = EventType::host(&event_type).expect("valid as before");
        vec![
            Draft {
                event_type: event_type.into_owned(),
                ..draft.clone()
            },
            Draft {
                id: other(&draft.id),
                ..draft.clone()
            },
            Draft {
                source: other(&draft.source),
                ..draft.clone()
            },
            Draft {
                subject: other(&draft.subject),
                ..draft.clone()
            },
            Draft {
                time: match draft.time {
                    None => Some(Cow::Borrowed("2020-01-01T00:00:00Z")),
                    Some(_) => None,
                },
                ..draft.clone()
            },
            Draft {
                datacontenttype: other(&draft.datacontenttype),
                ..draft.clone()
            },
            Draft {
                traceparent: other(&draft.traceparent),
                ..draft.clone()
            },
            Draft {
                tracestate: other(&draft.tracestate),
                ..draft.clone()
            },
            Draft {
                distributed: !draft.distributed,
                ..draft.clone()
            },
        ]
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
            assert!(encoder.packed.capacity() <= MAX_BUFFER_BYTES);
        }
    }
}
