//! What one start of a node has seen of one of another.

use std::collections::BTreeMap;
use std::time::Duration;

use super::payload::Payload;

/// Where a node stands, by the host events that another one has published.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Presence {
    /// It was never announced.
    #[default]
    Unknown,
    /// `cluster.joined` was the last.
    Joined,
    /// `cluster.unreachable` was.
    Unreachable,
    /// `cluster.left` was.
    Left,
}

/// What the observer has seen of the other.
#[derive(Clone, Debug, Default)]
pub struct View {
    /// Where the other stands.
    pub presence: Presence,
    /// Since when.
    pub since: Duration,
    /// Whether the observer has forgotten it since.
    pub forgotten: bool,
    /// Events that the observer had published when the other joined for the first
    /// time: it owes the other all that it published after them.
    pub owes_after: Option<u64>,
    /// The other's events that were received.
    pub received: u64,
    /// Lowest number of one, by the other's count of all it published.
    pub first: Option<u64>,
    /// Highest number of one.
    pub last: u64,
    /// How far each of the other's publishers has come, by its own count.
    pub publishers: BTreeMap<usize, u64>,
    /// Events between the first and the last that were not received.
    pub missing: u64,
    /// Events that `cluster.gap` has reported missing. Where it did not know how many, those
    /// between the last event before it and the first after it.
    pub reported: u64,
    /// How often it did not know how many.
    pub unknown: u64,
    /// No event has come since it did not know how many, but it has reported so many more.
    open: Option<u64>,
    /// Whether it has reported so before the first event came.
    headless: bool,
    /// Since when more is missing than is reported.
    pub unreported_since: Option<Duration>,
}

impl View {
    /// The next event is the one with this number of all, and with another one of those
    /// of its publisher. Only the order of the latter is promised.
    ///
    /// # Errors
    /// What is wrong with that.
    pub fn receive(&mut self, event: &Payload, at: Duration) -> Result<(), String> {
        let Payload {
            publisher,
            of_publisher,
            of_kind: number,
            ..
        } = *event;
        if self.presence != Presence::Joined {
            return Err(format!(
                "received event {number} of it while it was {:?}",
                self.presence
            ));
        }
        let before = self.publishers.insert(publisher, of_publisher);
        if let Some(before) = before.filter(|before| *before >= of_publisher) {
            return Err(format!(
                "received event {of_publisher} of its publisher {publisher} after event {before}"
            ));
        }
        if let Some(counted) = self.open.take() {
            if self.first.is_some() {
                let unknown = number.saturating_sub(self.last + 1);
                self.reported += unknown.saturating_sub(counted);
            } else {
                self.reported -= counted;
                self.headless = true;
            }
        }
        let first = self.first.unwrap_or(number).min(number);
        self.first = Some(first);
        self.last = self.last.max(number);
        self.received += 1;
        self.missing = (self.last - first + 1)
            .checked_sub(self.received)
            .ok_or_else(|| format!("received event {number}, or one before it, twice"))?;
        self.note_missing(at);
        Ok(())
    }

    fn note_missing(&mut self, at: Duration) {
        if self.missing > self.reported {
            self.unreported_since.get_or_insert(at);
        } else {
            self.unreported_since = None;
        }
    }

    /// So many are reported missing.
    pub fn report(&mut self, count: u64, at: Duration) {
        self.reported += count;
        if let Some(counted) = &mut self.open {
            *counted += count;
        }
        self.note_missing(at);
    }

    /// Nobody knows how many are missing before the next that comes.
    pub fn report_unknown(&mut self) {
        self.unknown += 1;
        self.open.get_or_insert_default();
    }

    /// Whether all is received or reported missing, of what the other has `published` behind
    /// the event `after`.
    ///
    /// # Errors
    /// What is neither.
    pub fn complete(&self, after: u64, published: u64) -> Result<(), String> {
        let Self {
            first,
            last,
            missing,
            reported,
            ..
        } = *self;
        if self.open.is_none() && published > after && last != published {
            return Err(format!("{last} received last, {published} published"));
        }
        if missing != reported {
            return Err(format!("{missing} missing, {reported} reported"));
        }
        let from_the_first_on = match first {
            Some(first) => self.headless || first <= after + 1,
            None => self.open.is_some() || published <= after,
        };
        if from_the_first_on {
            Ok(())
        } else {
            Err(format!("{first:?} received first, owed after {after}"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::LifeId;
    use super::*;

    fn joined() -> View {
        View {
            presence: Presence::Joined,
            ..View::default()
        }
    }

    /// Receives events of these publishers with these numbers, each the second of two in
    /// its publisher's count.
    fn received(events: &[(usize, u64)]) -> Result<View, String> {
        let mut view = joined();
        for (publisher, number) in events {
            let event = Payload {
                life: LifeId(0),
                publisher: *publisher,
                of_publisher: number * 2,
                of_kind: *number,
            };
            view.receive(&event, Duration::from_secs(*number))?;
        }
        Ok(view)
    }

    #[test]
    fn the_order_of_a_publisher_may_not_change_and_nothing_comes_twice() {
        assert!(received(&[(1, 5), (1, 6), (1, 9)]).is_ok());
        assert!(received(&[(1, 5), (1, 5)]).is_err());
        assert!(received(&[(1, 5), (1, 7), (1, 6)]).is_err());
        assert!(received(&[(1, 5), (2, 5)]).is_err());
    }

    #[test]
    fn publishers_have_no_order_between_them() {
        let view = received(&[(1, 5), (1, 7), (2, 6), (2, 4)]);
        assert!(view.is_err(), "but each has its own");
        let view = received(&[(1, 5), (1, 7), (2, 4), (2, 6)]).expect("in order");
        assert_eq!((view.first, view.last, view.missing), (Some(4), 7, 0));
        assert_eq!(view.unreported_since, None);
    }

    #[test]
    fn nothing_comes_from_a_node_that_is_not_there() {
        for presence in [Presence::Unknown, Presence::Unreachable, Presence::Left] {
            let mut view = View {
                presence,
                ..View::default()
            };
            let event = Payload {
                life: LifeId(0),
                publisher: 1,
                of_publisher: 1,
                of_kind: 1,
            };
            assert!(view.receive(&event, Duration::ZERO).is_err());
        }
    }

    #[test]
    fn what_is_missing_is_to_be_reported() {
        let mut view = received(&[(1, 5), (1, 7), (2, 10)]).expect("in order");
        assert_eq!(view.missing, 3);
        assert_eq!(view.unreported_since, Some(Duration::from_secs(7)));
        view.report(2, Duration::from_secs(11));
        assert!(view.unreported_since.is_some());
        view.report(1, Duration::from_secs(12));
        assert_eq!(view.unreported_since, None);
    }

    /// Receives the event with this number after those that were received before.
    fn receive(view: &mut View, number: u64) {
        let event = Payload {
            life: LifeId(0),
            publisher: 1,
            of_publisher: number * 2,
            of_kind: number,
        };
        view.receive(&event, Duration::from_secs(number))
            .expect("in order");
    }

    #[test]
    fn a_gap_of_unknown_size_goes_to_the_next_event() {
        let mut view = received(&[(1, 5), (1, 6)]).expect("in order");
        view.report_unknown();
        assert_eq!(view.complete(4, 9), Ok(()), "nothing has come since");
        // Of which some are counted.
        view.report(2, Duration::from_secs(7));
        receive(&mut view, 12);
        assert_eq!((view.missing, view.reported), (5, 5));
        assert_eq!(view.complete(4, 12), Ok(()));
        assert!(view.complete(4, 13).is_err(), "the last has not come");
        assert!(view.complete(3, 12).is_err(), "the first has not come");

        receive(&mut view, 14);
        assert!(view.unreported_since.is_some(), "it ends there");
        assert!(view.complete(4, 14).is_err());
    }

    #[test]
    fn before_the_first_event_a_gap_of_unknown_size_goes_to_that() {
        let mut view = joined();
        assert!(view.complete(4, 9).is_err());
        view.report_unknown();
        view.report(2, Duration::from_secs(1));
        receive(&mut view, 9);
        assert_eq!(view.complete(4, 9), Ok(()));
    }
}
