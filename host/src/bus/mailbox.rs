//! Bounded mailboxes: the queue between the bus and one receiver.
//!
//! A mailbox has one or more lanes. Events with the same subject share a lane,
//! so that several consumers can work on one mailbox and each subject stays in
//! order; the bounds hold for the mailbox as a whole.

use std::collections::{HashMap, VecDeque};
use std::hash::BuildHasher;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use foldhash::fast::FixedState;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::event::Event;

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
    /// with the most events waiting, so that a flood displaces only itself.
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
    lanes: Vec<Lane>,
    events: usize,
    bytes: usize,
    arrivals: u64,
    closed: Option<Closed>,
}

#[derive(Debug, Default)]
struct Lane {
    queue: VecDeque<Queued>,
    waker: Option<Waker>,
}

#[derive(Debug)]
struct Queued {
    /// Position among all arrivals, to find the oldest across lanes.
    arrival: u64,
    publisher: PublisherId,
    event: Event,
}

/// Tells the publishers of one bus apart.
pub(super) type PublisherId = u32;

impl Mailbox {
    /// A mailbox with `lanes` lanes, at least one.
    #[must_use]
    pub fn new(limits: MailboxLimits, overflow: Overflow, lanes: usize) -> Self {
        Self(Mutex::new(State {
            limits,
            overflow,
            lanes: (0..lanes.max(1)).map(|_| Lane::default()).collect(),
            events: 0,
            bytes: 0,
            arrivals: 0,
            closed: None,
        }))
    }

    /// Puts an event in; returns how many events were dropped for it, itself
    /// included. A closed mailbox takes nothing and drops nothing.
    pub(super) fn push(&self, event: Event, publisher: PublisherId) -> u64 {
        let size = event.as_bytes().len();
        let mut state = self.lock();
        if state.closed.is_some() {
            return 0;
        }
        let mut dropped = 0;
        while state.events >= state.limits.events || state.bytes + size > state.limits.bytes {
            match state.overflow {
                Overflow::DropOldest if size <= state.limits.bytes && state.events > 0 => {
                    state.drop_oldest();
                    dropped += 1;
                }
                Overflow::DropOldest | Overflow::DropNewest => return dropped + 1,
                Overflow::Disconnect => {
                    dropped += 1 + state.events as u64;
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
        std::future::poll_fn(|cx| self.poll_recv(lane, cx)).await
    }

    /// As [`Mailbox::recv`], for hand-written futures.
    ///
    /// # Errors
    /// [`Closed`] once the mailbox is closed and the lane empty.
    pub fn poll_recv(&self, lane: usize, cx: &mut Context<'_>) -> Poll<Result<Event, Closed>> {
        let mut state = self.lock();
        match state.take(lane) {
            Ok(Some(event)) => Poll::Ready(Ok(event)),
            Ok(None) => {
                let waker = &mut state.lanes[lane].waker;
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
            let wakers = state.wakers();
            drop(state);
            wakers.into_iter().for_each(Waker::wake);
        }
    }

    /// Events waiting.
    #[must_use]
    pub fn queued(&self) -> usize {
        self.lock().events
    }

    /// Changes bounds, rule and number of lanes; what waits stays, in order, and
    /// is dropped only where the new bounds are smaller. Returns how many were.
    ///
    /// Consumers of the old lanes must have stopped.
    pub fn reconfigure(&self, limits: MailboxLimits, overflow: Overflow, lanes: usize) -> u64 {
        let mut state = self.lock();
        state.limits = limits;
        state.overflow = overflow;
        let mut dropped = 0;
        while state.events > limits.events || state.bytes > limits.bytes {
            state.drop_oldest();
            dropped += 1;
        }
        let mut queued: Vec<Queued> = state
            .lanes
            .iter_mut()
            .flat_map(|lane| std::mem::take(&mut lane.queue))
            .collect();
        queued.sort_unstable_by_key(|queued| queued.arrival);
        let wakers = state.wakers();
        state.lanes = (0..lanes.max(1)).map(|_| Lane::default()).collect();
        for queued in queued {
            let lane = state.lane_of(&queued.event);
            state.lanes[lane].queue.push_back(queued);
        }
        drop(state);
        wakers.into_iter().for_each(Waker::wake);
        dropped
    }

    /// Discards the waiting events that are no longer wanted.
    pub fn retain(&self, wanted: impl Fn(&Event) -> bool) {
        let mut guard = self.lock();
        let state = &mut *guard;
        for lane in &mut state.lanes {
            lane.queue.retain(|queued| {
                let keep = wanted(&queued.event);
                if !keep {
                    state.events -= 1;
                    state.bytes -= queued.event.as_bytes().len();
                }
                keep
            });
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing in here panics half-way through a change.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn put(&mut self, event: Event, publisher: PublisherId) -> Option<Waker> {
        let lane = self.lane_of(&event);
        self.events += 1;
        self.bytes += event.as_bytes().len();
        self.arrivals += 1;
        let arrival = self.arrivals;
        let lane = &mut self.lanes[lane];
        lane.queue.push_back(Queued {
            arrival,
            publisher,
            event,
        });
        lane.waker.take()
    }

    fn take(&mut self, lane: usize) -> Result<Option<Event>, Closed> {
        match (self.lanes[lane].queue.pop_front(), self.closed) {
            (Some(queued), _) => {
                self.events -= 1;
                self.bytes -= queued.event.as_bytes().len();
                Ok(Some(queued.event))
            }
            (None, Some(closed)) => Err(closed),
            (None, None) => Ok(None),
        }
    }

    /// Drops the oldest event of the publisher with the most events waiting.
    /// Looks at every waiting event, which only a full mailbox has to pay.
    fn drop_oldest(&mut self) {
        let mut waiting: HashMap<PublisherId, usize, FixedState> = HashMap::default();
        for queued in self.lanes.iter().flat_map(|lane| &lane.queue) {
            *waiting.entry(queued.publisher).or_default() += 1;
        }
        let Some((&loudest, _)) = waiting.iter().max_by_key(|(id, count)| (**count, **id)) else {
            return;
        };
        let first_of = |lane: &Lane| {
            let at = lane
                .queue
                .iter()
                .position(|queued| queued.publisher == loudest)?;
            Some((lane.queue[at].arrival, at))
        };
        let oldest = (0..self.lanes.len())
            .filter_map(|lane| first_of(&self.lanes[lane]).map(|(arrival, at)| (arrival, lane, at)))
            .min();
        if let Some((_, lane, at)) = oldest
            && let Some(queued) = self.lanes[lane].queue.remove(at)
        {
            self.events -= 1;
            self.bytes -= queued.event.as_bytes().len();
        }
    }

    fn close(&mut self, reason: Closed) -> Vec<Waker> {
        self.closed = Some(reason);
        self.events = 0;
        self.bytes = 0;
        self.lanes
            .iter_mut()
            .for_each(|lane| lane.queue = VecDeque::new());
        self.wakers()
    }

    fn wakers(&mut self) -> Vec<Waker> {
        self.lanes
            .iter_mut()
            .filter_map(|lane| lane.waker.take())
            .collect()
    }

    /// Events without a subject share a lane.
    fn lane_of(&self, event: &Event) -> usize {
        match self.lanes.len() {
            1 => 0,
            lanes => {
                let hash = FixedState::default().hash_one(event.subject().unwrap_or_default());
                usize::try_from(hash % lanes as u64).expect("below the number of lanes")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Draft, EventType, Stamp};

    fn event(id: &str, subject: &str) -> Event {
        let mut draft = Draft::new(EventType::custom("t").unwrap());
        draft.subject = Some(subject.to_owned().into());
        draft.stamp(&Stamp {
            id,
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
    fn unwanted_events_are_discarded() {
        let mailbox = mailbox(4, Overflow::DropOldest, 1);
        mailbox.push(event("1", "keep"), 1);
        mailbox.push(event("2", "drop"), 1);
        mailbox.retain(|event| event.subject() == Some("keep"));
        assert_eq!(mailbox.queued(), 1);
        assert_eq!(ids(&mailbox, 0), ["1"]);
    }
}
