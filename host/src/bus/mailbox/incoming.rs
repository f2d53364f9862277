//! Events on their way into mailboxes.

use std::cell::OnceCell;

use hearken_wire::{Attribute, EventRef};

use crate::event::Event;

/// Tells the publishers of one bus apart.
pub(in crate::bus) type PublisherId = u32;

/// An event with so many receivers or more is shared where it can be, unless it is
/// small: then a copy for each costs more than it saves each of them.
const MANY: usize = 8;

/// A small event; sharing it costs more than copying it.
const SMALL_BYTES: usize = 512;

/// A small event, too, is shared by so many receivers or more: what waits in all their
/// mailboxes would take too much memory.
const TOO_MANY: usize = 128;

/// An event that some mailboxes copy and others share.
#[derive(Clone, Copy)]
pub(in crate::bus) struct Incoming<'e> {
    source: Source<'e>,
    /// How many receivers get it.
    receivers: usize,
    publisher: PublisherId,
}

#[derive(Clone, Copy)]
enum Source<'e> {
    /// It was published just now, on this node. Nobody shares it yet, and whoever is
    /// the first fills the cell.
    Published(EventRef<'e>, &'e OnceCell<Event>),
    /// It was published somewhere.
    Shared(&'e Event),
}

impl<'e> Incoming<'e> {
    /// An event that was published just now, on this node; whoever is the first to share
    /// it fills the cell.
    pub(in crate::bus) fn published(
        receivers: usize,
        packed: EventRef<'e>,
        shared: &'e OnceCell<Event>,
        publisher: PublisherId,
    ) -> Self {
        Self {
            source: Source::Published(packed, shared),
            receivers,
            publisher,
        }
    }

    /// An event that is shared already.
    pub(in crate::bus) fn shared(
        receivers: usize,
        event: &'e Event,
        publisher: PublisherId,
    ) -> Self {
        Self {
            source: Source::Shared(event),
            receivers,
            publisher,
        }
    }

    /// Whose it is.
    #[inline]
    pub(super) fn publisher(self) -> PublisherId {
        self.publisher
    }

    #[inline]
    pub(super) fn packed(self) -> EventRef<'e> {
        match self.source {
            Source::Published(packed, _) => packed,
            Source::Shared(event) => event.packed(),
        }
    }

    /// Whether it was published on `node`, which is this one.
    #[inline]
    pub(super) fn is_local(self, node: &str) -> bool {
        match self.source {
            Source::Published(..) => true,
            Source::Shared(event) => is_local(event.packed(), node),
        }
    }

    /// Whether it is better shared than copied.
    #[inline]
    pub(super) fn is_better_shared(self) -> bool {
        let is_small = self.packed().as_bytes().len() <= SMALL_BYTES;
        self.receivers >= if is_small { TOO_MANY } else { MANY }
    }

    pub(super) fn event(self) -> Event {
        match self.source {
            Source::Published(packed, shared) => {
                let share = || Event::copied(packed);
                shared.get_or_init(share).clone()
            }
            Source::Shared(event) => event.clone(),
        }
    }
}

/// Whether an event was published on `node`.
pub(super) fn is_local(event: EventRef<'_>, node: &str) -> bool {
    event.attribute_bytes(Attribute::Origin) == node.as_bytes()
}
