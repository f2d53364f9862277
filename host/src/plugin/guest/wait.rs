//! A wait for an event that a guest has begun and goes on beside.

use std::sync::Arc;

use tokio::time::{Instant, timeout_at};
use wasmtime_wasi::p2::Pollable;

use super::rights::GuestRights;
use crate::bus::Receiver;
use crate::event::Event;

/// A wait under way.
pub struct Wait {
    receiver: Receiver,
    /// What the guest may hear when an event comes.
    rights: GuestRights,
    until: Instant,
    found: Found,
    /// Counts it among those of its instance, as long as it lives.
    _counted: Arc<()>,
}

enum Found {
    /// It goes on.
    NotYet,
    Event(Event),
    /// Nothing came in time.
    Nothing,
    /// The guest has been told.
    Told,
}

impl Wait {
    /// A wait of `receiver`, until then.
    pub(crate) fn new(
        receiver: Receiver,
        rights: GuestRights,
        until: Instant,
        counted: Arc<()>,
    ) -> Self {
        Self {
            receiver,
            rights,
            until,
            found: Found::NotYet,
            _counted: counted,
        }
    }

    /// What came of it, once: `Some(None)` if nothing came in time.
    pub(crate) fn take(&mut self) -> Option<Option<Event>> {
        match std::mem::replace(&mut self.found, Found::Told) {
            Found::NotYet => {
                self.found = Found::NotYet;
                None
            }
            Found::Event(event) => Some(Some(event)),
            Found::Nothing => Some(None),
            Found::Told => None,
        }
    }

    /// The next event that the guest may hear; `None` when the node stops.
    async fn next(&mut self) -> Option<Event> {
        loop {
            let event = self.receiver.recv().await.ok()?;
            // What might be heard when the wait began is no matter.
            if self.rights.now().may_hear(event.event_type()) {
                return Some(event);
            }
        }
    }
}

#[wasmtime_wasi::async_trait]
impl Pollable for Wait {
    async fn ready(&mut self) {
        if matches!(self.found, Found::NotYet) {
            let until = self.until;
            let next = timeout_at(until, self.next()).await;
            self.found = match next {
                Ok(Some(event)) => Found::Event(event),
                Ok(None) | Err(_) => Found::Nothing,
            };
        }
    }
}
