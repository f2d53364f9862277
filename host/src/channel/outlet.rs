//! Puts what a channel has stored onto the bus, in the order of its numbers.
//!
//! Appends are answered in whatever order their tasks run. Each waits here until all with
//! lower numbers are published, so that whoever has an answer knows that the event is on
//! its way, and every receiver gets the channel's events in their one order.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Notify, watch};

use crate::bus::Publisher;
use crate::event::Event;

/// The way of one channel's events to the bus.
#[derive(Debug)]
pub(super) struct Outlet {
    state: Mutex<State>,
    /// Tells that there are no open appends any more.
    idle: Notify,
}

#[derive(Debug)]
struct State {
    /// Number of the last event that was published, or will not be.
    published: u64,
    /// Tells of it whoever waits, while somebody does: most channels have nobody.
    told: Option<watch::Sender<u64>>,
    /// Appends that may still store something.
    open: usize,
    /// Whether no more are begun.
    closed: bool,
    /// What has to wait for lower numbers, by its first number.
    waiting: BTreeMap<u64, Stored>,
    /// Whether somebody publishes what waits for nothing any more, also for the others.
    publishing: bool,
}

/// What one append has stored.
#[derive(Debug)]
struct Stored {
    publisher: Arc<Publisher>,
    events: Vec<Event>,
    last: u64,
}

/// No append is begun until it is dropped.
#[derive(Debug)]
pub(super) struct Shut<'o>(&'o Outlet);

/// The turn of whoever publishes, for when that panics.
struct Turn<'o>(&'o Outlet);

/// An append that may still store something, until it is dropped.
#[derive(Debug)]
pub(super) struct Open<'o>(&'o Outlet);

impl Outlet {
    /// Of a channel whose last event has this number.
    pub(super) fn new(last: u64) -> Self {
        Self {
            state: Mutex::new(State {
                published: last,
                told: None,
                open: 0,
                closed: false,
                waiting: BTreeMap::new(),
                publishing: false,
            }),
            idle: Notify::new(),
        }
    }

    /// Begins an append, unless none is begun any more.
    pub(super) fn open(&self) -> Option<Open<'_>> {
        let mut state = self.lock();
        if state.closed {
            return None;
        }
        state.open += 1;
        Some(Open(self))
    }

    /// Has no append begun until what is returned is dropped.
    pub(super) fn shut(&self) -> Shut<'_> {
        self.lock().closed = true;
        Shut(self)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing in here panics half-way.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Publishes what waits for nothing any more, one at a time. Nobody else waits meanwhile:
    /// what comes is published by whoever does so already.
    fn publish(&self) {
        let mut state = self.lock();
        if state.publishing {
            return;
        }
        while let Some(stored) = state.next() {
            state.publishing = true;
            drop(state);
            let turn = Turn(self);
            stored.publisher.publish_stored(&stored.events);
            // Only what panics ends its turn by itself.
            std::mem::forget(turn);
            state = self.lock();
            state.tell(stored.last);
        }
        state.publishing = false;
        if state.open == 0 {
            self.idle.notify_waiters();
        }
    }
}

impl State {
    /// What is published next, once all before it is. Without open appends nothing waits: the
    /// outcome of one is not known then, and its numbers may never come.
    fn next(&mut self) -> Option<Stored> {
        let first = self.waiting.first_entry()?;
        let is_next = *first.key() <= self.published.saturating_add(1) || self.open == 0;
        is_next.then(|| first.remove())
    }

    /// All up to this number is published.
    fn tell(&mut self, published: u64) {
        self.published = published;
        self.told.take_if(|told| told.send(published).is_err());
    }

    /// Tells of the number up to which all is published, unless that is `last` already.
    fn until(&mut self, last: u64) -> Option<watch::Receiver<u64>> {
        let published = self.published;
        (published < last).then(|| {
            let told = self
                .told
                .get_or_insert_with(|| watch::Sender::new(published));
            told.subscribe()
        })
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.0.lock().publishing = false;
    }
}

impl Shut<'_> {
    /// Waits for the appends that were begun before.
    pub(super) async fn idle(&self) {
        loop {
            // Before it is looked at, so that no end is missed.
            let idle = self.0.idle.notified();
            let is_idle = {
                let state = self.0.lock();
                state.open == 0 && !state.publishing
            };
            if is_idle {
                return;
            }
            idle.await;
        }
    }

    /// Never has an append begun again.
    pub(super) fn for_good(self) {
        std::mem::forget(self);
    }
}

impl Drop for Shut<'_> {
    fn drop(&mut self) {
        self.0.lock().closed = false;
    }
}

impl Open<'_> {
    /// Publishes what was stored, numbered from `first`, once all before it is published.
    pub(super) async fn publish(self, publisher: Arc<Publisher>, first: u64, events: Vec<Event>) {
        let Some(more) = (events.len() as u64).checked_sub(1) else {
            return;
        };
        let last = first.saturating_add(more);
        let stored = Stored {
            publisher,
            events,
            last,
        };
        self.0.lock().waiting.insert(first, stored);
        let outlet = self.0;
        // Counted out before it waits, so that the last of those that wait goes on. Publishes it
        // unless others come first.
        drop(self);
        let published = outlet.lock().until(last);
        if let Some(mut published) = published {
            // The channel is there as long as somebody appends to it.
            let _ = published.wait_for(|number| *number >= last).await;
        }
    }

    /// The events from `first` to `last` were stored and are not published.
    pub(super) fn pass(self, publisher: Arc<Publisher>, first: u64, last: u64) {
        let stored = Stored {
            publisher,
            events: Vec::new(),
            last,
        };
        // They are passed as it is dropped.
        self.0.lock().waiting.insert(first, stored);
    }
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.0.lock().open -= 1;
        self.0.publish();
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;
    use crate::bus::{Bus, Filter, MailboxLimits, Overflow, Receiver, ReceiverKind, Subscription};
    use crate::channel::test_support::bus;
    use crate::event::{Draft, EventType, Pattern};

    fn receiver(bus: &Bus) -> Receiver {
        bus.subscribe(Subscription {
            name: "r".into(),
            kind: ReceiverKind::Stream,
            filters: vec![Filter::new(Pattern::any())],
            limits: MailboxLimits::default(),
            overflow: Overflow::DropNewest,
            partitions: 1,
        })
    }

    fn events(publisher: &Publisher, ids: &[&'static str]) -> Vec<Event> {
        let draft = |id: &&'static str| Draft {
            id: Some((*id).into()),
            channel: Some("c".into()),
            ..Draft::new(EventType::custom("a").expect("valid"))
        };
        let drafts: Vec<_> = ids.iter().map(draft).collect();
        publisher.encode_all(&drafts).expect("they keep the rules")
    }

    fn got(receiver: &Receiver) -> Vec<String> {
        let next = || receiver.mailbox().try_recv(0).ok().flatten();
        std::iter::from_fn(next)
            .map(|event| event.id().to_owned())
            .collect()
    }

    #[tokio::test]
    async fn what_is_stored_first_is_published_first() {
        let bus = bus();
        let receiver = receiver(&bus);
        let publisher = Arc::new(bus.publisher("/s", "p"));
        let outlet = Outlet::new(7);
        let open = || outlet.open().expect("it is not closed");
        let (one, two) = (open(), open());
        let second = two.publish(Arc::clone(&publisher), 10, events(&publisher, &["c"]));
        let mut second = std::pin::pin!(second);
        assert_eq!(second.as_mut().now_or_never(), None, "it waits");
        assert!(got(&receiver).is_empty());
        one.publish(Arc::clone(&publisher), 8, events(&publisher, &["a", "b"]))
            .await;
        second.await;
        assert_eq!(got(&receiver), ["a", "b", "c"]);
    }

    #[tokio::test]
    async fn numbers_that_do_not_come_hold_nobody_up() {
        let bus = bus();
        let receiver = receiver(&bus);
        let publisher = Arc::new(bus.publisher("/s", "p"));
        let outlet = Outlet::new(0);
        let open = || outlet.open().expect("it is not closed");
        let (lost, stored) = (open(), open());
        let second = stored.publish(Arc::clone(&publisher), 2, events(&publisher, &["b"]));
        let mut second = std::pin::pin!(second);
        assert_eq!(second.as_mut().now_or_never(), None);
        drop(lost);
        second.await;
        assert_eq!(got(&receiver), ["b"]);
        // And the next goes on from there.
        let next = open();
        next.publish(Arc::clone(&publisher), 3, events(&publisher, &["c"]))
            .await;
        assert_eq!(got(&receiver), ["c"]);
    }

    #[tokio::test]
    async fn an_append_that_stored_nothing_is_done_at_once() {
        let bus = bus();
        let publisher = Arc::new(bus.publisher("/s", "p"));
        let outlet = Outlet::new(3);
        let open = outlet.open().expect("it is not closed");
        open.publish(publisher, 4, Vec::new()).await;
        assert_eq!(outlet.lock().open, 0);
    }

    #[tokio::test]
    async fn what_comes_while_others_publish_is_published_by_them() {
        let bus = bus();
        let receiver = receiver(&bus);
        let publisher = Arc::new(bus.publisher("/s", "p"));
        let outlet = Outlet::new(0);
        // As if another thread delivered something.
        outlet.lock().publishing = true;
        let open = outlet.open().expect("nobody has to wait for the bus");
        let stored = open.publish(Arc::clone(&publisher), 1, events(&publisher, &["a"]));
        let mut stored = std::pin::pin!(stored);
        assert_eq!(stored.as_mut().now_or_never(), None);
        let shut = outlet.shut();
        let mut idle = std::pin::pin!(shut.idle());
        assert_eq!(idle.as_mut().now_or_never(), None, "not all is delivered");
        outlet.lock().publishing = false;
        outlet.publish();
        stored.await;
        idle.await;
        assert_eq!(got(&receiver), ["a"]);
    }

    #[tokio::test]
    async fn whoever_shuts_it_waits_for_what_was_begun() {
        let outlet = Outlet::new(0);
        let open = outlet.open().expect("it is not closed");
        let shut = outlet.shut();
        {
            let mut idle = std::pin::pin!(shut.idle());
            assert_eq!(idle.as_mut().now_or_never(), None);
            assert!(outlet.open().is_none(), "none is begun");
            drop(open);
            idle.await;
        }
        drop(shut);
        assert!(outlet.open().is_some());
        outlet.shut().for_good();
        assert!(outlet.open().is_none());
    }
}
