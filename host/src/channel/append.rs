//! Appending: encode, store, publish on the bus, answer.

use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use hearken_channel_log::{AppendError, Appended, Batch, Epoch, Expected};
use hearken_wire::EventRef;

use super::dedupe;
use super::error::AppendFailure;
use super::handle::Channel;
use crate::bus::Publisher;
use crate::event::{Draft, Event};

/// How long an append is waited for: long after a disk that takes its time.
pub(super) const APPEND_TIME: Duration = Duration::from_secs(30);

/// What became of events that were appended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// Which log they are in.
    pub epoch: Epoch,
    /// Number of the channel's last event once they were stored.
    pub last: u64,
    /// What became of each, in their order.
    pub events: Vec<StoredEvent>,
}

/// What became of one event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredEvent {
    /// Its id.
    pub id: String,
    /// When it was recorded, in milliseconds since the Unix epoch; of a duplicate when the
    /// first was.
    pub time: u64,
    /// Its number; of a duplicate that of the first.
    pub sequence: u64,
    /// Whether it was stored before, so that it was not again.
    pub duplicate: bool,
}

impl Channel {
    /// Appends events that `principal` sends, all or none. When it returns they are durable,
    /// and published on the bus.
    ///
    /// The append goes on when its future is dropped.
    ///
    /// # Errors
    /// [`AppendFailure`] says why not, and whether they may be stored all the same.
    pub async fn append(
        self: &Arc<Self>,
        publisher: Arc<Publisher>,
        principal: &str,
        mut drafts: Vec<Draft<'_>>,
        expected: Expected,
    ) -> Result<Receipt, AppendFailure> {
        if self.is_of_dead_letters() {
            return Err(AppendFailure::DeadLetters(self.name.clone()));
        }
        for draft in &mut drafts {
            draft.channel = Some(Cow::Owned(self.name.as_str().to_owned()));
        }
        let events = publisher
            .encode_all(&drafts)
            .map_err(|(at, error)| AppendFailure::Event { at, error })?;
        let mut batch = Batch::new();
        for (event, draft) in events.iter().zip(&drafts) {
            // What the node has named is sent once.
            let key = draft.id.is_some().then(|| dedupe::key(principal, event));
            batch.push(event.as_bytes(), key)?;
        }
        let ids: Vec<String> = events.iter().map(|event| event.id().to_owned()).collect();
        // The disk may take its time: until then the events are in memory once.
        drop((drafts, events));
        if self.tasks.is_closed() {
            return Err(AppendFailure::Closing);
        }
        if self.gone.is_cancelled() {
            return Err(AppendError::NoChannel(self.name.clone()).into());
        }
        let fault = self.fault().clone();
        if let Some(fault) = fault {
            return Err(AppendError::StorageFailed(fault).into());
        }
        let channel = Arc::clone(self);
        // Of its own, so that what is stored is published whoever has gone meanwhile.
        let store = async move { channel.store(publisher, batch, expected).await };
        let stored = self.tasks.spawn(store);
        let appended = match tokio::time::timeout(APPEND_TIME, stored).await {
            Ok(Ok(appended)) => appended?,
            Ok(Err(_)) => return Err(AppendFailure::Broken),
            Err(_) => return Err(AppendFailure::Slow(APPEND_TIME)),
        };
        let stored = appended.events.iter().zip(ids);
        Ok(Receipt {
            epoch: appended.epoch,
            last: appended.last,
            events: stored
                .map(|(event, id)| StoredEvent {
                    id,
                    time: event.time,
                    sequence: event.sequence,
                    duplicate: event.is_duplicate(),
                })
                .collect(),
        })
    }

    async fn store(
        &self,
        publisher: Arc<Publisher>,
        batch: Batch,
        expected: Expected,
    ) -> Result<Appended, AppendError> {
        let Some(open) = self.outlet.open() else {
            self.counts.refused.fetch_add(1, Ordering::Relaxed);
            // Somebody removes the channel, or finds that it is not the one that they meant.
            return Err(match self.gone.is_cancelled() {
                true => AppendError::NoChannel(self.name.clone()),
                false => AppendError::Overloaded,
            });
        };
        let appended = self.engine.append(&self.name, batch, expected).await;
        let appended = appended.inspect_err(|_| {
            self.counts.refused.fetch_add(1, Ordering::Relaxed);
        })?;
        let stored = appended.events.iter().filter_map(|event| {
            let bytes = event.stored.as_ref()?;
            let copied = Event::copied(EventRef::assume_encoded(bytes));
            Some((event.sequence, copied))
        });
        let (numbers, stored): (Vec<u64>, Vec<Event>) = stored.unzip();
        let count = |count: &AtomicU64, more: usize| {
            count.fetch_add(more as u64, Ordering::Relaxed);
        };
        count(&self.counts.appended, stored.len());
        count(
            &self.counts.duplicates,
            appended.events.len() - stored.len(),
        );
        if let Some(first) = numbers.first() {
            open.publish(publisher, *first, stored).await;
        }
        Ok(appended)
    }
}
