//! Where a worker's events come from, and what it says of each of them: what stands
//! between instances and a mailbox, or a channel.

use std::ops::Range;
use std::sync::Arc;

use crate::bus::Frame;
pub(crate) use crate::consumer::Verdict;
use crate::plugin::guest::deliveries::Deliveries;

/// There will be no more events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Closed;

/// A source of events for one worker. What was taken is in hand until each event of it is
/// settled or put back.
pub(crate) trait Inbox: Send + 'static {
    /// Moves events that wait into `frame`, in the place of what was there: `most` of them,
    /// or as many as a frame holds. None when none wait.
    ///
    /// # Errors
    /// [`Closed`] when there are none and will be none.
    fn try_take(&mut self, most: usize, frame: &mut Frame) -> Result<(), Closed>;

    /// As [`Inbox::try_take`], but waits for the first. Dropping the future loses nothing.
    ///
    /// # Errors
    /// [`Closed`] when there will be none.
    fn take(
        &mut self,
        most: usize,
        frame: &mut Frame,
    ) -> impl Future<Output = Result<(), Closed>> + Send;

    /// Which attempt it is, from 1, if the event of the frame is a delivery of its channel,
    /// which may come again; nothing for a live one, which comes once.
    fn attempt(&self, frame: &Frame, at: usize) -> Option<u32>;

    /// What channels tell of the events in hand, if they deliver them.
    fn deliveries(&self) -> Option<Arc<dyn Deliveries>>;

    /// Says what became of events of a frame. Each is settled once, in order.
    fn settle(&mut self, frame: &Frame, events: Range<usize>, verdict: Verdict<'_>);

    /// Gives the events of a frame back that have not been settled, those from `from` on,
    /// for whoever takes next.
    fn put_back(&mut self, frame: &Frame, from: usize);
}
