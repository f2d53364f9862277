//! Bounded mailboxes: the queue between the bus and one receiver.
//!
//! A mailbox has one or more lanes. Events with the same subject share a lane,
//! so that several consumers can work on one mailbox and each subject stays in
//! order; the bounds hold for the mailbox as a whole.

mod backlog;

use std::collections::VecDeque;
use std::hash::BuildHasher;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use foldhash::fast::FixedState;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::event::Event;

pub(super) use backlog::PublisherId;
pub use backlog::Taken;

use backlog::{Backlog, Scarce};

/// How much a mailbox holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MailboxLimits {
    /// Events; at least 1.
    pub events: usize,
    /// Bytes of encoded events; an event larger than that is dropped on arrival.
    pub bytes: usize,
}

impl Default for MailboxLimits {
    /// 1,024 events and 8 MiB.
    fn default() -> Self {
        Self {
            events: 1024,
            bytes: 8 << 20,
        }
    }
}

/// What happens when an event does not fit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Overflow {
    /// The events that have waited longest make room: those of the publisher
    /// that takes most of what is short, events or bytes, so that a flood
    /// displaces only itself.
    #[default]
    DropOldest,
    /// The new event is dropped.
    DropNewest,
    /// The mailbox is emptied and closed.
    Disconnect,
}

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

/// The queue of one receiver.
#[derive(Debug)]
pub struct Mailbox(Mutex<State>);

#[derive(Debug)]
struct State {
    limits: MailboxLimits,
    overflow: Overflow,
    backlog: Backlog,
    /// Events that came, dropped ones included.
    received: u64,
    /// Who waits, by lane.
    wakers: Vec<Option<Waker>>,
    closed: Option<Closed>,
}

impl Mailbox {
    /// A mailbox with `lanes` lanes, at least one.
    #[must_use]
    pub(super) fn new(limits: MailboxLimits, overflow: Overflow, lanes: usize) -> Self {
        let lanes = lanes.max(1);
        Self(Mutex::new(State {
            limits,
            overflow,
            backlog: Backlog::new(lanes),
            received: 0,
            wakers: vec![None; lanes],
            closed: None,
        }))
    }

    /// Puts an event in; returns how many events were dropped for it, itself
    /// included. A closed mailbox takes nothing and drops nothing.
    pub(super) fn push(&self, event: Event, publisher: PublisherId) -> u64 {
        let size = event.as_bytes().len();
        let mut state = self.lock();
        state.received += 1;
        if state.closed.is_some() {
            return 0;
        }
        let mut dropped = 0;
        while let Some(scarce) = state.scarce(1, size) {
            match state.overflow {
                Overflow::DropOldest
                    if size <= state.limits.bytes && state.backlog.events() > 0 =>
                {
                    state.backlog.make_room(scarce);
                    dropped += 1;
                }
                Overflow::DropOldest | Overflow::DropNewest => return dropped + 1,
                Overflow::Disconnect => {
                    dropped += 1 + state.backlog.events() as u64;
                    let wakers = state.close(Closed::Overflowed { dropped });
                    drop(state);
                    wakers.into_iter().for_each(Waker::wake);
                    return dropped;
                }
            }
        }
        let waker = state.put(event, publisher);
        drop(state);
        if let Some(waker) = waker {
            waker.wake();
        }
        dropped
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

    /// Puts events that were taken back before all others, in their order. For as
    /// long as they wait there may be more in the mailbox than its limits say.
    pub fn put_back(&self, events: impl DoubleEndedIterator<Item = Taken>) {
        let mut state = self.lock();
        let lanes = state.backlog.lanes();
        let mut wakers = Vec::new();
        for taken in events.rev() {
            let lane = lane_of(&taken.event, lanes);
            let publisher = taken.publisher();
            state.backlog.push_front(lane, publisher, taken.event);
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

    /// Events waiting.
    #[must_use]
    pub fn queued(&self) -> usize {
        self.lock().backlog.events()
    }

    /// Events that came, dropped ones included.
    pub(super) fn received(&self) -> u64 {
        self.lock().received
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
        state.wakers = vec![None; lanes];
        state.backlog.deal(lanes, |event| lane_of(event, lanes));
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
    fn put(&mut self, event: Event, publisher: PublisherId) -> Option<Waker> {
        let lane = lane_of(&event, self.backlog.lanes());
        self.backlog.push(lane, publisher, event);
        self.wakers[lane].take()
    }

    fn take(&mut self, lane: usize) -> Result<Option<Event>, Closed> {
        match (self.backlog.pop(lane), self.closed) {
            (Some(taken), _) => Ok(Some(taken.event)),
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
        let (mut events, mut bytes) = (0, 0);
        let fits = |event: &Event, events: usize, bytes: &mut usize| {
            *bytes += event.as_bytes().len();
            events == 0 || (*bytes <= limits.bytes && events < limits.events)
        };
        while let Some(taken) = self
            .backlog
            .pop_if(lane, |event| fits(event, events, &mut bytes))
        {
            batch.push_back(taken);
            events += 1;
        }
        match (events, self.closed) {
            (1.., _) => Ok(Some(())),
            (0, Some(closed)) => Err(closed),
            (0, None) => Ok(None),
        }
    }

    /// What there is too little of to take in so much more.
    fn scarce(&self, events: usize, bytes: usize) -> Option<Scarce> {
        if self.backlog.bytes() + bytes > self.limits.bytes {
            Some(Scarce::Bytes)
        } else if self.backlog.events() + events > self.limits.events {
            Some(Scarce::Events)
        } else {
            None
        }
    }

    fn close(&mut self, reason: Closed) -> Vec<Waker> {
        self.closed = Some(reason);
        self.backlog = Backlog::new(self.backlog.lanes());
        self.take_wakers()
    }

    fn take_wakers(&mut self) -> Vec<Waker> {
        self.wakers.iter_mut().filter_map(Option::take).collect()
    }
}

/// The lane of an event. Events without a subject share one.
fn lane_of(event: &Event, lanes: usize) -> usize {
    if lanes == 1 {
        return 0;
    }
    let hash = FixedState::default().hash_one(event.subject().unwrap_or_default());
    usize::try_from(hash % lanes as u64).expect("below the number of lanes")
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::event::{Draft, EventType, Stamp};

    pub(in crate::bus) fn event(id: &str, subject: &str) -> Event {
        let mut draft = Draft::new(EventType::custom("t").unwrap());
        draft.subject = Some(subject.to_owned().into());
        draft.stamp(&Stamp {
            id: [id, ""],
            source: "/s",
            time: 0,
            origin: "a",
            sequence: None,
        })
    }

    fn mailbox(events: usize, overflow: Overflow, lanes: usize) -> Mailbox {
        Mailbox::new(
            MailboxLimits {
                events,
                bytes: 1 << 20,
            },
            overflow,
            lanes,
        )
    }

    fn ids(mailbox: &Mailbox, lane: usize) -> Vec<String> {
        std::iter::from_fn(|| mailbox.try_recv(lane).ok().flatten())
            .map(|event| event.id().to_owned())
            .collect()
    }

    #[test]
    fn drop_oldest_keeps_the_newest() {
        let mailbox = mailbox(2, Overflow::DropOldest, 1);
        let dropped: u64 = ["1", "2", "3"]
            .iter()
            .map(|id| mailbox.push(event(id, "s"), 1))
            .sum();
        assert_eq!(dropped, 1);
        assert_eq!(ids(&mailbox, 0), ["2", "3"]);
    }

    #[test]
    fn a_flood_displaces_only_itself() {
        let mailbox = mailbox(10, Overflow::DropOldest, 2);
        for id in 0..3 {
            mailbox.push(event(&format!("good-{id}"), "s"), 1);
        }
        for id in 0..100 {
            mailbox.push(event(&format!("flood-{id}"), &id.to_string()), 2);
        }
        let mut left: Vec<String> = (0..2).flat_map(|lane| ids(&mailbox, lane)).collect();
        left.sort();
        let newest = (93..100).map(|id| format!("flood-{id}"));
        let expected: Vec<String> = newest
            .chain((0..3).map(|id| format!("good-{id}")))
            .collect();
        assert_eq!(left, expected);
    }

    #[test]
    fn drop_newest_keeps_the_oldest() {
        let mailbox = mailbox(2, Overflow::DropNewest, 1);
        let dropped: u64 = ["1", "2", "3"]
            .iter()
            .map(|id| mailbox.push(event(id, "s"), 1))
            .sum();
        assert_eq!(dropped, 1);
        assert_eq!(ids(&mailbox, 0), ["1", "2"]);
    }

    #[test]
    fn disconnect_empties_and_closes() {
        let mailbox = mailbox(2, Overflow::Disconnect, 1);
        let dropped: u64 = ["1", "2", "3", "4"]
            .iter()
            .map(|id| mailbox.push(event(id, "s"), 1))
            .sum();
        assert_eq!(dropped, 3);
        assert_eq!(mailbox.try_recv(0), Err(Closed::Overflowed { dropped: 3 }));
    }

    #[test]
    fn bytes_are_bounded_too() {
        let size = event("1", "s").as_bytes().len();
        let limits = MailboxLimits {
            events: 10,
            bytes: 2 * size,
        };
        let mailbox = Mailbox::new(limits, Overflow::DropOldest, 1);
        for id in ["1", "2", "3"] {
            mailbox.push(event(id, "s"), 1);
        }
        assert_eq!(ids(&mailbox, 0), ["2", "3"]);
        assert_eq!(
            mailbox.push(event("4", &"s".repeat(3 * size)), 1),
            1,
            "never fits"
        );
        assert_eq!(mailbox.queued(), 0);
    }

    #[test]
    fn a_flood_of_large_events_displaces_only_itself() {
        let large = "s".repeat(1000);
        let size = event("large", &large).as_bytes().len();
        let limits = MailboxLimits {
            events: 1000,
            bytes: 4 * size,
        };
        let mailbox = Mailbox::new(limits, Overflow::DropOldest, 1);
        for id in 0..5 {
            mailbox.push(event(&format!("good-{id}"), "s"), 1);
        }
        for _ in 0..20 {
            mailbox.push(event("large", &large), 2);
        }
        let left = ids(&mailbox, 0);
        assert!(left.starts_with(&[0, 1, 2, 3, 4].map(|id| format!("good-{id}"))));
        assert!(left.len() > 5, "and the newest of the flood: {left:?}");
    }

    #[test]
    fn a_subject_stays_in_one_lane_in_order_also_when_lanes_change() {
        let mailbox = mailbox(100, Overflow::DropOldest, 4);
        for id in 0..40 {
            mailbox.push(event(&format!("{id:02}"), &format!("s{}", id % 7)), 1);
        }
        assert_eq!(
            mailbox.reconfigure(
                MailboxLimits {
                    events: 30,
                    bytes: 1 << 20
                },
                Overflow::DropOldest,
                3
            ),
            10
        );
        let mut all = Vec::new();
        for lane in 0..3 {
            let ids = ids(&mailbox, lane);
            assert!(ids.is_sorted(), "{ids:?}");
            all.extend(ids);
        }
        all.sort();
        let newest: Vec<String> = (10..40).map(|id| format!("{id:02}")).collect();
        assert_eq!(all, newest);
    }

    #[test]
    fn closing_lets_the_rest_be_received() {
        let mailbox = mailbox(2, Overflow::DropOldest, 1);
        mailbox.push(event("1", "s"), 1);
        mailbox.close();
        assert_eq!(mailbox.push(event("2", "s"), 1), 0);
        assert_eq!(ids(&mailbox, 0), ["1"]);
        assert_eq!(mailbox.try_recv(0), Err(Closed::Done));
    }

    #[test]
    fn a_batch_keeps_within_its_limits_but_for_one_large_event() {
        let mailbox = mailbox(10, Overflow::DropOldest, 1);
        let size = event("1", "s").as_bytes().len();
        for id in ["1", "2", "3"] {
            mailbox.push(event(id, "s"), 1);
        }
        let batch = |events, bytes| {
            let mut batch = VecDeque::new();
            let limits = MailboxLimits { events, bytes };
            mailbox
                .try_recv_batch(0, limits, &mut batch)
                .map(|()| batch.len())
        };
        assert_eq!(batch(10, 2 * size), Ok(2));
        assert_eq!(batch(10, 1), Ok(1), "an event that is too large by itself");
        assert_eq!(batch(10, 1), Ok(0));
    }

    #[test]
    fn what_is_put_back_comes_first_and_in_order() {
        let mailbox = mailbox(3, Overflow::DropOldest, 1);
        for id in ["1", "2", "3"] {
            mailbox.push(event(id, "s"), 1);
        }
        let limits = MailboxLimits {
            events: 2,
            ..MailboxLimits::default()
        };
        let mut taken = VecDeque::new();
        mailbox
            .try_recv_batch(0, limits, &mut taken)
            .expect("it is open");
        mailbox.push(event("4", "s"), 1);
        mailbox.put_back(taken.into_iter());
        assert_eq!(ids(&mailbox, 0), ["1", "2", "3", "4"]);
    }

    #[test]
    fn unwanted_events_are_discarded() {
        let mailbox = mailbox(4, Overflow::DropOldest, 1);
        mailbox.push(event("1", "keep"), 1);
        mailbox.push(event("2", "drop"), 1);
        assert_eq!(mailbox.retain(|event| event.subject() == Some("keep")), 1);
        assert_eq!(mailbox.queued(), 1);
        assert_eq!(ids(&mailbox, 0), ["1"]);
    }
}
