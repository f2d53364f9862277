//! Where what comes to the sessions of a channel comes from.

use super::log::Log;
use crate::bus::Filter;

/// Where the publications of a channel come from.
#[derive(Clone, Debug)]
pub(super) enum Source {
    /// Whoever publishes hands them to the channel's hub, and what is kept is in memory.
    Publishers,
    /// They are read from the log of this durable channel.
    Log(Log),
    /// They are the events that pass this filter, wherever those are published.
    Bus(Box<Filter>),
}

impl Source {
    /// Whether both are the same. A durable channel that was removed and made again is
    /// another.
    pub(super) fn is(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Publishers, Self::Publishers) => true,
            (Self::Log(one), Self::Log(other)) => one.is(other),
            (Self::Bus(one), Self::Bus(other)) => one == other,
            _ => false,
        }
    }
}
