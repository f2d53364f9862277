//! Bounded mailboxes: the queue between the bus and one receiver.
//!
//! A mailbox has one or more lanes. Events with the same subject share a lane,
//! so that several consumers can work on one mailbox and each subject stays in
//! order; the bounds hold for the mailbox as a whole. What waits for a plugin waits in
//! the [`Frame`]s that its guest takes.

mod backlog;
mod frame;
mod incoming;
mod lane;
mod lanes;
mod limits;

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
pub(super) use lane::PublisherId;
pub use lane::Taken;
pub use limits::{MailboxLimits, Overflow};

use backlog::{Backlog, Scarce};
use incoming::is_local;

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

/// Who delivers by routes that are no more has to look again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Outdated;

/// The queue of one receiver.
#[derive(Debug)]
pub struct Mailbox(Mutex<State>);

/// Who is to be woken once the lock is given back.
type Wakers = Vec<Waker>;

/// Begins with what changes most often, next to the lock.
#[derive(Debug)]
#[repr(C)]
struct State {
    backlog: Backlog,
    /// Events that were taken in frames, but for those that were put back.
    taken: u64,
    limits: MailboxLimits,
    overflow: Overflow,
    closed: Option<Closed>,
    /// Version of the routes that last changed what comes here.
    version: u64,
    /// Name of the node, if events wait in frames.
    framed_on: Option<Arc<str>>,
    /// Who waits, by lane.
    wakers: SmallVec<[Option<Waker>; 1]>,
}

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

    /// Puts events in that come here by a version of the routes, in order; returns how
    /// many were dropped for them, themselves included. A closed mailbox takes nothing
    /// and drops nothing.
    ///
    /// # Errors
    /// [`Outdated`] when what comes here has changed since that version; then nothing
    /// was put in.
    #[inline]
    pub(super) fn push<'e>(
        &self,
        events: impl IntoIterator<Item = Incoming<'e>>,
        version: u64,
    ) -> Result<u64, Outdated> {
        let mut wakers = Wakers::new();
        let mut dropped = 0;
        let mut state = self.lock();
        if version < state.version {
            return Err(Outdated);
        }
        for event in events {
            dropped += state.push(event, &mut wakers);
        }
        drop(state);
        wakers.into_iter().for_each(Waker::wake);
        Ok(dropped)
    }

    /// Takes no more events by earlier versions of the routes.
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

    /// Puts events that were taken, without the first `from`, back before all others,
    /// in their order. For as long as they wait there may be more in the mailbox than
    /// its limits say.
    pub fn put_back(&self, frame: &Frame, from: usize) {
        let mut state = self.lock();
        let lanes = state.backlog.lanes();
        let mut wakers = Wakers::new();
        let events = frame.events().skip(from);
        state.taken = state.taken.saturating_sub(events.len() as u64);
        for (event, publisher) in events.rev() {
            let lane = lane_of(event, lanes);
            let event = Event::copied(event);
            state.backlog.push_front(lane, publisher, event);
            wakers.extend(state.wakers[lane].take());
        }
        drop(state);
        wakers.into_iter().for_each(Waker::wake);
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
        let wakers = state.close(Closed::Overflowed { dropped });
        drop(state);
        wakers.into_iter().for_each(Waker::wake);
        dropped
    }

    /// Shows every waiting event but those that wait in frames.
    pub fn each_waiting(&self, visit: impl FnMut(&Event)) {
        self.lock().backlog.each_slot(visit);
    }

    /// Gives back the memory that a mailbox in which nothing waits keeps for what will.
    pub fn trim(&self) {
        self.lock().backlog.trim();
    }

    /// Closes the mailbox and drops what is queued.
    pub(super) fn discard(&self) {
        self.close();
        self.lock().backlog.clear();
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
        let mut state = self.lock();
        state.limits = limits;
        state.overflow = overflow;
        let mut dropped = 0;
        while let Some(scarce) = state.scarce(0, 0) {
            state.backlog.make_room(scarce);
            dropped += 1;
        }
        let lanes = lanes.max(1);
        let wakers = state.take_wakers();
        state.wakers = SmallVec::from_elem(None, lanes);
        state
            .backlog
            .deal(lanes, |event| lane_of(event.packed(), lanes));
        drop(state);
        wakers.into_iter().for_each(Waker::wake);
        dropped
    }

    /// Discards the waiting events that are no longer wanted; returns how many.
    pub(super) fn retain(&self, wanted: impl Fn(&Event) -> bool) -> usize {
        self.lock().backlog.retain(wanted)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing in here panics half-way through a change.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Puts an event in; returns how many were dropped for it, and adds who is to be
    /// woken.
    #[inline]
    fn push(&mut self, event: Incoming<'_>, wakers: &mut Wakers) -> u64 {
        let publisher = event.publisher();
        let packed = event.packed();
        let size = packed.as_bytes().len();
        let mut dropped = 0;
        if self.closed.is_some() || self.scarce(1, size).is_some() {
            match self.make_room(size, wakers) {
                Ok(others) => dropped = others,
                Err(dropped) => {
                    self.backlog.skip();
                    return dropped;
                }
            }
        }
        let lane = lane_of(packed, self.backlog.lanes());
        match &self.framed_on {
            Some(node)
                if size <= MAX_FRAMED_BYTES
                    && self.backlog.takes_packed(lane, event.is_better_shared()) =>
            {
                let local = event.is_local(node);
                self.backlog.push_packed(lane, publisher, packed, local);
            }
            _ => self.backlog.push(lane, publisher, event.event()),
        }
        // Without writing where nobody waits.
        if self.wakers[lane].is_some() {
            wakers.extend(self.wakers[lane].take());
        }
        dropped
    }

    /// Makes room for an event as the rule says; returns how many were dropped for it.
    ///
    /// # Errors
    /// How many were dropped, the event included, when there is no room for it.
    #[cold]
    fn make_room(&mut self, size: usize, wakers: &mut Wakers) -> Result<u64, u64> {
        if self.closed.is_some() {
            return Err(0);
        }
        let mut dropped = 0;
        while let Some(scarce) = self.scarce(1, size) {
            match self.overflow {
                Overflow::DropOldest if size <= self.limits.bytes && self.backlog.events() > 0 => {
                    self.backlog.make_room(scarce);
                    dropped += 1;
                }
                Overflow::DropOldest | Overflow::DropNewest => return Err(dropped + 1),
                Overflow::Disconnect => {
                    dropped += 1 + self.backlog.events() as u64;
                    wakers.extend(self.close(Closed::Overflowed { dropped }));
                    return Err(dropped);
                }
            }
        }
        Ok(dropped)
    }

    fn take(&mut self, lane: usize) -> Result<Option<Event>, Closed> {
        match (self.backlog.pop(lane), self.closed) {
            (Some(taken), _) => Ok(Some(taken.into_event())),
            (None, Some(closed)) => Err(closed),
            (None, None) => Ok(None),
        }
    }

    fn take_batch(
        &mut self,
        lane: usize,
        limits: MailboxLimits,
        batch: &mut VecDeque<Taken>,
    ) -> Result<Option<()>, Closed> {
        let before = batch.len();
        if before > 0 || !self.backlog.take_lane(lane, limits, batch) {
            let (mut events, mut bytes) = (0, 0);
            let mut fits = |event: &Event| {
                bytes += event.as_bytes().len();
                events += 1;
                limits.allow(events, bytes)
            };
            while let Some(taken) = self.backlog.pop_if(lane, &mut fits) {
                batch.push_back(taken);
            }
        }
        match (batch.len() - before, self.closed) {
            (1.., _) => Ok(Some(())),
            (0, Some(closed)) => Err(closed),
            (0, None) => Ok(None),
        }
    }

    fn take_frame(
        &mut self,
        lane: usize,
        limits: MailboxLimits,
        frame: &mut Frame,
    ) -> Result<Option<()>, Closed> {
        frame.clear();
        let node = self.framed_on.as_deref();
        let is_local = |event: EventRef<'_>| node.is_some_and(|node| is_local(event, node));
        self.backlog.take_frame(lane, limits, is_local, frame);
        self.taken += frame.len() as u64;
        match (frame.is_empty(), self.closed) {
            (false, _) => Ok(Some(())),
            (true, Some(closed)) => Err(closed),
            (true, None) => Ok(None),
        }
    }

    /// What there is too little of to take in so much more.
    #[inline]
    fn scarce(&self, events: usize, bytes: usize) -> Option<Scarce> {
        if self.backlog.bytes() + bytes > self.limits.bytes {
            Some(Scarce::Bytes)
        } else if self.backlog.events() + events > self.limits.events {
            Some(Scarce::Events)
        } else {
            None
        }
    }

    fn close(&mut self, reason: Closed) -> Wakers {
        self.closed = Some(reason);
        self.backlog.clear();
        self.take_wakers()
    }

    fn take_wakers(&mut self) -> Wakers {
        self.wakers.iter_mut().filter_map(Option::take).collect()
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
