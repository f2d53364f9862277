//! Which events a receiver wants.

use std::sync::Arc;

use hearken_wire::{Attribute, EventRef};

use hearken_pattern::wants_channel;

use crate::event::{Draft, Event, Pattern};

/// A type pattern and what narrows it further; all conditions must hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filter {
    /// Glob on the type.
    pub pattern: Pattern,
    /// Only events with exactly this subject.
    pub subject: Option<Arc<str>>,
    /// Only events of this channel; with `*` in it, of the channels that it matches.
    pub channel: Option<Arc<str>>,
    /// Only events published on this node.
    pub local_only: bool,
    /// Only events that go to every node.
    pub distributed_only: bool,
    /// Not the events of the publisher with this id, or of the node with this name.
    pub exclude: Option<Arc<str>>,
}

/// Pattern, subject, channel, both flags, and who is excluded.
pub(super) type FilterIdentity<'f> = (
    &'f str,
    Option<&'f str>,
    Option<&'f str>,
    [bool; 2],
    Option<&'f str>,
);

/// All of an event that filters look at: what has the same key, and the same
/// publisher, goes to the same receivers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct RoutingKey<'e> {
    pub(super) event_type: &'e str,
    pub(super) subject: Option<&'e str>,
    channel: Option<&'e str>,
    origin: &'e str,
    distributed: bool,
}

impl<'e> RoutingKey<'e> {
    pub(super) fn of(event: EventRef<'e>) -> Self {
        Self {
            event_type: event.event_type(),
            subject: event.subject(),
            channel: event.channel(),
            origin: event.origin(),
            distributed: event.distributed(),
        }
    }

    /// The key of what becomes of a draft on `node`, which the draft tells at less
    /// cost than the event.
    pub(super) fn of_draft(draft: &'e Draft<'_>, node: &'e str) -> Self {
        Self {
            event_type: draft.event_type.as_str(),
            subject: draft.subject.as_deref(),
            channel: draft.channel.as_deref(),
            origin: node,
            distributed: draft.distributed,
        }
    }

    /// Whether two events have the same key, told from their bytes.
    pub(super) fn is_shared_by(one: &Event, other: &Event) -> bool {
        fn key(event: &Event) -> [&[u8]; 4] {
            let packed = event.packed();
            let attribute = |attribute| packed.attribute_bytes(attribute);
            [
                packed.type_bytes(),
                attribute(Attribute::Subject),
                attribute(Attribute::Channel),
                attribute(Attribute::Origin),
            ]
        }
        key(one) == key(other) && one.distributed() == other.distributed()
    }
}

impl Filter {
    /// A filter on the type alone.
    #[must_use]
    pub fn new(pattern: Pattern) -> Self {
        Self {
            pattern,
            subject: None,
            channel: None,
            local_only: false,
            distributed_only: false,
            exclude: None,
        }
    }

    /// What tells it from other filters.
    pub(super) fn identity(&self) -> FilterIdentity<'_> {
        (
            self.pattern.as_str(),
            self.subject.as_deref(),
            self.channel.as_deref(),
            [self.local_only, self.distributed_only],
            self.exclude.as_deref(),
        )
    }

    /// Whether anything is asked but pattern and subject; see [`Filter::matches_rest`].
    pub(super) fn has_conditions(&self) -> bool {
        let Self {
            pattern: _,
            subject: _,
            channel,
            local_only,
            distributed_only,
            exclude,
        } = self;
        *local_only || *distributed_only || channel.is_some() || exclude.is_some()
    }

    /// Whether the event, published on `node` by `publisher`, passes.
    #[must_use]
    pub fn matches(&self, event: &Event, node: &str, publisher: &str) -> bool {
        self.matches_key(&RoutingKey::of(event.packed()), node, publisher)
    }

    /// Whether an event that lies in a channel passes any of them: who published it is not
    /// kept there, but where.
    #[must_use]
    pub fn any_matches_stored(filters: &[Self], event: EventRef<'_>, node: &str) -> bool {
        let key = RoutingKey::of(event);
        let mut filters = filters.iter();
        filters.any(|filter| filter.matches_key(&key, node, ""))
    }

    /// Whether an event with this key passes.
    pub(super) fn matches_key(&self, key: &RoutingKey<'_>, node: &str, publisher: &str) -> bool {
        self.pattern.matches(key.event_type)
            && self
                .subject
                .as_deref()
                .is_none_or(|subject| key.subject == Some(subject))
            && self.matches_rest(key, node, publisher)
    }

    /// Whether the event passes what the routing table does not look up: all but
    /// the pattern and the subject.
    pub(super) fn matches_rest(&self, key: &RoutingKey<'_>, node: &str, publisher: &str) -> bool {
        self.channel.as_deref().is_none_or(|wanted| {
            key.channel
                .is_some_and(|channel| wants_channel(wanted, channel))
        }) && (!self.local_only || key.origin == node)
            && (!self.distributed_only || key.distributed)
            && self
                .exclude
                .as_deref()
                .is_none_or(|excluded| excluded != publisher && excluded != key.origin)
    }
}
