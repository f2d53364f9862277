//! Events on their way into mailboxes.

use std::cell::OnceCell;

use hearken_wire::EventRef;

use crate::event::Event;

/// An event with so many receivers or more is shared where it can be: then a copy for
/// each costs more than it saves each of them.
const MANY: usize = 8;

/// An event that some mailboxes copy and others share.
#[derive(Clone, Copy)]
pub(in crate::bus) struct Incoming<'e> {
    source: Source<'e>,
    /// How many receivers get it.
    receivers: usize,
}

#[derive(Clone, Copy)]
enum Source<'e> {
    /// Nobody shares it yet, and whoever is the first fills the cell.
    Packed(EventRef<'e>, &'e OnceCell<Event>),
    Shared(&'e Event),
}

impl<'e> Incoming<'e> {
    /// An event that nobody shares yet; whoever is the first fills the cell.
    pub(in crate::bus) fn packed_for(
        receivers: usize,
        packed: EventRef<'e>,
        shared: &'e OnceCell<Event>,
    ) -> Self {
        let source = Source::Packed(packed, shared);
        Self { source, receivers }
    }

    pub(in crate::bus) fn shared_by(receivers: usize, event: &'e Event) -> Self {
        let source = Source::Shared(event);
        Self { source, receivers }
    }

    #[inline]
    pub(super) fn packed(self) -> EventRef<'e> {
        match self.source {
            Source::Packed(packed, _) => packed,
            Source::Shared(event) => event.packed(),
        }
    }

    /// Whether it is better shared than copied.
    #[inline]
    pub(super) fn is_for_many(self) -> bool {
        self.receivers >= MANY
    }

    pub(super) fn event(self) -> Event {
        match self.source {
            Source::Packed(packed, shared) => {
                let share = || Event::copied(packed.as_bytes());
                shared.get_or_init(share).clone()
            }
            Source::Shared(event) => event.clone(),
        }
    }
}
