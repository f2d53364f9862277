//! The way to one other node: a connection for requests, and how many go over it.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;
use tonic::transport::Channel;
use uuid::Uuid;

use super::asked::SLOWEST;
use crate::cluster::timing::{MAX_STEP, SAY_AGAIN};
use crate::cluster::wire::admission::Usage;
use crate::cluster::wire::dialler::Requests;
use crate::cluster::wire::http2::MAX_ON_THE_WAY;
use crate::cluster::wire::protocol::passing_client::PassingClient;
use crate::cluster::wire::traffic::{Hold, Silence, Traffic};
use crate::passing::{MAX_CHANGING, MAX_EMULATING, MAX_LASTING, MAX_READING, PassKind};

const _: () = assert!(
    MAX_LASTING + MAX_READING + MAX_CHANGING + MAX_EMULATING == MAX_ON_THE_WAY as usize,
    "the other side takes as many"
);

/// How long a connection that carries nothing is used again: the other side ends it soon
/// after.
const IDLE: Duration = Duration::from_secs(3);

/// The way to a node.
pub(super) struct Way {
    lasting: Arc<Semaphore>,
    reading: Arc<Semaphore>,
    changing: Arc<Semaphore>,
    emulating: Arc<Semaphore>,
    /// Whose turn it is to make a connection.
    pub(super) turn: Semaphore,
    connected: Mutex<Option<Arc<Connected>>>,
    /// When it was said last that there is none.
    said: Mutex<Option<Instant>>,
}

/// A connection for requests.
pub(super) struct Connected {
    pub(super) client: PassingClient<Channel>,
    /// To which start of the node.
    incarnation: Uuid,
    alive: Weak<Usage>,
    traffic: Arc<Traffic>,
    /// Bytes of bodies that may not have come to the other side.
    sending: AtomicUsize,
    /// Whether it leads nowhere any more, as somebody has found out.
    is_lost: AtomicBool,
    _hold: Hold,
    /// When a request has ended last.
    used: Mutex<Instant>,
}

/// A connection that a request goes over; kept for as long as that does.
pub(super) struct Carrying {
    pub(super) connected: Arc<Connected>,
    /// Bytes of its body that may not have come to the other side.
    sending: usize,
    _place: OwnedSemaphorePermit,
}

impl Default for Way {
    fn default() -> Self {
        Self {
            lasting: Arc::new(Semaphore::new(MAX_LASTING)),
            reading: Arc::new(Semaphore::new(MAX_READING)),
            changing: Arc::new(Semaphore::new(MAX_CHANGING)),
            emulating: Arc::new(Semaphore::new(MAX_EMULATING)),
            turn: Semaphore::new(1),
            connected: Mutex::default(),
            said: Mutex::default(),
        }
    }
}

impl Way {
    /// A place for a request; nothing when all are taken.
    pub(super) fn place(&self, kind: PassKind) -> Option<OwnedSemaphorePermit> {
        let places = match kind {
            PassKind::Lasting => &self.lasting,
            PassKind::Reading => &self.reading,
            PassKind::Changing => &self.changing,
            PassKind::Emulating => &self.emulating,
        };
        Arc::clone(places).try_acquire_owned().ok()
    }

    /// The connection to this start of the node, if it can still be used.
    pub(super) fn usable(&self, incarnation: Uuid) -> Option<Arc<Connected>> {
        let connected = self.connected();
        let usable = connected.as_ref().filter(|it| it.is_usable(incarnation));
        usable.map(Arc::clone)
    }

    /// Keeps a new connection.
    pub(super) fn keep(&self, requests: Requests, incarnation: Uuid) -> Arc<Connected> {
        let Requests {
            client,
            alive,
            traffic,
            hold,
            ..
        } = requests;
        let new = Arc::new(Connected {
            client,
            incarnation,
            alive,
            traffic,
            sending: AtomicUsize::new(0),
            is_lost: AtomicBool::new(false),
            _hold: hold,
            used: Mutex::new(Instant::now()),
        });
        *self.connected() = Some(Arc::clone(&new));
        new
    }

    /// Whether it is worth a line in the log that there is no connection.
    pub(super) fn is_news(&self) -> bool {
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        let is_news = said.is_none_or(|said| said.elapsed() >= SAY_AGAIN);
        if is_news {
            *said = Some(Instant::now());
        }
        is_news
    }

    fn connected(&self) -> MutexGuard<'_, Option<Arc<Connected>>> {
        // Set as a whole.
        self.connected
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Connected {
    fn is_usable(self: &Arc<Self>, incarnation: Uuid) -> bool {
        let is_alive = self.alive.strong_count() > 0
            && !self.is_lost.load(Ordering::Relaxed)
            && self.incarnation == incarnation;
        // Beyond the one that the way has, each is of a request.
        let in_use = Arc::strong_count(self) > 1;
        let used = *self.used.lock().unwrap_or_else(PoisonError::into_inner);
        is_alive && (in_use || used.elapsed() < IDLE)
    }

    /// Waits until nothing has come for too long, while there was a request to be answered.
    pub(super) async fn silent(&self) {
        let mut silence = Silence::new(Arc::clone(&self.traffic));
        // On a slow line what the other side answers comes behind what it is sent.
        let behind = || {
            let sending = self.sending.load(Ordering::Relaxed);
            Duration::from_secs((sending / SLOWEST) as u64).min(MAX_STEP)
        };
        silence.too_long_behind(behind).await;
    }

    /// No other request takes it.
    pub(super) fn lose(&self) {
        self.is_lost.store(true, Ordering::Relaxed);
    }
}

impl Carrying {
    /// Carries a request with a body of that many bytes.
    pub(super) fn new(
        connected: Arc<Connected>,
        place: OwnedSemaphorePermit,
        length: usize,
    ) -> Self {
        connected.sending.fetch_add(length, Ordering::Relaxed);
        Self {
            connected,
            sending: length,
            _place: place,
        }
    }

    /// The other side has the whole request.
    pub(super) fn arrived(&mut self) {
        let sending = std::mem::take(&mut self.sending);
        self.connected.sending.fetch_sub(sending, Ordering::Relaxed);
    }
}

impl Drop for Carrying {
    fn drop(&mut self) {
        self.arrived();
        let used = self.connected.used.lock();
        *used.unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_reads_takes_no_place_of_what_changes_something() {
        let way = Way::default();
        let taken = |kind| std::iter::from_fn(|| way.place(kind)).collect::<Vec<_>>();
        let reading = taken(PassKind::Reading);
        assert_eq!(reading.len(), MAX_READING);
        assert_eq!(taken(PassKind::Changing).len(), MAX_CHANGING);
        assert_eq!(taken(PassKind::Lasting).len(), MAX_LASTING);
        drop(reading);
        assert!(way.place(PassKind::Reading).is_some());
    }
}
