//! Where a consumer is: in its channel, and in the dead letters that it is given again.

use hearken_channel_log::{Epoch, Span};

use super::handling::Round;
use super::lane::Lane;
use super::work::Source;

/// Where a consumer is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// Which log of the channel's name.
    pub(super) epoch: Epoch,
    pub(super) lane: Lane,
    /// The dead letters that it is given again.
    pub(super) again: Option<Again>,
    /// Up to where in the log of dead letters it is known which of its events are there.
    pub(super) letters: Option<Position>,
    /// Events that became dead letters.
    pub(super) dead: u64,
    /// Dead letters that it was given again.
    pub(super) retried: u64,
    /// Numbers that were dropped before it had handled them, and events that the policy
    /// withheld.
    pub(super) missed: u64,
    /// How often it was sent elsewhere in its channel.
    pub(super) seeks: u64,
}

/// Dead letters that are given again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Again {
    /// Which log of dead letters.
    pub(super) epoch: Epoch,
    pub(super) lane: Lane,
    /// Number of the last of them.
    pub(super) until: u64,
    /// How often it had been sent elsewhere in its channel when it was first given some: for
    /// letters that do not say in which round their event died.
    pub(super) seeks: u64,
}

/// A position in a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Position {
    pub(super) epoch: Epoch,
    pub(super) after: u64,
}

impl Again {
    /// From the first to the last number that is not handled, and how many there are, those
    /// of other channels' letters too, which nobody has looked at.
    pub(super) fn outstanding(&self) -> Option<(Span, u64)> {
        let mut lane = self.lane.clone();
        let unread = lane.pass(self.until);
        let count = unread.saturating_add(lane.undone().len() as u64);
        let span = Span::new(self.lane.after().saturating_add(1), self.until)?;
        (count > 0).then_some((span, count))
    }
}

impl Place {
    /// At the beginning of what is behind this number.
    pub(super) fn new(epoch: Epoch, after: u64) -> Self {
        Self {
            epoch,
            lane: Lane::new(after),
            again: None,
            letters: None,
            dead: 0,
            retried: 0,
            missed: 0,
            seeks: 0,
        }
    }

    /// The same as one that goes on from it has it, with nothing in memory.
    pub(super) fn resumed(&self) -> Self {
        Self {
            lane: self.lane.resumed(),
            again: self.again.as_ref().map(|again| Again {
                lane: again.lane.resumed(),
                ..*again
            }),
            ..*self
        }
    }

    /// How far it is in one of its logs.
    pub(super) fn lane(&self, source: Source) -> Option<&Lane> {
        match source {
            Source::Channel => Some(&self.lane),
            Source::Letters => self.again.as_ref().map(|again| &again.lane),
        }
    }

    /// The same, to be changed.
    pub(super) fn lane_mut(&mut self, source: Source) -> Option<&mut Lane> {
        match source {
            Source::Channel => Some(&mut self.lane),
            Source::Letters => self.again.as_mut().map(|again| &mut again.lane),
        }
    }

    /// Which time it is handed the events of its channel.
    pub(super) fn round(&self) -> Round {
        Round::after(self.seeks)
    }

    /// Which time it is handed the event of a letter: the one in which it died, so that what
    /// was appended then is not stored again.
    pub(super) fn round_again(&self, died: Option<Round>) -> Round {
        let seeks = self.again.as_ref().map_or(self.seeks, |again| again.seeks);
        died.unwrap_or(Round::after(seeks))
    }
}
