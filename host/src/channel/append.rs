//! Appending: encode, store, publish on the bus, answer.

use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use hearken_channel_log::{AppendError, Appended, Batch, Epoch, Expected};
use hearken_wire::EventRef;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::dedupe::{self, DedupeKey};
use super::error::AppendFailure;
use super::handle::Channel;
use crate::bus::Publisher;
use crate::event::{Draft, Event};

/// How long an append is waited for: long after a disk that takes its time.
pub const APPEND_TIME: Duration = Duration::from_secs(30);

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

/// An event that is encoded for a channel.
#[derive(Clone, Debug)]
pub struct Encoded {
    event: Event,
    /// By what it is known when it is sent again, if its publisher has named it: what the
    /// node has named is sent once.
    key: Option<DedupeKey>,
}

impl Encoded {
    /// The event, without the number and the time that the channel will give it.
    #[must_use]
    pub fn packed(&self) -> EventRef<'_> {
        self.event.packed()
    }
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
        drafts: Vec<Draft<'_>>,
        expected: Expected,
    ) -> Result<Receipt, AppendFailure> {
        let events = self.encode(&publisher, principal, drafts)?;
        let channel = Arc::clone(self);
        let append = async move { channel.append_encoded(publisher, events, expected).await };
        match timeout(APPEND_TIME, self.keep_at(append)?).await {
            Ok(Ok(appended)) => appended,
            Ok(Err(_)) => Err(AppendFailure::Broken),
            Err(_) => Err(AppendFailure::Slow(APPEND_TIME)),
        }
    }

    /// Encodes events that `principal` sends.
    ///
    /// # Errors
    /// [`AppendFailure::Event`] says which of them breaks a rule; [`AppendFailure::DeadLetters`]
    /// that nobody appends to this channel.
    pub fn encode(
        &self,
        publisher: &Publisher,
        principal: &str,
        mut drafts: Vec<Draft<'_>>,
    ) -> Result<Vec<Encoded>, AppendFailure> {
        if self.is_of_dead_letters() {
            return Err(AppendFailure::DeadLetters(self.name.clone()));
        }
        for draft in &mut drafts {
            draft.channel = Some(Cow::Owned(self.name.as_str().to_owned()));
        }
        let events = publisher
            .encode_all(&drafts)
            .map_err(|(at, error)| AppendFailure::Event { at, error })?;
        let encoded = events.into_iter().zip(&drafts).map(|(event, draft)| {
            let key = draft.id.is_some().then(|| dedupe::key(principal, &event));
            Encoded { event, key }
        });
        Ok(encoded.collect())
    }

    /// Has a task of its own keep at an append, whoever goes meanwhile.
    ///
    /// # Errors
    /// [`AppendFailure::Closing`] when the node takes no more.
    pub fn keep_at<T: Send + 'static>(
        &self,
        append: impl Future<Output = T> + Send + 'static,
    ) -> Result<JoinHandle<T>, AppendFailure> {
        if self.tasks.is_closed() {
            return Err(AppendFailure::Closing);
        }
        Ok(self.tasks.spawn(append))
    }

    /// Appends encoded events as [`Channel::append`] does, for who keeps at it.
    ///
    /// # Errors
    /// [`AppendFailure`] says why not, and whether they may be stored all the same.
    pub async fn append_encoded(
        &self,
        publisher: Arc<Publisher>,
        events: Vec<Encoded>,
        expected: Expected,
    ) -> Result<Receipt, AppendFailure> {
        let mut batch = Batch::new();
        let mut ids = Vec::with_capacity(events.len());
        for Encoded { event, key } in &events {
            batch.push(event.as_bytes(), *key)?;
            ids.push(event.id().to_owned());
        }
        // The disk may take its time: until then the events are in memory once.
        drop(events);
        if self.gone.is_cancelled() {
            return Err(AppendError::NoChannel(self.name.clone()).into());
        }
        let fault = self.fault().clone();
        if let Some(fault) = fault {
            return Err(AppendError::StorageFailed(fault).into());
        }
        let appended = self.store(publisher, batch, expected).await?;
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
