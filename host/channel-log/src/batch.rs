//! What is appended together.

use hearken_wire::{EventRef, Malformed};

/// Most events of a batch.
pub const MAX_BATCH_EVENTS: usize = 1000;

/// Most bytes of the events of a batch, encoded.
pub const MAX_BATCH_BYTES: usize = 4 << 20;

/// What tells that an event was appended before: a hash of who sent it, its source and its
/// id.
pub type DedupeKey = [u8; 16];

/// Events that are appended together, in their wire encoding; all of them, or none.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    /// The events, one behind the other.
    pub(crate) bytes: Vec<u8>,
    /// Where each of them ends, and its key.
    pub(crate) events: Vec<(usize, Option<DedupeKey>)>,
}

/// Why an event is not taken into a batch.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BatchError {
    /// The batch has as many as it may have.
    #[error("a batch has at most {MAX_BATCH_EVENTS} events")]
    Events,
    /// The batch would be too long.
    #[error("a batch has at most {MAX_BATCH_BYTES} bytes; with this event it would have {0}")]
    Bytes(usize),
    /// The bytes are no encoded event, or more than one.
    #[error("the event cannot be read: {0}")]
    Malformed(Malformed),
    /// There is something behind the event.
    #[error("{0} bytes follow the event")]
    Behind(usize),
}

impl Batch {
    /// A batch without events.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A batch of one event.
    ///
    /// # Errors
    /// As [`Batch::push`].
    pub fn of(event: &[u8], key: Option<DedupeKey>) -> Result<Self, BatchError> {
        let mut batch = Self::new();
        batch.push(event, key)?;
        Ok(batch)
    }

    /// Takes an event in its wire encoding, whose sequence and recorded time the log will
    /// set. With a `key` it is stored once, however often it is appended within the time
    /// that keys are remembered.
    ///
    /// # Errors
    /// [`BatchError`] when the batch is full or these are not the bytes of one event; the
    /// batch is as before then.
    pub fn push(&mut self, event: &[u8], key: Option<DedupeKey>) -> Result<(), BatchError> {
        if self.events.len() >= MAX_BATCH_EVENTS {
            return Err(BatchError::Events);
        }
        let bytes = self.bytes.len().saturating_add(event.len());
        if bytes > MAX_BATCH_BYTES {
            return Err(BatchError::Bytes(bytes));
        }
        let (_, behind) = EventRef::take(event).map_err(BatchError::Malformed)?;
        if !behind.is_empty() {
            return Err(BatchError::Behind(behind.len()));
        }
        self.bytes.extend_from_slice(event);
        self.events.push((self.bytes.len(), key));
        Ok(())
    }

    /// How many events it has.
    #[must_use]
    pub fn len(&self) -> usize {
        self.events.len()
    }

    /// Whether it has none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.events.is_empty()
    }

    /// Whether some of them have a key.
    pub(crate) fn has_keys(&self) -> bool {
        self.events.iter().any(|(_, key)| key.is_some())
    }

    /// Bytes of its events.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes.len()
    }
}
