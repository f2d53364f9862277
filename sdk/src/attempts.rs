//! What an instance remembers of the events that it will be given again: which of its
//! listeners are done with them, so that those are not called a second time.

use std::collections::VecDeque;

use crate::Event;
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

impl Attempted {
    fn is(&self, event: &Event) -> bool {
        event.sequence() == Some(self.sequence) && event.channel() == Some(&self.channel)
    }
}

impl Attempts {
    /// Takes out who is done with an event; nobody at its first attempt, which may be that of
    /// a replay while the event is tried again.
    pub fn take(&mut self, event: &Event) -> Done {
        if !event.is_retry() {
            return Vec::new();
        }
        let attempted = self.forget(event);
        attempted
            .filter(|attempted| attempted.id == event.id())
            .map_or_else(Vec::new, |attempted| attempted.done)
    }

    fn forget(&mut self, event: &Event) -> Option<Attempted> {
        let at = self.0.iter().position(|attempted| attempted.is(event))?;
        self.0.remove(at)
    }

    /// Keeps who is done with an event that has to be tried again.
    pub fn keep(&mut self, event: &Event, done: Done) {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    fn event(sequence: u64, retry: bool) -> Event {
        let event = testing::event("custom.a").channel("c", sequence).build();
        event.consumed(retry)
    }

    #[test]
    fn who_is_done_is_known_at_the_next_attempt_alone() {
        let mut attempts = Attempts::default();
        attempts.keep(&event(1, false), vec![(0, None)]);
        assert_eq!(attempts.take(&event(2, true)), []);
        assert_eq!(attempts.take(&event(1, true)), [(0, None)]);
        assert_eq!(attempts.take(&event(1, true)), [], "it was taken out");
    }

    #[test]
    fn what_is_handed_over_meanwhile_takes_nothing_out() {
        let mut attempts = Attempts::default();
        attempts.keep(&event(1, false), vec![(0, None)]);
        assert_eq!(
            attempts.take(&event(1, false)),
            [],
            "all of them are called"
        );
        assert_eq!(attempts.take(&event(1, true)), [(0, None)]);
    }

    #[test]
    fn one_that_begins_anew_takes_the_place_of_what_was() {
        let mut attempts = Attempts::default();
        attempts.keep(&event(1, false), vec![(0, None), (1, None)]);
        attempts.keep(&event(1, false), vec![(1, None)]);
        assert_eq!(attempts.take(&event(1, true)), [(1, None)]);
        attempts.keep(&event(1, false), vec![(0, None)]);
        attempts.keep(&event(1, false), Vec::new());
        assert_eq!(attempts.take(&event(1, true)), [], "all are to be tried");
    }

    #[test]
    fn an_event_of_another_log_is_another() {
        let mut attempts = Attempts::default();
        attempts.keep(&event(1, false), vec![(0, None)]);
        let other = testing::event("custom.a").id("other").channel("c", 1);
        assert_eq!(attempts.take(&other.build().consumed(true)), []);
    }

    #[test]
    fn the_oldest_are_forgotten() {
        let mut attempts = Attempts::default();
        for sequence in 0..=MOST as u64 {
            attempts.keep(&event(sequence, false), vec![(0, None)]);
        }
        assert_eq!(attempts.0.len(), MOST);
        assert_eq!(attempts.take(&event(0, true)), []);
        assert_eq!(attempts.take(&event(1, true)), [(0, None)]);
    }
}
