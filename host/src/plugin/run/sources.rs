//! All that one worker takes from: its part of the mailbox, and of each channel that the
//! plugin consumes. They have their turns one after the other, so that none waits for what
//! another holds back, and a frame is of one of them.

use std::future::poll_fn;
use std::mem;
use std::ops::Range;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;

use super::inbox::{Closed, Inbox, Verdict};
use super::mailbox::MailboxInbox;
use super::replay::ReplayInbox;
use crate::bus::Frame;
use crate::consumer::{Consumer, Feed, Handling};
use crate::plugin::guest::deliveries::Deliveries;

/// The inbox of a worker.
pub(crate) struct Sources {
    mailbox: MailboxInbox,
    channels: Vec<ChannelSource>,
    /// Of which the events in hand are: 0 is the mailbox, then come the channels.
    current: usize,
}

/// Where the events of a channel come from.
pub(crate) enum ChannelSource {
    /// Its consumer.
    Feed(Feed),
    /// A range of it that an operator has handed over again.
    Replay(ReplayInbox),
}

/// An inbox that is waited for, and its number.
type Waiting<'w> = (
    usize,
    Pin<Box<dyn Future<Output = Result<(), Closed>> + Send + 'w>>,
);

impl Sources {
    pub(crate) fn new(mailbox: MailboxInbox, channels: Vec<ChannelSource>) -> Self {
        Self {
            mailbox,
            channels,
            current: 0,
        }
    }

    /// The channel of which the events in hand are; nothing if they are the mailbox's.
    fn channel(&self) -> Option<&ChannelSource> {
        self.channels.get(self.current.checked_sub(1)?)
    }

    fn channel_mut(&mut self) -> Option<&mut ChannelSource> {
        self.channels.get_mut(self.current.checked_sub(1)?)
    }

    fn try_take_in_turn(&mut self, most: usize, frame: &mut Frame) -> Result<(), Closed> {
        let sources = 1 + self.channels.len();
        let mut outcome = Err(Closed);
        for step in 1..=sources {
            let source = (self.current + step) % sources;
            let taken = match source.checked_sub(1) {
                None => self.mailbox.try_take(most, frame),
                Some(channel) => self.channels[channel].try_take(most, frame),
            };
            if taken.is_ok() {
                outcome = Ok(());
                if !frame.is_empty() {
                    self.current = source;
                    break;
                }
            }
        }
        outcome
    }

    async fn take_any(&mut self, most: usize, frame: &mut Frame) -> Result<(), Closed> {
        // One each, which grows only when events are put into it.
        let mut frames = Vec::new();
        frames.resize_with(1 + self.channels.len(), Frame::default);
        let mut waiting: Vec<Waiting<'_>> = Vec::with_capacity(frames.len());
        let mut rooms = frames.iter_mut();
        if let Some(room) = rooms.next() {
            waiting.push((0, Box::pin(self.mailbox.take(most, room))));
        }
        for (at, (channel, room)) in self.channels.iter_mut().zip(rooms).enumerate() {
            waiting.push((at + 1, Box::pin(channel.take(most, room))));
        }
        // The first that has any; the others have taken nothing, and are not asked again.
        let first = poll_fn(|context| {
            let mut at = 0;
            while let Some((source, taken)) = waiting.get_mut(at) {
                match taken.as_mut().poll(context) {
                    Poll::Ready(Ok(())) => return Poll::Ready(Ok(*source)),
                    Poll::Ready(Err(Closed)) => drop(waiting.remove(at)),
                    Poll::Pending => at += 1,
                }
            }
            match waiting.is_empty() {
                true => Poll::Ready(Err(Closed)),
                false => Poll::Pending,
            }
        });
        let source = first.await?;
        drop(waiting);
        mem::swap(frame, &mut frames[source]);
        self.current = source;
        Ok(())
    }
}

impl Inbox for Sources {
    fn try_take(&mut self, most: usize, frame: &mut Frame) -> Result<(), Closed> {
        if self.channels.is_empty() {
            return self.mailbox.try_take(most, frame);
        }
        self.try_take_in_turn(most, frame)
    }

    async fn take(&mut self, most: usize, frame: &mut Frame) -> Result<(), Closed> {
        if self.channels.is_empty() {
            return self.mailbox.take(most, frame).await;
        }
        self.take_any(most, frame).await
    }

    fn attempt(&self, frame: &Frame, at: usize) -> Option<u32> {
        self.channel().map(|channel| channel.attempt(frame, at))
    }

    fn deliveries(&self) -> Option<Arc<dyn Deliveries>> {
        self.channel().map(ChannelSource::deliveries)
    }

    fn settle(&mut self, frame: &Frame, events: Range<usize>, verdict: Verdict<'_>) {
        match self.channel_mut() {
            None => self.mailbox.settle(frame, events, verdict),
            Some(ChannelSource::Feed(feed)) => feed.settle(frame, events, verdict),
            Some(ChannelSource::Replay(replay)) => replay.settle(frame, events, verdict),
        }
    }

    fn put_back(&mut self, frame: &Frame, from: usize) {
        match self.channel_mut() {
            None => self.mailbox.put_back(frame, from),
            Some(ChannelSource::Feed(feed)) => feed.put_back(frame, from),
            Some(ChannelSource::Replay(replay)) => replay.put_back(frame, from),
        }
    }
}

impl Deliveries for Consumer {
    fn handling(&self, frame: &Frame, at: usize) -> Option<Handling> {
        self.handling(frame, at)
    }
}

impl ChannelSource {
    fn deliveries(&self) -> Arc<dyn Deliveries> {
        match self {
            Self::Feed(feed) => Arc::clone(feed.consumer()) as Arc<dyn Deliveries>,
            Self::Replay(replay) => replay.deliveries(),
        }
    }

    fn try_take(&mut self, most: usize, frame: &mut Frame) -> Result<(), Closed> {
        match self {
            Self::Feed(feed) => feed.try_take(most, frame).map_err(|_| Closed),
            Self::Replay(replay) => replay.try_take(most, frame),
        }
    }

    async fn take(&mut self, most: usize, frame: &mut Frame) -> Result<(), Closed> {
        match self {
            Self::Feed(feed) => feed.take(most, frame).await.map_err(|_| Closed),
            Self::Replay(replay) => replay.take(most, frame).await,
        }
    }

    fn attempt(&self, frame: &Frame, at: usize) -> u32 {
        match self {
            Self::Feed(feed) => feed.attempt(frame, at),
            // A range is handed over once.
            Self::Replay(_) => 1,
        }
    }
}

#[cfg(test)]
mod tests;
