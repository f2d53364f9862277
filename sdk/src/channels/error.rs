//! Why nothing is appended or read.

use std::fmt;

/// Numbers of events, one after the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// The lowest.
    pub first: u64,
    /// The highest.
    pub last: u64,
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.first == self.last {
            true => write!(f, "{}", self.first),
            false => write!(f, "{} to {}", self.first, self.last),
        }
    }
}

/// Why events were not appended. Nothing is stored, unless it says otherwise.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AppendError {
    /// There is no such channel on this node.
    #[error("there is no channel `{channel}`{}", meant(nearest.as_deref()))]
    NoChannel {
        /// The name that was asked for.
        channel: String,
        /// The one that was probably meant.
        nearest: Option<String>,
    },
    /// The plugin may not; says what its manifest lacks.
    #[error("{0}")]
    Denied(String),
    /// An event is not valid.
    #[error("the events were not appended: {0}")]
    Invalid(String),
    /// The channel's last event has another number than the expected one.
    #[error("the last event of the channel has the number {last}, not the expected one")]
    Conflict {
        /// Its number.
        last: u64,
    },
    /// The events are too many, or exceed a limit.
    #[error("the events were not appended: {0}")]
    TooLarge(String),
    /// The channel, or the disk, is full.
    #[error("the events were not appended: {0}")]
    Full(String),
    /// The node has too much to do, starts or stops.
    #[error("the events were not appended: the node has too much to do; try again later")]
    Overloaded,
    /// The plugin has sent more than its budget allows.
    #[error("the events were not appended: the plugin's budget is used up; try again later")]
    BudgetExceeded,
    /// Events of the channel fail their checksums; it takes nothing until an operator has
    /// repaired it.
    #[error("the events were not appended: the channel is damaged{}", numbers(.0))]
    Damaged(Vec<Span>),
    /// The disk does not take them.
    #[error("the events were not appended: {0}")]
    StorageFailed(String),
    /// The channel lies on a node that cannot be reached now.
    #[error("the events were not appended: {0}")]
    NodeAway(String),
    /// Whether they are stored is not known: append them again with the same ids.
    #[error("{0}")]
    OutcomeUnknown(String),
}

/// Why nothing was read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// There is no such channel on this node.
    #[error("there is no channel `{channel}`{}", meant(nearest.as_deref()))]
    NoChannel {
        /// The name that was asked for.
        channel: String,
        /// The one that was probably meant.
        nearest: Option<String>,
    },
    /// The plugin may not; says what its manifest lacks.
    #[error("{0}")]
    Denied(String),
    /// The position or the limit is not valid.
    #[error("the channel was not read: {0}")]
    Invalid(String),
    /// The position is of another log: the channel was removed and made again.
    #[error("the position is one of another log than the channel's, `{epoch}`; begin anew")]
    AnotherLog {
        /// The channel's epoch.
        epoch: String,
    },
    /// What comes next fails its checksums; what is behind these numbers can be read.
    #[error("the next events of the channel are damaged{}", numbers(.0))]
    Damaged(Vec<Span>),
    /// The disk does not give them.
    #[error("the channel was not read: {0}")]
    StorageFailed(String),
    /// The channel lies on a node that cannot be reached now.
    #[error("the channel was not read: {0}")]
    NodeAway(String),
    /// The node has too much to do, starts or stops.
    #[error("the channel was not read: the node has too much to do; try again later")]
    Overloaded,
    /// The plugin has read more often than its budget allows.
    #[error("the channel was not read: the plugin's budget is used up; try again later")]
    BudgetExceeded,
}

fn meant(nearest: Option<&str>) -> String {
    nearest.map_or_else(String::new, |name| format!("; did you mean `{name}`?"))
}

fn numbers(spans: &[Span]) -> String {
    let spans: Vec<String> = spans.iter().map(Span::to_string).collect();
    match spans.is_empty() {
        true => String::new(),
        false => format!(": {}", spans.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_say_what_was_meant_and_which_numbers() {
        let missing = AppendError::NoChannel {
            channel: "order".to_owned(),
            nearest: Some("orders".to_owned()),
        };
        let text = "there is no channel `order`; did you mean `orders`?";
        assert_eq!(missing.to_string(), text);
        let span = |first, last| Span { first, last };
        let damaged = ReadError::Damaged(vec![span(3, 3), span(7, 9)]);
        let text = "the next events of the channel are damaged: 3, 7 to 9";
        assert_eq!(damaged.to_string(), text);
        let damaged = AppendError::Damaged(Vec::new()).to_string();
        assert!(damaged.ends_with("the channel is damaged"), "{damaged}");
    }
}
