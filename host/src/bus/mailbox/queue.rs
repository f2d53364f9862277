//! The queue itself: what publishers and consumers call.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use hearken_wire::EventRef;
use smallvec::SmallVec;

use super::backlog::{Backlog, Cursor};
use super::closed::{Closed, Outdated};
use super::frame::Frame;
use super::incoming::Incoming;
use super::limits::{MailboxLimits, Overflow, STEP};
use super::partitions::partition_of;
use super::segment::Taken;
use super::state::{Leaving, Room, State};
use super::work;
use crate::event::Event;

/// Most comparisons of an event with a glob that are made at once.
const COMPARISONS: usize = 4096;

/// The queue of one receiver.
#[derive(Debug)]
pub struct Mailbox(Mutex<State>);

impl Mailbox {
    /// A mailbox with `partitions` partitions, at least one. If its events are to wait in
    /// frames, for [`Mailbox::recv_frame`], it needs to know on which node it is.
    #[must_use]
    pub(in crate::bus) fn new(
        limits: MailboxLimits,
        overflow: Overflow,
        partitions: usize,
        framed_on: Option<Arc<str>>,
    ) -> Self {
        let partitions = partitions.max(1);
        Self(Mutex::new(State {
            backlog: Backlog::new(partitions),
            taken: 0,
            limits,
            overflow,
            closed: None,
            version: 0,
            framed_on,
            wakers: SmallVec::from_elem(None, partitions),
        }))
    }

    /// Puts events in that come here by a version of the filters, in order; adds to
    /// `dropped` how many were dropped for them, themselves included. A closed mailbox
    /// takes nothing and drops nothing.
    ///
    /// # Errors
    /// [`Outdated`] when what comes here has changed since that version; then the rest was
    /// not put in.
    #[inline]
    pub(in crate::bus) fn push<'e>(
        &self,
        events: impl IntoIterator<Item = Incoming<'e>>,
        version: u64,
        dropped: &mut u64,
    ) -> Result<(), Outdated> {
        let mut leaving = Leaving::default();
        let mut state = self.lock();
        if version < state.version {
            return Err(Outdated { taken: 0 });
        }
        for (taken, event) in events.into_iter().enumerate() {
            while let Room::Soon = state.push(event, &mut leaving, dropped) {
                drop(state);
                state = self.lock();
                if version < state.version {
                    drop(state);
                    leaving.leave();
                    return Err(Outdated { taken });
                }
            }
        }
        drop(state);
        leaving.leave();
        Ok(())
    }

    /// Takes no more events by earlier versions of the filters.
    pub(in crate::bus) fn outdate(&self, version: u64) {
        self.lock().version = version;
    }

    /// Takes the next event of a partition, if there is one.
    ///
    /// # Errors
    /// [`Closed`] once the mailbox is closed and the partition empty.
    pub fn try_recv(&self, partition: usize) -> Result<Option<Event>, Closed> {
        self.lock().take(partition)
    }

    /// Waits for the next event of a partition. One consumer a partition.
    ///
    /// # Errors
    /// [`Closed`] once the mailbox is closed and the partition empty.
    pub async fn recv(&self, partition: usize) -> Result<Event, Closed> {
        std::future::poll_fn(|cx| self.poll(partition, cx, |state| state.take(partition))).await
    }

    /// Waits for the next event of a partition and moves it into `batch`, with those that
    /// wait behind it as far as they keep within `limits`; the first is taken at any
    /// size. One consumer a partition.
    ///
    /// # Errors
    /// [`Closed`] once the mailbox is closed and the partition empty.
    pub async fn recv_batch(
        &self,
        partition: usize,
        limits: MailboxLimits,
        batch: &mut VecDeque<Taken>,
    ) -> Result<(), Closed> {
        std::future::poll_fn(|cx| {
            self.poll(partition, cx, |state| {
                state.take_batch(partition, limits, batch)
            })
        })
        .await
    }

    /// Moves what [`Mailbox::recv_batch`] would without waiting for it; nothing when
    /// nothing waits.
    ///
    /// # Errors
    /// [`Closed`] once the mailbox is closed and the partition empty.
    pub fn try_recv_batch(
        &self,
        partition: usize,
        limits: MailboxLimits,
        batch: &mut VecDeque<Taken>,
    ) -> Result<(), Closed> {
        self.lock().take_batch(partition, limits, batch).map(|_| ())
    }

    /// Waits for the next event of a partition and moves it into `frame`, in the place of
    /// what was there, with those that wait behind it as far as they keep within
    /// `limits`; the first is taken at any size. One consumer a partition.
    ///
    /// # Errors
    /// [`Closed`] once the mailbox is closed and the partition empty.
    pub async fn recv_frame(
        &self,
        partition: usize,
        limits: MailboxLimits,
        frame: &mut Frame,
    ) -> Result<(), Closed> {
        std::future::poll_fn(|cx| {
            self.poll(partition, cx, |state| {
                state.take_frame(partition, limits, frame)
            })
        })
        .await
    }

    /// Moves what [`Mailbox::recv_frame`] would without waiting for it; nothing when
    /// nothing waits.
    ///
    /// # Errors
    /// [`Closed`] once the mailbox is closed and the partition empty.
    pub fn try_recv_frame(
        &self,
        partition: usize,
        limits: MailboxLimits,
        frame: &mut Frame,
    ) -> Result<(), Closed> {
        self.lock().take_frame(partition, limits, frame).map(|_| ())
    }

    /// Puts events that were taken, without the first `from`, back before all others of
    /// their partitions, in their order. For as long as they wait there may be more in the
    /// mailbox than its limits say.
    pub fn put_back(&self, frame: &Frame, from: usize) {
        let partitions = self.lock().backlog.partitions();
        let mut back: Vec<VecDeque<Taken>> = Vec::new();
        back.resize_with(partitions, VecDeque::new);
        for at in from..frame.len() {
            let (event, publisher, position) = frame.marked(at);
            back[partition_of(event, partitions)].push_back(Taken {
                event: Event::copied(event),
                publisher,
                position,
            });
        }
        let mut leaving = Leaving::default();
        let mut state = self.lock();
        let events = frame.len().saturating_sub(from) as u64;
        state.taken = state.taken.saturating_sub(events);
        for (partition, events) in back.into_iter().enumerate() {
            if !events.is_empty() {
                state.backlog.put_back(partition, events);
                leaving.wakers.extend(state.wakers[partition].take());
            }
        }
        drop(state);
        leaving.leave();
    }

    fn poll<T>(
        &self,
        partition: usize,
        cx: &mut Context<'_>,
        take: impl FnOnce(&mut State) -> Result<Option<T>, Closed>,
    ) -> Poll<Result<T, Closed>> {
        let mut state = self.lock();
        match take(&mut state) {
            Ok(Some(taken)) => Poll::Ready(Ok(taken)),
            Ok(None) => {
                let waker = &mut state.wakers[partition];
                if !waker
                    .as_ref()
                    .is_some_and(|known| known.will_wake(cx.waker()))
                {
                    *waker = Some(cx.waker().clone());
                }
                Poll::Pending
            }
            Err(closed) => Poll::Ready(Err(closed)),
        }
    }

    /// Takes no more events; what is queued can still be received.
    pub fn close(&self) {
        let mut state = self.lock();
        if state.closed.is_none() {
            state.closed = Some(Closed::Done);
            let wakers = state.take_wakers();
            drop(state);
            wakers.into_iter().for_each(Waker::wake);
        }
    }

    /// Empties and closes the mailbox, unless it is closed already; returns how many events
    /// were dropped.
    pub(in crate::bus) fn disconnect(&self) -> u64 {
        let mut state = self.lock();
        if state.closed.is_some() {
            return 0;
        }
        let dropped = state.backlog.events() as u64;
        state.closed = Some(Closed::Overflowed { dropped });
        let leaving = Leaving {
            wakers: state.take_wakers(),
            emptied: Some(Box::new(state.backlog.clear())),
        };
        drop(state);
        leaving.leave();
        dropped
    }

    /// Shows every waiting event but those that wait in frames.
    pub fn each_waiting(&self, visit: impl FnMut(&Event)) {
        self.lock().backlog.each_shared(visit);
    }

    /// Gives back the memory that a mailbox in which nothing waits keeps for what will.
    pub fn trim(&self) {
        self.lock().backlog.trim();
    }

    /// Closes the mailbox and drops what is queued.
    pub(in crate::bus) fn discard(&self) {
        self.close();
        let emptied = self.lock().backlog.clear();
        drop(emptied);
    }

    /// Events waiting.
    #[must_use]
    pub fn queued(&self) -> usize {
        self.lock().backlog.events()
    }

    /// Events that wait, and those that were taken in frames and are not among the
    /// `finished`: what a consumer has in hand is on its way still. Whoever counts what
    /// is finished while this is asked for may find more here than there is, never less,
    /// if `finished` was read before.
    #[must_use]
    pub fn unfinished(&self, finished: u64) -> u64 {
        let state = self.lock();
        state.backlog.events() as u64 + state.taken.saturating_sub(finished)
    }

    /// Events that came, dropped ones included.
    pub(in crate::bus) fn received(&self) -> u64 {
        self.lock().backlog.received()
    }

    /// Changes bounds, rule and number of partitions; what waits stays, in order, and
    /// is dropped only where the new bounds are smaller. Returns how many were.
    ///
    /// Consumers of the old partitions must have stopped.
    pub(in crate::bus) fn reconfigure(
        &self,
        limits: MailboxLimits,
        overflow: Overflow,
        partitions: usize,
    ) -> u64 {
        let partitions = partitions.max(1);
        let mut state = self.lock();
        (state.limits, state.overflow) = (limits, overflow);
        if state.backlog.partitions() != partitions {
            let wakers = state.take_wakers();
            state.wakers = SmallVec::from_elem(None, partitions);
            state.backlog.deal(partitions);
            drop(state);
            wakers.into_iter().for_each(Waker::wake);
            let partition_of = |event: EventRef<'_>| partition_of(event, partitions);
            while self.lock().backlog.deal_some(STEP, partition_of) {}
        } else {
            drop(state);
        }
        let mut dropped = 0;
        while self.lock().shrink(&mut dropped) {}
        dropped
    }

    /// Discards the waiting events that are no longer wanted; returns how many. What
    /// arrives meanwhile is wanted. `comparisons` is how many of them an event may take.
    pub(in crate::bus) fn retain(
        &self,
        comparisons: usize,
        wanted: impl Fn(EventRef<'_>) -> bool,
    ) -> usize {
        let most = (COMPARISONS / comparisons.max(1)).clamp(1, Frame::MOST_EVENTS);
        let until = self.lock().backlog.received();
        let mut cursor = Cursor::default();
        let mut discarded = 0;
        while let Some(more) = {
            let mut state = self.lock();
            state.backlog.retain_some(&mut cursor, until, most, &wanted)
        } {
            discarded += more;
        }
        discarded
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing in here panics half-way through a change.
        let state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        work::begin();
        state
    }
}
