//! Bounds what waits in all event streams together, and in the answers of waits that their
//! clients do not read.
//!
//! An event that many streams wait to send is in memory once, so the sizes of their mailboxes
//! say little. But no more can have come to wait since it was last known than was published
//! since: only when that could be too much, it is looked again what waits.

use std::collections::HashSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use bytes::Bytes;
use foldhash::fast::FixedState;
use slab::Slab;
use tokio::sync::Notify;

use super::rendering::Renderings;
use crate::bus::{Bus, Receiver};
use crate::gateway::serve::connection::Connection;

/// Pause between looks at how much was published.
const LOOK: Duration = Duration::from_millis(100);

/// An event with its text takes at most about so many times its size.
const WITH_TEXT: usize = 3;

/// All open streams and answers, and how much may wait in them.
pub(in crate::gateway) struct StreamMemory {
    limit: usize,
    responses: Mutex<Slab<OpenResponse>>,
    joined: Notify,
}

/// An open stream, or an answer.
struct OpenResponse {
    /// Of an answer there is none.
    receiver: Weak<Receiver>,
    connection: Arc<Connection>,
    held: Arc<Held>,
    /// Was told to end already.
    ended: bool,
}

/// The message that a stream has handed over last, if it may not be written yet.
#[derive(Debug, Default)]
struct Held {
    place: AtomicUsize,
    bytes: AtomicUsize,
}

/// The place of a stream or an answer among them all, until it is dropped.
pub(in crate::gateway) struct Registration {
    memory: Arc<StreamMemory>,
    held: Arc<Held>,
    key: usize,
}

/// What waits in one stream.
struct Load {
    key: usize,
    receiver: Option<Arc<Receiver>>,
    /// Places and sizes in memory.
    parts: Vec<(usize, usize)>,
    bytes: usize,
}

impl StreamMemory {
    /// Lets `limit` bytes wait.
    pub(in crate::gateway) fn new(limit: usize) -> Self {
        Self {
            limit,
            responses: Mutex::default(),
            joined: Notify::new(),
        }
    }

    /// Counts a stream in.
    pub(in crate::gateway) fn join(
        self: &Arc<Self>,
        receiver: &Arc<Receiver>,
        connection: Arc<Connection>,
    ) -> Registration {
        self.count_in(Arc::downgrade(receiver), connection)
    }

    /// The text as the answer of a request, which counts for as long as it is on its way.
    pub(in crate::gateway) fn answer(
        self: &Arc<Self>,
        text: Bytes,
        connection: Arc<Connection>,
    ) -> Bytes {
        /// Who writes the answer may hold it longer than the body that it was given in.
        struct Answer {
            text: Bytes,
            _registration: Registration,
        }

        impl AsRef<[u8]> for Answer {
            fn as_ref(&self) -> &[u8] {
                &self.text
            }
        }

        let registration = self.count_in(Weak::new(), connection);
        registration.hold(&text);
        Bytes::from_owner(Answer {
            text,
            _registration: registration,
        })
    }

    fn count_in(
        self: &Arc<Self>,
        receiver: Weak<Receiver>,
        connection: Arc<Connection>,
    ) -> Registration {
        let held = Arc::<Held>::default();
        let key = self.lock().insert(OpenResponse {
            receiver,
            connection,
            held: Arc::clone(&held),
            ended: false,
        });
        self.joined.notify_one();
        Registration {
            memory: Arc::clone(self),
            held,
            key,
        }
    }

    /// Lets streams send what waits and then end.
    pub(in crate::gateway) fn close(&self) {
        let receivers: Vec<_> = {
            let responses = self.lock();
            let receivers = responses.iter().map(|(_, response)| &response.receiver);
            receivers.filter_map(Weak::upgrade).collect()
        };
        for receiver in receivers {
            receiver.mailbox().close();
        }
    }

    /// Keeps the streams within their memory for as long as it is polled.
    pub(in crate::gateway) async fn keep(&self, bus: &Bus, renderings: &Renderings) {
        let (mut seen, mut room) = (bus.passed_bytes(), self.limit);
        loop {
            if self.lock().is_empty() {
                self.joined.notified().await;
            }
            tokio::time::sleep(LOOK).await;
            let passed = bus.passed_bytes();
            let more = usize::try_from(passed.wrapping_sub(seen)).unwrap_or(usize::MAX);
            if more.saturating_mul(WITH_TEXT) >= room {
                let waiting = self.relieve(renderings);
                (seen, room) = (passed, self.limit.saturating_sub(waiting));
            }
        }
    }

    /// Ends streams until what waits is half of what may, if it is more; those in which
    /// most waits, first. Returns how much waits then.
    fn relieve(&self, renderings: &Renderings) -> usize {
        let mut loads = self.loads();
        let texts = renderings.bytes();
        let (all, _) = distinct(&loads, usize::MAX);
        let waiting = all + texts;
        if waiting <= self.limit {
            return waiting;
        }
        loads.sort_by_key(|load| load.bytes);
        let target = (self.limit / 2).saturating_sub(texts.min(self.limit / 4));
        let (left, kept) = distinct(&loads, target);
        let surplus = &loads[kept..];
        tracing::warn!(
            waiting,
            limit = self.limit,
            ended = surplus.len(),
            "too much waits in event streams and unread answers: ending those that are furthest \
             behind"
        );
        for load in surplus {
            if let Some(receiver) = &load.receiver {
                receiver.disconnect();
            }
            let mut responses = self.lock();
            let Some(response) = responses.get_mut(load.key) else {
                continue;
            };
            // Who does not even take its last message is not waited for; an answer is one.
            if std::mem::replace(&mut response.ended, true) || load.receiver.is_none() {
                response.connection.cut();
            }
        }
        left + texts
    }

    /// What waits in each stream.
    fn loads(&self) -> Vec<Load> {
        let responses: Vec<_> = {
            let responses = self.lock();
            let all = responses.iter().map(|(key, response)| {
                (key, response.receiver.upgrade(), Arc::clone(&response.held))
            });
            all.collect()
        };
        let load = |(key, receiver, held): (usize, Option<Arc<Receiver>>, Arc<Held>)| {
            let mut parts = vec![(
                held.place.load(Ordering::Relaxed),
                held.bytes.load(Ordering::Relaxed),
            )];
            if let Some(receiver) = &receiver {
                receiver.mailbox().each_waiting(|event| {
                    let bytes = event.as_bytes();
                    parts.push((bytes.as_ptr().addr(), bytes.len()));
                });
            }
            Load {
                key,
                receiver,
                bytes: parts.iter().map(|(_, bytes)| bytes).sum(),
                parts,
            }
        };
        responses.into_iter().map(load).collect()
    }

    /// Streams and answers.
    #[cfg(test)]
    pub(in crate::gateway) fn responses(&self) -> usize {
        self.lock().len()
    }

    fn lock(&self) -> MutexGuard<'_, Slab<OpenResponse>> {
        // Nothing in here panics half-way through a change.
        self.responses
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// Bytes in memory of the first loads that together take at most `most`, and how many loads
/// those are.
fn distinct(loads: &[Load], most: usize) -> (usize, usize) {
    let mut seen: HashSet<usize, FixedState> = HashSet::default();
    let mut bytes = 0;
    for (at, load) in loads.iter().enumerate() {
        let new = |(place, _): &&(usize, usize)| seen.insert(*place);
        let more: usize = load.parts.iter().filter(new).map(|(_, bytes)| bytes).sum();
        if bytes + more > most {
            return (bytes, at);
        }
        bytes += more;
    }
    (bytes, loads.len())
}

impl Registration {
    /// The stream has handed over a message.
    pub(in crate::gateway) fn hold(&self, message: &[u8]) {
        let place = message.as_ptr().addr();
        self.held.place.store(place, Ordering::Relaxed);
        self.held.bytes.store(message.len(), Ordering::Relaxed);
    }

    /// The last message was written, as good as.
    pub(in crate::gateway) fn release(&self) {
        self.held.bytes.store(0, Ordering::Relaxed);
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        self.memory.lock().try_remove(self.key);
    }
}

#[cfg(test)]
mod tests;
