//! What somebody wants to do.

use std::fmt;

use crate::event::Pattern;

/// An act that needs a right.
#[derive(Clone, Copy, Debug)]
pub enum Act<'a> {
    /// To publish an event of this type, as it is delivered (`custom.…`).
    Publish(&'a str),
    /// To hear the events whose types match.
    Listen(&'a Pattern),
    /// To append to the channel of this name; the event's type needs [`Act::Publish`] too.
    Append(&'a str),
    /// To read the channel of this name, or all whose names match, if it has a `*`.
    Read(&'a str),
    /// To see plugins, nodes, metrics, and which channels and sessions there are.
    Observe,
    /// To command the node.
    Operate,
}

/// Shows the right that the act needs: `publish custom.shop.paid`.
impl fmt::Display for Act<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Publish(event_type) => write!(f, "publish {event_type}"),
            Self::Listen(pattern) => write!(f, "listen {pattern}"),
            Self::Append(channel) => write!(f, "append {channel}"),
            Self::Read(channels) => write!(f, "read {channels}"),
            Self::Observe => f.write_str("observe"),
            Self::Operate => f.write_str("operate"),
        }
    }
}
