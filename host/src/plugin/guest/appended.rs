//! What a plugin has appended in the course of events that channels delivered, by the ids
//! that it was given: so that an attempt which comes later than a channel remembers ids does
//! not store it again.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};

use hearken_channel_log::Epoch;

use crate::channel::StoredEvent;

/// Events that are remembered of a plugin, the oldest giving way: some for each event that
/// a consumer has in flight. Bounds what a plugin costs that appends without end.
const MAX_APPENDED: usize = 8192;

/// The events that all instances and versions of a plugin have appended so.
#[derive(Debug, Default)]
pub(crate) struct Appended(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    /// By the log that they are in, and their ids.
    stored: HashMap<(Epoch, String), StoredEvent>,
    oldest: VecDeque<(Epoch, String)>,
}

impl Appended {
    /// The event that a log has under this id, as it is told to who appends it again.
    pub(crate) fn find(&self, log: Epoch, id: &str) -> Option<StoredEvent> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let stored = known.stored.get(&(log, id.to_owned()))?;
        Some(StoredEvent {
            duplicate: true,
            ..stored.clone()
        })
    }

    /// Remembers an event that is stored in a log.
    pub(crate) fn remember(&self, log: Epoch, event: &StoredEvent) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (log, event.id.clone());
        if known.stored.insert(key.clone(), event.clone()).is_none() {
            known.oldest.push_back(key);
        }
        if known.oldest.len() > MAX_APPENDED
            && let Some(oldest) = known.oldest.pop_front()
        {
            known.stored.remove(&oldest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(number: u64) -> StoredEvent {
        StoredEvent {
            id: number.to_string(),
            time: 7,
            sequence: number,
            duplicate: false,
        }
    }

    fn log(text: &str) -> Epoch {
        text.parse().expect("an epoch")
    }

    #[test]
    fn an_event_is_known_in_its_log_until_others_take_its_place() {
        let (one, other) = (log("0000000000000001"), log("0000000000000002"));
        let appended = Appended::default();
        appended.remember(one, &event(0));
        appended.remember(one, &event(0));
        let again = StoredEvent {
            duplicate: true,
            ..event(0)
        };
        assert_eq!(appended.find(one, "0"), Some(again));
        assert_eq!(appended.find(other, "0"), None);
        for number in 1..=MAX_APPENDED as u64 {
            appended.remember(one, &event(number));
        }
        assert_eq!(appended.find(one, "0"), None);
        assert!(appended.find(one, "1").is_some());
    }
}
