//! Reading the logs of durable channels for their subscribers: one task for those that keep up,
//! and one for each that lags, as long as it does.

use std::sync::Arc;
use std::time::Duration;

use hearken_channel_log::ReadError;
use hearken_wire::EventRef;
use tokio::time::sleep;

use super::hub::{Exclude, Hub, Read, Resumed, Subscriber};
use super::log::Log;
use super::namespace::Namespace;
use super::namespaces::Resolved;
use super::publication::StoredPublication;
use super::shared::Shared;
use super::source::Source;
use crate::channel::{Found, ReadAmount, ReadFailure};
use crate::event::Event;
use crate::panics::contain_panics;

/// What is read at once.
const READ: ReadAmount = ReadAmount {
    events: 64,
    bytes: 64 << 10,
};

/// Pause before a log is read again that was busy.
const BUSY: Duration = Duration::from_millis(100);

/// Pause before a log is read again that could not be read.
const FAILED: Duration = Duration::from_secs(1);

/// What became of a read.
enum Came {
    /// This was read.
    Found(Found),
    /// What is next cannot be read; what is behind this number may be.
    Lost(u64),
    /// It is to be tried again after this pause.
    Later(Duration),
    /// There is nothing any more.
    Removed,
}

impl Shared {
    /// Reads a log for all who are subscribed to a channel and keep up, as long as somebody
    /// is.
    pub(super) async fn follow(self: Arc<Self>, hub: Arc<Hub>, log: Log) {
        while let Some(position) = hub.filled_up_to() {
            let is_removed = tokio::select! {
                is_there = log.beyond(position) => !is_there,
                () = hub.emptied() => continue,
            };
            if is_removed {
                self.all_missed(&hub);
                // Whoever was about to subscribe is told the next time.
                tokio::task::yield_now().await;
                continue;
            }
            if let Some(pause) = self.fill_page(&hub, &log, position).await {
                sleep(pause).await;
            }
        }
        self.release(&hub);
    }

    /// Fills a hub with what comes behind a position. Returns a pause before that is to be
    /// tried again.
    async fn fill_page(
        self: &Arc<Self>,
        hub: &Arc<Hub>,
        log: &Log,
        position: u64,
    ) -> Option<Duration> {
        let _turn = self.reading.acquire().await.ok()?;
        match self.read_on(hub, log, position).await {
            Came::Found(Found { gap: Some(gap), .. }) => {
                log.note_missing(gap.last);
                hub.fill_nothing(gap.last);
            }
            // There is nothing there, although its node has said that it goes further.
            Came::Found(found) if found.next <= position => return Some(BUSY),
            Came::Lost(last) if last <= position => return Some(BUSY),
            Came::Found(found) => {
                let next = found.next;
                match self.publications(hub, &found) {
                    Some(read) => hub.fill_read(read, next),
                    None => hub.fill_nothing(next),
                }
            }
            Came::Lost(last) => hub.fill_nothing(last),
            Came::Later(pause) => return Some(pause),
            Came::Removed => return None,
        }
        self.stir(hub);
        hub.taken().await;
        None
    }

    /// Brings on a subscriber that lags, until it does not any more.
    pub(super) fn bring_on(self: &Arc<Self>, hub: &Arc<Hub>, subscriber: &Arc<Subscriber>) {
        let Source::Log(log) = hub.source() else {
            return;
        };
        let (shared, log) = (Arc::clone(self), log.clone());
        let (hub, subscriber) = (Arc::clone(hub), Arc::clone(subscriber));
        self.tasks.run(async move {
            let work = shared.catch_up(&hub, &log, &subscriber);
            if !contain_panics("who brings a subscriber on", work).await {
                // It would lag for ever.
                shared.missed(&hub, &subscriber);
            }
        });
    }

    async fn catch_up(self: &Arc<Self>, hub: &Arc<Hub>, log: &Log, subscriber: &Arc<Subscriber>) {
        let mut needed = 0;
        while let Resumed::Behind(position) = hub.resume(subscriber) {
            subscriber.room(needed).await;
            if subscriber.has_ended() {
                // Nothing that would be read comes to its session any more.
                return;
            }
            let Ok(turn) = self.reading.acquire().await else {
                return;
            };
            let read = match self.read_on(hub, log, position).await {
                // There is nothing there, although the others were told to be further: what
                // they are behind of was lost.
                Came::Found(found) if found.gap.is_none() && found.next <= position => {
                    drop(turn);
                    sleep(BUSY).await;
                    continue;
                }
                Came::Found(found) if found.gap.is_none() => self
                    .publications(hub, &found)
                    .map(|read| (read, found.next)),
                Came::Later(pause) => {
                    drop(turn);
                    sleep(pause).await;
                    continue;
                }
                Came::Found(found) => {
                    if let Some(gap) = found.gap {
                        // Otherwise it would come back to where it was, and on to this again.
                        log.note_missing(gap.last);
                    }
                    None
                }
                Came::Lost(_) | Came::Removed => None,
            };
            let Some((read, next)) = read else {
                self.missed(hub, subscriber);
                return;
            };
            needed = hub.bring(subscriber, read, next);
        }
    }

    /// All who are subscribed to a channel with a position have missed something.
    pub(super) fn all_missed(self: &Arc<Self>, hub: &Hub) {
        for subscriber in hub.all_subscribed().iter() {
            self.missed(hub, subscriber);
        }
    }

    /// Whether there is no such channel any more: its namespace is gone.
    pub(super) fn is_unknown(&self, hub: &Hub) -> bool {
        let in_use = self.in_use();
        matches!(self.resolve(&in_use, hub.name()), Resolved::Unknown)
    }

    /// Whether the publications of a hub's channel come from elsewhere by now than the hub has
    /// them from: a durable channel was removed, or what the name is the name of has changed.
    pub(super) fn is_another(&self, hub: &Hub) -> bool {
        let resolved = self.resolve(&self.in_use(), hub.name());
        let is_durable = match &resolved {
            Resolved::Durable => true,
            Resolved::Namespace(namespace) => namespace.durable,
            _ => false,
        };
        let is_watched = matches!(resolved, Resolved::Subject(_) | Resolved::Events(_));
        match hub.source() {
            Source::Publishers => is_durable || is_watched,
            Source::Log(log) => {
                let now = self.channels.get(hub.name().as_str());
                let is_there = match log {
                    Log::Near(channel) => now.is_some_and(|now| Arc::ptr_eq(&now, channel)),
                    Log::Far(log) => now.is_none() && !log.state().is_removed,
                };
                !is_durable || !is_there
            }
            Source::Bus(_) => !is_watched,
        }
    }

    /// Reads what comes behind a position.
    async fn read_on(&self, hub: &Hub, log: &Log, position: u64) -> Came {
        match self.read_log(log, position, READ).await {
            Ok(found) => Came::Found(found),
            Err(ReadFailure::Removed) => Came::Removed,
            Err(ReadFailure::Log(ReadError::Damaged(span))) => Came::Lost(span.last),
            // What was there was given up.
            Err(ReadFailure::Beyond { last, .. }) => Came::Lost(last),
            Err(ReadFailure::Log(ReadError::Overloaded)) => Came::Later(BUSY),
            Err(ReadFailure::Log(error)) => {
                if hub.may_complain() {
                    let channel = log.name();
                    tracing::warn!(%channel, %error, "a channel cannot be read for its sessions");
                }
                Came::Later(FAILED)
            }
        }
    }

    /// What was read, as publications of the channel; `None` if that is none of sessions any
    /// more.
    fn publications(&self, hub: &Hub, found: &Found) -> Option<Vec<Read>> {
        let namespace = self.namespace(&self.in_use(), hub.name()).ok()?;
        let read = found.events.iter().map(|event| {
            let publication = stored(event, &namespace);
            let client = publication.publisher().map(|info| info.client.as_str());
            let exclude = client.filter(|_| !namespace.echo);
            Read {
                number: publication.offset(),
                exclude: exclude.map(|client| Exclude::Client(client.into())),
                as_delta: namespace.delta_publish,
                publication: Arc::new(publication),
            }
        });
        Some(read.collect())
    }
}

/// An event of a log as a publication.
pub(super) fn stored(event: &[u8], namespace: &Namespace) -> StoredPublication {
    let event = Event::copied(EventRef::assume_encoded(event));
    let number = event.sequence().unwrap_or_default();
    StoredPublication::read(event, number, &namespace.tags)
}
