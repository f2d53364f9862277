//! Filling a hub with publications that come from elsewhere, and bringing on subscribers that
//! lag behind the others.
//!
//! Where publications come from a log, one task reads it for all. Whoever has no room for what
//! that brings lags from there on: it is read for it alone, as it makes room, until it has come
//! to where the others are. So it loses nothing, and takes no more memory than any other.

use std::sync::Arc;

use super::batch::Batch;
use super::channel_hub::Hub;
use super::item::{Exclude, Item};
use super::state::Filling;
use super::subscriber::{Resumed, Subscriber};
use crate::session::publication::StoredPublication;
use crate::session::source::Source;

/// A publication that was read from a log.
#[derive(Clone, Debug)]
pub(in crate::session) struct Read {
    /// Its number there.
    pub(in crate::session) number: u64,
    pub(in crate::session) publication: Arc<StoredPublication>,
    /// Who does not get it.
    pub(in crate::session) exclude: Option<Exclude>,
    /// Whether it may go out as a delta.
    pub(in crate::session) as_delta: bool,
}

impl Read {
    fn item(self) -> Item {
        Item::Publication {
            serial: self.number,
            publication: self.publication,
            exclude: self.exclude,
            as_delta: self.as_delta,
        }
    }
}

impl Hub {
    /// The number up to which it was filled, for whoever fills it; `None` when nobody is
    /// subscribed, and it is filled no more.
    pub(in crate::session) fn filled_up_to(&self) -> Option<u64> {
        let mut state = self.lock();
        if state.subscribers.is_empty() {
            state.filling = Filling::None;
            return None;
        }
        Some(state.serial)
    }

    /// Waits until nobody is subscribed, or nobody was for a moment.
    pub(in crate::session) async fn emptied(&self) {
        if let Some(filled) = &self.filled {
            filled.emptied.notified().await;
        }
    }

    /// Takes what was read behind the number up to which it was filled, up to the number `next`.
    pub(in crate::session) fn fill_read(&self, read: Vec<Read>, next: u64) {
        let mut state = self.lock();
        for one in read {
            state.serial = one.number;
            state.push(one.item());
        }
        state.serial = state.serial.max(next);
    }

    /// What it would be filled with up to the number `next` cannot be read: all may have missed
    /// something.
    pub(in crate::session) fn fill_nothing(&self, next: u64) {
        let mut state = self.lock();
        state.serial = state.serial.max(next);
        state.lose();
    }

    /// Takes an event that was published elsewhere.
    pub(in crate::session) fn fill(&self, publication: Arc<StoredPublication>) {
        self.pass_on(publication, None, false);
    }

    /// Takes a publication that was published elsewhere and is in no history. Where all come
    /// from a log there is none.
    pub(in crate::session) fn pass_on(
        &self,
        publication: Arc<StoredPublication>,
        exclude: Option<Exclude>,
        as_delta: bool,
    ) {
        if matches!(self.source(), Source::Log(_)) {
            return;
        }
        let mut state = self.lock();
        state.serial += 1;
        let serial = state.serial;
        state.push(Item::Publication {
            serial,
            publication,
            exclude,
            as_delta,
        });
    }

    /// Waits until what it was filled with is being handed on, so that it holds no more than that
    /// twice.
    pub(in crate::session) async fn taken(&self) {
        let Some(filled) = &self.filled else {
            return;
        };
        loop {
            // Before it is looked at, so that nothing is missed.
            let taken = filled.taken.notified();
            if self.lock().pending.is_empty() {
                return;
            }
            taken.await;
        }
    }

    /// All who are subscribed.
    pub(in crate::session) fn all_subscribed(&self) -> Arc<Vec<Arc<Subscriber>>> {
        Arc::clone(&self.lock().subscribers)
    }

    /// Has a subscriber that lags go on with the others, if it has come to where they are.
    pub(in crate::session) fn resume(&self, subscriber: &Subscriber) -> Resumed {
        // What the others have come to does not change meanwhile.
        let state = self.lock();
        subscriber.resume(state.serial)
    }

    /// Hands to a subscriber that lags what was read for it up to the number `next`, as much
    /// of it as it has room for. Returns how many bytes the first has for which there was no
    /// room; 0 if there was for all.
    pub(in crate::session) fn bring(
        &self,
        subscriber: &Subscriber,
        read: Vec<Read>,
        next: u64,
    ) -> usize {
        let batch = Batch {
            channel: self.name.clone(),
            number: self.number,
            items: read.into_iter().map(Read::item).collect(),
            previous: None,
            subscribers: Arc::default(),
            lost: None,
        };
        batch.bring(subscriber, next)
    }
}
