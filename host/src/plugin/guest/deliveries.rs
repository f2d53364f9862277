//! Which handling of a channel's event it is that a guest has in hand.

use crate::bus::Frame;
use crate::consumer::Handling;

/// Where the events of a call come from, if channels deliver them.
pub(crate) trait Deliveries: Send + Sync {
    /// The handling of an event of a frame, while it is in hand.
    fn handling(&self, frame: &Frame, at: usize) -> Option<Handling>;
}
