//! Bounded mailboxes: the queue between the bus and one receiver.
//!
//! A mailbox has one or more lanes. Events with the same subject share a lane,
//! so that several consumers can work on one mailbox and each subject stays in
//! order; the bounds hold for the mailbox as a whole. What waits for a plugin waits in
//! the [`Frame`]s that its guest takes.
//!
//! Publishers take the mailbox's lock, and so nobody holds it for longer than a bounded
//! number of events takes: what concerns all that waits is done in steps.

mod backlog;
mod census;
mod frame;
mod incoming;
mod lane;
mod lanes;
mod limits;
mod segment;
mod state;
mod work;

use std::collections::VecDeque;
use std::hash::BuildHasher;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use foldhash::fast::FixedState;
use hearken_wire::EventRef;
use smallvec::SmallVec;

use crate::event::Event;

pub use frame::Frame;
pub(super) use incoming::Incoming;
pub use limits::{MailboxLimits, Overflow};
pub use segment::Taken;

use backlog::{Backlog, Cursor};
use state::{Leaving, Room, State};

/// Tells the publishers of one bus apart.
pub(super) type PublisherId = u32;

/// Most events that are dropped, or dealt to other lanes, at once.
const STEP: usize = 16;

/// Most comparisons of an event with a glob that are made at once.
const COMPARISONS: usize = 4096;

/// Largest event that waits in a frame; larger ones wait as they are, shared with all
/// others who get them.
const MAX_FRAMED_BYTES: usize = 8 << 10;

/// Why a mailbox gives no more events.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Closed {
    /// The receiver was closed; what had been queued has been received.
    #[error("the receiver is closed")]
    Done,
    /// The receiver was too slow and its rule is [`Overflow::Disconnect`].
    #[error("the receiver was too slow: {dropped} events were dropped")]
    Overflowed {
        /// Events that were queued or arriving when the mailbox overflowed.
        dropped: u64,
    },
}

/// Who delivers by filters that are no more has to look again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Outdated {
    /// How many of the events had been taken before.
    pub(super) taken: usize,
}

/// The queue of one receiver.
#[derive(Debug)]
pub struct Mailbox(Mutex<State>);

impl Mailbox {
    /// A mailbox with `lanes` lanes, at least one. If its events are to wait in
    /// frames, for [`Mailbox::recv_frame`], it needs to know on which node it is.
    #[must_use]
    pub(super) fn new(
        limits: MailboxLimits,
        overflow: Overflow,
        lanes: usize,
        framed_on: Option<Arc<str>>,
    ) -> Self {
        let lanes = lanes.max(1);
        Self(Mutex::new(State {
            backlog: Backlog::new(lanes),
            taken: 0,
            limits,
            overflow,
            closed: None,
            version: 0,
            framed_on,
            wakers: SmallVec::from_elem(None, lanes),
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
    pub(super) fn push<'e>(
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
    pub(super) fn outdate(&self, version: u64) {
        self.lock().version = version;
    }

    /// Takes the next event of a lane, if there is one.
    ///
    /// # Errors
    /// [`Closed`] once the mailbox is closed and the lane empty.
    pub fn try_recv(&self, lane: usize) -> Result<Option<Event>, Closed> {
        self.lock().take(lane)
    }

    /// Waits for the next event of a lane. One consumer a lane.
    ///
    /// # Errors
    /// [`Closed`] once the mailbox is closed and the lane empty.
    pub async fn recv(&self, lane: usize) -> Result<Event, Closed> {
        std::future::poll_fn(|cx| self.poll(lane, cx, |state| state.take(lane))).await
    }

    /// Waits for the next event of a lane and moves it into `batch`, with those that
    /// wait behind it as far as they keep within `limits`; the first is taken at any
    /// size. One consumer a lane.
    ///
    /// # Errors
    /// [`Closed`] once the mailbox is closed and the lane empty.
    pub async fn recv_batch(
        &self,
        lane: usize,
        limits: MailboxLimits,
        batch: &mut VecDeque<Taken>,
    ) -> Result<(), Closed> {
        std::future::poll_fn(|cx| {
            self.poll(lane, cx, |state| state.take_batch(lane, limits, batch))
        })
        .await
    }

    /// Moves what [`Mailbox::recv_batch`] would without waiting for it; nothing when
    /// nothing waits.
    ///
    /// # Errors
    /// [`Closed`] once the mailbox is closed and the lane empty.
    pub fn try_recv_batch(
        &self,
        lane: usize,
        limits: MailboxLimits,
        batch: &mut VecDeque<Taken>,
    ) -> Result<(), Closed> {
        self.lock().take_batch(lane, limits, batch).map(|_| ())
    }

    /// Waits for the next event of a lane and moves it into `frame`, in the place of
    /// what was there, with those that wait behind it as far as they keep within
    /// `limits`; the first is taken at any size. One consumer a lane.
    ///
    /// # Errors
    /// [`Closed`] once the mailbox is closed and the lane empty.
    pub async fn recv_frame(
        &self,
        lane: usize,
        limits: MailboxLimits,
        frame: &mut Frame,
    ) -> Result<(), Closed> {
        std::future::poll_fn(|cx| {
            self.poll(lane, cx, |state| state.take_frame(lane, limits, frame))
        })
        .await
    }

    /// Moves what [`Mailbox::recv_frame`] would without waiting for it; nothing when
    /// nothing waits.
    ///
    /// # Errors
    /// [`Closed`] once the mailbox is closed and the lane empty.
    pub fn try_recv_frame(
        &self,
        lane: usize,
        limits: MailboxLimits,
        frame: &mut Frame,
    ) -> Result<(), Closed> {
        self.lock().take_frame(lane, limits, frame).map(|_| ())
    }

    /// Puts events that were taken, without the first `from`, back before all others of
    /// their lanes, in their order. For as long as they wait there may be more in the
    /// mailbox than its limits say.
    pub fn put_back(&self, frame: &Frame, from: usize) {
        let lanes = self.lock().backlog.lanes();
        let mut back: Vec<VecDeque<Taken>> = Vec::new();
        back.resize_with(lanes, VecDeque::new);
        for at in from..frame.len() {
            let (event, publisher, position) = frame.marked(at);
            back[lane_of(event, lanes)].push_back(Taken {
                event: Event::copied(event),
                publisher,
                position,
            });
        }
        let mut leaving = Leaving::default();
        let mut state = self.lock();
        let events = frame.len().saturating_sub(from) as u64;
        state.taken = state.taken.saturating_sub(events);
        for (lane, events) in back.into_iter().enumerate() {
            if !events.is_empty() {
                state.backlog.put_back(lane, events);
                leaving.wakers.extend(state.wakers[lane].take());
            }
        }
        drop(state);
        leaving.leave();
    }

    fn poll<T>(
        &self,
        lane: usize,
        cx: &mut Context<'_>,
        take: impl FnOnce(&mut State) -> Result<Option<T>, Closed>,
    ) -> Poll<Result<T, Closed>> {
        let mut state = self.lock();
        match take(&mut state) {
            Ok(Some(taken)) => Poll::Ready(Ok(taken)),
            Ok(None) => {
                let waker = &mut state.wakers[lane];
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
    pub(super) fn disconnect(&self) -> u64 {
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
    pub(super) fn discard(&self) {
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
    pub(super) fn received(&self) -> u64 {
        self.lock().backlog.received()
    }

    /// Changes bounds, rule and number of lanes; what waits stays, in order, and
    /// is dropped only where the new bounds are smaller. Returns how many were.
    ///
    /// Consumers of the old lanes must have stopped.
    pub(super) fn reconfigure(
        &self,
        limits: MailboxLimits,
        overflow: Overflow,
        lanes: usize,
    ) -> u64 {
        let lanes = lanes.max(1);
        let mut state = self.lock();
        (state.limits, state.overflow) = (limits, overflow);
        if state.backlog.lanes() != lanes {
            let wakers = state.take_wakers();
            state.wakers = SmallVec::from_elem(None, lanes);
            state.backlog.deal(lanes);
            drop(state);
            wakers.into_iter().for_each(Waker::wake);
            let lane_of = |event: EventRef<'_>| lane_of(event, lanes);
            while self.lock().backlog.deal_some(STEP, lane_of) {}
        } else {
            drop(state);
        }
        let mut dropped = 0;
        while self.lock().shrink(&mut dropped) {}
        dropped
    }

    /// Discards the waiting events that are no longer wanted; returns how many. What
    /// arrives meanwhile is wanted. `comparisons` is how many of them an event may take.
    pub(super) fn retain(
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

/// The lane of an event. Events without a subject share one.
#[inline]
fn lane_of(event: EventRef<'_>, lanes: usize) -> usize {
    if lanes == 1 {
        return 0;
    }
    let hash = FixedState::default().hash_one(event.subject().unwrap_or_default());
    usize::try_from(hash % lanes as u64).expect("below the number of lanes")
}

#[cfg(test)]
pub(super) mod tests;
