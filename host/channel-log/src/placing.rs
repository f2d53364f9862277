//! Deciding what becomes of each event of a batch.

use std::collections::HashMap;

use bytes::Bytes;
use hearken_wire::{EventRef, place};

use crate::dedupe::Stored;
use crate::{AppendedEvent, Batch, DedupeKey};

/// A batch whose events have numbers and times.
#[derive(Debug)]
pub(crate) struct Placed {
    /// The events that are new, one behind the other, as they are stored.
    pub(crate) bytes: Bytes,
    /// Their keys, with where in the batch they stand, from 0.
    pub(crate) keys: Vec<(u32, DedupeKey)>,
    /// How many are new.
    pub(crate) count: u32,
    /// What becomes of each event of the batch.
    outcomes: Vec<Outcome>,
}

#[derive(Clone, Copy, Debug)]
enum Outcome {
    New(Stored),
    Duplicate(Stored),
}

/// Gives the events that are new the numbers from `first` on and this time. `known` says
/// what was stored with a key before.
pub(crate) fn number(
    batch: Batch,
    first: u64,
    time: u64,
    known: impl Fn(&DedupeKey) -> Option<Stored>,
) -> Placed {
    let Batch { mut bytes, events } = batch;
    let mut own: HashMap<DedupeKey, Stored> = HashMap::new();
    let mut placed = Placed {
        bytes: Bytes::new(),
        keys: Vec::new(),
        count: 0,
        outcomes: Vec::with_capacity(events.len()),
    };
    let (mut from, mut kept) = (0, 0);
    for (end, key) in events {
        let before = key.and_then(|key| known(&key).or_else(|| own.get(&key).copied()));
        if let Some(before) = before {
            placed.outcomes.push(Outcome::Duplicate(before));
        } else {
            let sequence = first.saturating_add(u64::from(placed.count));
            let stored = Stored { sequence, time };
            let event = bytes.get_mut(from..end).unwrap_or_default();
            let whole = place(event, sequence, time);
            debug_assert!(whole, "a batch takes whole events only");
            if let Some(key) = key {
                own.insert(key, stored);
                placed.keys.push((placed.count, key));
            }
            placed.outcomes.push(Outcome::New(stored));
            placed.count += 1;
            if kept != from {
                bytes.copy_within(from..end, kept);
            }
            kept += end - from;
        }
        from = end;
    }
    bytes.truncate(kept);
    // Whoever keeps an event keeps all of it, and counts only what is in it.
    bytes.shrink_to_fit();
    placed.bytes = bytes.into();
    placed
}

impl Placed {
    /// What became of each event.
    pub(crate) fn appended(&self) -> Vec<AppendedEvent> {
        let mut events = split(&self.bytes);
        let outcomes = self.outcomes.iter();
        let appended = outcomes.map(|outcome| match *outcome {
            Outcome::New(Stored { sequence, time }) => AppendedEvent {
                sequence,
                time,
                stored: events.next(),
            },
            Outcome::Duplicate(Stored { sequence, time }) => AppendedEvent {
                sequence,
                time,
                stored: None,
            },
        });
        appended.collect()
    }
}

/// The events that lie one behind the other in `bytes`.
pub(crate) fn split(bytes: &Bytes) -> impl Iterator<Item = Bytes> + use<> {
    let mut rest = bytes.clone();
    std::iter::from_fn(move || {
        let length = EventRef::take(&rest).ok()?.0.as_bytes().len();
        Some(rest.split_to(length))
    })
}
