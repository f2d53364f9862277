//! How what a plugin appends while it handles an event is named and remembered.

use std::fmt;
use std::sync::Arc;

use hearken_channel_log::Epoch;

use super::outputs::Outputs;

/// Which of the times it is that a plugin is handed a channel's events. What it appends has
/// other ids each time, since it is to be stored again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Round {
    /// The first.
    #[default]
    First,
    /// After so many times that it was sent elsewhere in the channel.
    Seek(u64),
    /// A replay, which chance has given this number.
    Replay(u64),
}

/// The handling of one event that its channel delivers, over all attempts.
#[derive(Clone, Debug)]
pub struct Handling {
    /// Which log the event is of.
    pub epoch: Epoch,
    /// Which time it is handed over.
    pub round: Round,
    /// What is appended in the course of it.
    pub outputs: Arc<Outputs>,
}

impl Round {
    /// That after so many seeks.
    pub(super) fn after(seeks: u64) -> Self {
        match seeks {
            0 => Self::First,
            seeks => Self::Seek(seeks),
        }
    }

    /// After how many seeks it is; nothing for a replay, which is beside them.
    pub(super) fn seeks(self) -> Option<u64> {
        match self {
            Self::First => Some(0),
            Self::Seek(seeks) => Some(seeks),
            Self::Replay(_) => None,
        }
    }
}

/// As what stands in ids behind the plugin's name, whose characters it begins with none of.
impl fmt::Display for Round {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::First => Ok(()),
            Self::Seek(seeks) => write!(f, "~seek-{seeks}"),
            Self::Replay(number) => write!(f, "~replay-{number:016x}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounds_are_told_apart() {
        let rounds = [
            Round::after(0),
            Round::after(2),
            Round::Replay(2),
            Round::Replay(u64::MAX),
        ];
        let names = rounds.map(|round| format!("p{round}"));
        let expected = [
            "p",
            "p~seek-2",
            "p~replay-0000000000000002",
            "p~replay-ffffffffffffffff",
        ];
        assert_eq!(names, expected);
        let seeks = rounds.map(Round::seeks);
        assert_eq!(seeks, [Some(0), Some(2), None, None]);
    }
}
