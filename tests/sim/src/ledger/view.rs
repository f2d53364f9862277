//! What one start of a node has seen of one of another.

use std::time::Duration;

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
    /// Events that the observer had published when the other joined for the first
    /// time: it owes the other all that it published after them.
    pub owes_after: Option<u64>,
    /// The other's events that were received.
    pub received: u64,
    /// Number of the first, by the other's count of all it published.
    pub first: Option<u64>,
    /// Number of the last.
    pub last: u64,
    /// Events between the first and the last that were not received.
    pub missing: u64,
    /// Events that `cluster.gap` has reported missing.
    pub reported: u64,
    /// Since when more is missing than is reported.
    pub unreported_since: Option<Duration>,
}

impl View {
    /// The next event has this number.
    ///
    /// # Errors
    /// What is wrong with that.
    pub fn receive(&mut self, number: u64, at: Duration) -> Result<(), String> {
        if self.presence != Presence::Joined {
            return Err(format!(
                "received event {number} of it while it was {:?}",
                self.presence
            ));
        }
        if self.received > 0 && number <= self.last {
            return Err(format!("received event {number} after event {}", self.last));
        }
        match self.first {
            None => self.first = Some(number),
            Some(_) => self.missing += number - self.last - 1,
        }
        self.received += 1;
        self.last = number;
        if self.missing > self.reported {
            self.unreported_since.get_or_insert(at);
        }
        Ok(())
    }

    /// So many are reported missing.
    pub fn report(&mut self, count: u64) {
        self.reported += count;
        if self.missing <= self.reported {
            self.unreported_since = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn joined() -> View {
        View {
            presence: Presence::Joined,
            ..View::default()
        }
    }

    fn received(numbers: &[u64]) -> Result<View, String> {
        let mut view = joined();
        for number in numbers {
            view.receive(*number, Duration::from_secs(*number))?;
        }
        Ok(view)
    }

    #[test]
    fn order_may_not_change_and_nothing_comes_twice() {
        assert!(received(&[5, 6, 9]).is_ok());
        assert!(received(&[5, 5]).is_err());
        assert!(received(&[5, 7, 6]).is_err());
    }

    #[test]
    fn nothing_comes_from_a_node_that_is_not_there() {
        for presence in [Presence::Unknown, Presence::Unreachable, Presence::Left] {
            let mut view = View {
                presence,
                ..View::default()
            };
            assert!(view.receive(1, Duration::ZERO).is_err());
        }
    }

    #[test]
    fn what_is_missing_is_to_be_reported() {
        let mut view = received(&[5, 7, 10]).expect("in order");
        assert_eq!(view.missing, 3);
        assert_eq!(view.unreported_since, Some(Duration::from_secs(7)));
        view.report(2);
        assert!(view.unreported_since.is_some());
        view.report(1);
        assert_eq!(view.unreported_since, None);
    }
}
