//! Which events a receiver wants.

use std::sync::Arc;

use crate::event::{Event, Pattern};

/// A type pattern and what narrows it further; all conditions must hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filter {
    /// Glob on the type.
    pub pattern: Pattern,
    /// Only events with exactly this subject.
    pub subject: Option<Arc<str>>,
    /// Only events of this channel.
    pub channel: Option<Arc<str>>,
    /// Only events published on this node.
    pub local_only: bool,
    /// Only events that go to every node.
    pub distributed_only: bool,
    /// Not the events of the publisher with this id, or of the node with this name.
    pub exclude: Option<Arc<str>>,
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

    /// Whether the event, published on `node` by `publisher`, passes.
    #[must_use]
    pub fn matches(&self, event: &Event, node: &str, publisher: &str) -> bool {
        self.pattern.matches(event.event_type())
            && self
                .subject
                .as_deref()
                .is_none_or(|subject| event.subject() == Some(subject))
            && self.matches_rest(event, node, publisher)
    }

    /// Whether the event passes what the routing table does not look up: all but
    /// the pattern and the subject.
    pub(super) fn matches_rest(&self, event: &Event, node: &str, publisher: &str) -> bool {
        self.channel
            .as_deref()
            .is_none_or(|channel| event.channel() == Some(channel))
            && (!self.local_only || event.origin() == node)
            && (!self.distributed_only || event.distributed())
            && self
                .exclude
                .as_deref()
                .is_none_or(|excluded| excluded != publisher && excluded != event.origin())
    }
}
