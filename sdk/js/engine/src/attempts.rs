//! What an instance remembers of the events that it will be given again: which of its
//! listeners are done with them, so that those are not called a second time.

use std::collections::VecDeque;

use hearken_wire::EventRef;

use crate::failure::Failure;

/// Events that are remembered at most, the oldest giving way: as many as a consumer has in
/// flight. Of one that is forgotten all listeners are called again.
const MOST: usize = 1024;

/// Which listeners are done with an event, by their places among all; with a failure those
/// that have rejected it.
pub(crate) type Done = Vec<(usize, Option<Failure>)>;

/// The events that were not handled by all, the newest last.
#[derive(Default)]
pub(crate) struct Attempts(VecDeque<Attempted>);

struct Attempted {
    channel: String,
    sequence: u64,
    /// Of a channel that was removed and made again the numbers are given again.
    id: String,
    done: Done,
}

impl Attempts {
    /// Takes out who is done with an event; nobody at its first attempt, which may be that of
    /// a replay while the event is tried again.
    pub(crate) fn take(&mut self, event: EventRef<'_>, is_retry: bool) -> Done {
        if !is_retry {
            return Vec::new();
        }
        self.forget(event)
            .filter(|attempted| attempted.id == event.id())
            .map_or_else(Vec::new, |attempted| attempted.done)
    }

    fn forget(&mut self, event: EventRef<'_>) -> Option<Attempted> {
        let at = self.0.iter().position(|attempted| {
            event.sequence() == Some(attempted.sequence)
                && event.channel() == Some(&attempted.channel)
        })?;
        self.0.remove(at)
    }

    /// Keeps who is done with an event that has to be tried again.
    pub(crate) fn keep(&mut self, event: EventRef<'_>, done: Done) {
        let (Some(channel), Some(sequence)) = (event.channel(), event.sequence()) else {
            return;
        };
        self.forget(event);
        if done.is_empty() {
            return;
        }
        if self.0.len() >= MOST {
            self.0.pop_front();
        }
        self.0.push_back(Attempted {
            channel: channel.to_owned(),
            sequence,
            id: event.id().to_owned(),
            done,
        });
    }
}
