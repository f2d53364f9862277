//! What one worker of a plugin gets of a channel.

use std::ops::Range;
use std::sync::Arc;

use tokio::sync::Notify;

use super::handle::Consumer;
use super::handling::Handling;
use super::verdict::{Closed, Verdict};
use super::work::Ticket;
use crate::bus::Frame;

/// The events of a channel for one worker: those of one partition. What was taken is in hand
/// until each event of it is settled or put back; dropping the feed puts it back.
#[derive(Debug)]
pub struct Feed {
    consumer: Arc<Consumer>,
    partition: usize,
    generation: u64,
    wake: Arc<Notify>,
    /// What is in hand, and which attempt it is; ascending in each frame.
    hand: Vec<(Ticket, u32)>,
}

impl Consumer {
    /// The events of a partition, for the one worker that has it. To be called after
    /// [`Consumer::configure`]; a partition beyond its bounds never has events.
    pub fn feed(self: &Arc<Self>, partition: usize) -> Feed {
        let state = self.state();
        let wake = state.work.partition(partition);
        let wake = wake.map_or_else(Arc::default, |partition| Arc::clone(&partition.wake));
        let generation = state.generation;
        drop(state);
        self.feeds.send_modify(|feeds| *feeds += 1);
        Feed {
            consumer: Arc::clone(self),
            partition,
            generation,
            wake,
            hand: Vec::new(),
        }
    }

    /// The handling of an event of a frame that a feed of this consumer has filled, while it
    /// is in hand.
    #[must_use]
    pub fn handling(&self, frame: &Frame, at: usize) -> Option<Handling> {
        let ticket = frame.ticket(at)?;
        self.state().handling(ticket)
    }
}

impl Feed {
    /// Its consumer.
    #[must_use]
    pub fn consumer(&self) -> &Arc<Consumer> {
        &self.consumer
    }

    /// Moves events that wait into `frame`, in the place of what was there: `most` of them,
    /// or as many as a frame holds. None when none wait.
    ///
    /// # Errors
    /// [`Closed`] when there are none and will be none.
    pub fn try_take(&mut self, most: usize, frame: &mut Frame) -> Result<(), Closed> {
        frame.clear();
        let node = self.consumer.reporter.node();
        let mut state = self.consumer.state();
        if state.closed || state.generation != self.generation {
            return Err(Closed);
        }
        while frame.len() < most.min(Frame::MOST_EVENTS) {
            let Some((ticket, entry)) = state.work.next(self.partition) else {
                break;
            };
            let event = entry.event.packed();
            if !frame.takes(event.as_bytes().len()) {
                break;
            }
            let attempt = entry.failed.saturating_add(1);
            frame.push_of_channel(event, event.origin() == node, attempt > 1, ticket);
            self.hand.push((ticket, attempt));
            state.work.give(self.partition);
        }
        self.consumer.feed_readers(&mut state);
        Ok(())
    }

    /// As [`Feed::try_take`], but waits for the first. Dropping the future loses nothing.
    ///
    /// # Errors
    /// [`Closed`] when there will be none.
    pub async fn take(&mut self, most: usize, frame: &mut Frame) -> Result<(), Closed> {
        loop {
            self.try_take(most, frame)?;
            if !frame.is_empty() {
                return Ok(());
            }
            self.wake.notified().await;
        }
    }

    /// Waits until there is an event to take, or the feed is closed: for who takes from
    /// several feeds. Dropping the future loses nothing.
    pub async fn ready(&self) {
        loop {
            {
                let state = self.consumer.state();
                let closed = state.closed || state.generation != self.generation;
                if closed || state.work.next(self.partition).is_some() {
                    return;
                }
            }
            self.wake.notified().await;
        }
    }

    /// Which attempt with an event it is; 1 for the first.
    #[must_use]
    pub fn attempt(&self, frame: &Frame, at: usize) -> u32 {
        let ticket = frame.ticket(at);
        let mut hand = self.hand.iter();
        let found = hand.find(|(held, _)| Some(*held) == ticket);
        found.map_or(1, |(_, attempt)| *attempt)
    }

    /// Says what became of events of a frame. Each is settled once, in order.
    pub fn settle(&mut self, frame: &Frame, events: Range<usize>, verdict: Verdict<'_>) {
        let tickets = self.leave(frame, events);
        self.consumer.settle(tickets.into_iter(), verdict);
    }

    /// Gives the events of a frame back that have not been settled, those from `from` on, for
    /// whoever takes next. It was no attempt.
    pub fn put_back(&mut self, frame: &Frame, from: usize) {
        let tickets = self.leave(frame, from..frame.len());
        let mut state = self.consumer.state();
        for ticket in tickets {
            state.put_back(ticket);
        }
        self.consumer.feed_readers(&mut state);
    }

    /// Takes events of a frame out of the hand.
    fn leave(&mut self, frame: &Frame, events: Range<usize>) -> Vec<Ticket> {
        let tickets: Vec<Ticket> = events.filter_map(|at| frame.ticket(at)).collect();
        // A frame's tickets ascend, and so do most hands'.
        self.hand
            .retain(|(held, _)| tickets.binary_search(held).is_err());
        tickets
    }
}

impl Drop for Feed {
    fn drop(&mut self) {
        let mut state = self.consumer.state();
        for (ticket, _) in self.hand.drain(..) {
            state.put_back(ticket);
        }
        drop(state);
        self.consumer.feeds.send_modify(|feeds| *feeds -= 1);
    }
}
