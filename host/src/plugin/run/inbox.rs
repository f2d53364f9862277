//! Where a worker's events come from, and what it says of each of them: what stands
//! between instances and a mailbox, or a log with a cursor.

use std::ops::Range;

use crate::bus::Frame;

/// What a worker says of an event that it has taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It was handled.
    Done,
    /// It was not handled, and another attempt may succeed: the guest said that it
    /// failed, or died of it. Whether there is another is for the inbox to say.
    Again,
    /// It was not handled and never will be: the guest says so, or this host failed over
    /// it, and would again.
    Rejected,
}

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

    /// Says what became of events of a frame. Each is settled once, in order.
    fn settle(&mut self, frame: &Frame, events: Range<usize>, verdict: Verdict);

    /// Gives the events of a frame back that have not been settled, those from `from` on,
    /// for whoever takes next.
    fn put_back(&mut self, frame: &Frame, from: usize);
}
