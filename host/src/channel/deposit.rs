//! Laying events into a channel that are no news to anybody, such as dead letters.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use hearken_channel_log::{AppendError, AppendedEvent, Batch, DedupeKey, Expected};
use tokio::time::timeout;

use super::append::APPEND_TIME;
use super::error::AppendFailure;
use super::handle::Channel;
use super::settings::OF_DEAD_LETTERS;
use crate::bus::Publisher;
use crate::event::Event;

impl Channel {
    /// Whether it is one of dead letters, to which nobody appends.
    #[must_use]
    pub fn is_of_dead_letters(&self) -> bool {
        self.name.as_str().starts_with(OF_DEAD_LETTERS)
    }

    /// Appends events as they are, but for their number and recorded time, all or none, each
    /// once by its key. When it returns they are durable. They are read like all others, but
    /// not published: they are there, and have not happened again. Returns their numbers.
    ///
    /// The append goes on when its future is dropped.
    ///
    /// # Errors
    /// [`AppendFailure`] says why not, and whether they may be stored all the same.
    pub async fn deposit(
        self: &Arc<Self>,
        publisher: Arc<Publisher>,
        events: Vec<(Event, DedupeKey)>,
    ) -> Result<Vec<u64>, AppendFailure> {
        let mut batch = Batch::new();
        for (event, key) in &events {
            batch.push(event.as_bytes(), Some(*key))?;
        }
        let channel = Arc::clone(self);
        // Of its own, so that the numbers are passed whoever has gone meanwhile.
        let lay = async move { channel.lay(publisher, batch).await };
        match timeout(APPEND_TIME, self.keep_at(lay)?).await {
            Ok(Ok(numbers)) => Ok(numbers?),
            Ok(Err(_)) => Err(AppendFailure::Broken),
            Err(_) => Err(AppendFailure::Slow(APPEND_TIME)),
        }
    }

    async fn lay(&self, publisher: Arc<Publisher>, batch: Batch) -> Result<Vec<u64>, AppendError> {
        let Some(open) = self.outlet.open() else {
            return Err(match self.gone.is_cancelled() {
                true => AppendError::NoChannel(self.name.clone()),
                false => AppendError::Overloaded,
            });
        };
        let appended = self.engine.append(&self.name, batch, Expected::Any).await?;
        let is_new = |event: &&AppendedEvent| !event.is_duplicate();
        let first = appended.events.iter().find(is_new);
        let last = appended.events.iter().rfind(is_new);
        if let (Some(first), Some(last)) = (first, last) {
            open.pass(publisher, first.sequence, last.sequence);
            let new = appended.events.iter().filter(is_new).count() as u64;
            self.counts.appended.fetch_add(new, Ordering::Relaxed);
        }
        Ok(appended.events.iter().map(|event| event.sequence).collect())
    }
}
