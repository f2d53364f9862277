//! One client's connection: how far its request is, and whether it moves.

use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use tokio::io::Interest;
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::guests::Guests;
use super::memory::{Memory, Part};
use crate::access::{Held, Identity, RetryAfter};
use crate::bus::{Bus, Publisher};

/// Bytes of a request's head that every connection has room for; beyond, it takes a share of
/// the memory for what requests bring.
pub(in crate::gateway) const HEAD_ROOM: usize = 8 << 10;

/// What a client that has closed its side and waits is sent, to learn whether it is still
/// there: an interim answer, which every client has to pass over.
const PROBE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";

/// How far a connection's request is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::gateway) enum Stage {
    /// None is there, or its head is being read.
    Head,
    /// Its body is being read.
    Body,
    /// The node works on it.
    Working,
    /// The answer's head was made; the rest is being written.
    Answering,
    /// The answer is an event stream.
    Streaming,
    /// It goes on with another protocol, or lasts as long as a session.
    Upgraded,
}

/// What is known of a connection and of the request in hand. Cloned by reference into every
/// request on it; of HTTP/2, where several are in hand, each has [one of its
/// own](Self::another).
#[derive(Debug)]
pub(in crate::gateway) struct Connection {
    shared: Arc<Shared>,
    /// What the client's end is seen by. Absent where who reads the connection sees it: with
    /// TLS, and with HTTP/2.
    stream: Option<Arc<TcpStream>>,
    stage: AtomicU8,
    /// Whether something waits to be written.
    blocked: AtomicBool,
    /// Bytes read of the head in hand.
    head: AtomicUsize,
    /// What a large head takes of the memory for what requests bring.
    head_share: Mutex<Option<Part>>,
    /// The place in the budget of who has sent the request in hand, or the last one.
    place: Mutex<Option<Arc<Held>>>,
    /// Ends this request alone, where others share the connection.
    alone: OnceLock<CancellationToken>,
}

/// What all requests of a connection share.
#[derive(Debug)]
struct Shared {
    peer: IpAddr,
    /// Whether it is encrypted.
    secure: bool,
    /// The names in the certificate that the client has shown.
    certificate_names: OnceLock<Vec<String>>,
    guests: Mutex<Guests>,
    /// Bytes read and written.
    moved: AtomicU64,
    cut: Notify,
}

/// A request's head found no room in the memory for what requests bring.
#[derive(Debug, thiserror::Error)]
#[error("the node holds as many large request heads as it may, in total or from that address")]
pub(in crate::gateway) struct NoRoom;

impl Connection {
    /// An unencrypted connection from `peer`.
    pub(in crate::gateway) fn new(peer: IpAddr, stream: Option<Arc<TcpStream>>) -> Self {
        Self::with(Shared::new(peer, false), stream)
    }

    /// An encrypted connection from `peer`.
    pub(super) fn secure(peer: IpAddr) -> Self {
        Self::with(Shared::new(peer, true), None)
    }

    /// What is known of another request on the same connection.
    pub(super) fn another(&self) -> Self {
        Self::with(Arc::clone(&self.shared), None)
    }

    fn with(shared: Arc<Shared>, stream: Option<Arc<TcpStream>>) -> Self {
        Self {
            shared,
            stream,
            stage: AtomicU8::new(Stage::Head as u8),
            blocked: AtomicBool::new(false),
            head: AtomicUsize::new(0),
            head_share: Mutex::default(),
            place: Mutex::default(),
            alone: OnceLock::new(),
        }
    }

    /// Lets somebody use this connection for the request in hand.
    ///
    /// # Errors
    /// [`RetryAfter`] when they have all the connections that they may have.
    pub(in crate::gateway) fn admit(&self, identity: &Identity) -> Result<(), RetryAfter> {
        let place = self.guests().admit(identity)?;
        let mut own = self.place.lock().unwrap_or_else(PoisonError::into_inner);
        *own = Some(place);
        Ok(())
    }

    /// Publishes what somebody sends over this connection, in the order in which it comes.
    pub(in crate::gateway) fn publisher(&self, identity: &Identity, bus: &Bus) -> Arc<Publisher> {
        self.guests().publisher(identity.principal(), bus)
    }

    fn guests(&self) -> MutexGuard<'_, Guests> {
        // Nothing in there panics half-way through a change.
        let guests = self.shared.guests.lock();
        guests.unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes the names in the certificate that the client has shown.
    pub(super) fn identify(&self, names: Vec<String>) {
        // It is shown once.
        let _ = self.shared.certificate_names.set(names);
    }

    /// The names in the certificate that the client has shown, if it has.
    pub(in crate::gateway) fn certificate_names(&self) -> Option<&[String]> {
        self.shared.certificate_names.get().map(Vec::as_slice)
    }

    /// The address at the other end.
    pub(in crate::gateway) fn peer(&self) -> IpAddr {
        self.shared.peer
    }

    /// Whether it is encrypted.
    pub(super) fn is_secure(&self) -> bool {
        self.shared.secure
    }

    /// Whether a client that has closed its side may still want an answer. One that speaks TLS
    /// says goodbye with it.
    pub(super) fn may_be_half_closed(&self) -> bool {
        self.stream.is_some()
    }

    pub(in crate::gateway) fn stage(&self) -> Stage {
        let stages = [
            Stage::Head,
            Stage::Body,
            Stage::Working,
            Stage::Answering,
            Stage::Streaming,
            Stage::Upgraded,
        ];
        stages[usize::from(self.stage.load(Ordering::Relaxed))]
    }

    pub(in crate::gateway) fn set_stage(&self, stage: Stage) {
        self.stage.store(stage as u8, Ordering::Relaxed);
    }

    /// A request's head was read.
    pub(in crate::gateway) fn begin(&self) {
        self.head.store(0, Ordering::Relaxed);
        self.set_stage(Stage::Working);
    }

    /// The request was worked on and what it brought is no longer needed.
    pub(in crate::gateway) fn answer(&self) {
        if !matches!(self.stage(), Stage::Streaming | Stage::Upgraded) {
            self.set_stage(Stage::Answering);
        }
        self.share().take();
    }

    /// Bytes read and written since the connection came.
    pub(in crate::gateway) fn moved(&self) -> u64 {
        self.shared.moved.load(Ordering::Relaxed)
    }

    /// More waits to be written than the client takes now.
    pub(in crate::gateway) fn block(&self) {
        self.blocked.store(true, Ordering::Relaxed);
    }

    /// Bytes were written.
    pub(in crate::gateway) fn wrote(&self, bytes: usize) {
        self.blocked.store(false, Ordering::Relaxed);
        self.shared.moved.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// Bytes were read.
    pub(in crate::gateway) fn moved_in(&self, bytes: usize) {
        self.shared.moved.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// Bytes of requests were read; those of a large head take a share of `memory`, in the
    /// name of `counted`.
    ///
    /// # Errors
    /// [`NoRoom`] when there is none.
    pub(in crate::gateway) fn read(
        &self,
        bytes: usize,
        largest_head: usize,
        memory: &Memory,
        counted: Option<IpAddr>,
    ) -> Result<(), NoRoom> {
        if bytes > 0 && self.stage() == Stage::Answering {
            self.set_stage(Stage::Head);
        }
        if self.stage() != Stage::Head {
            return Ok(());
        }
        let head = self.head.fetch_add(bytes, Ordering::Relaxed) + bytes;
        if head <= HEAD_ROOM {
            return Ok(());
        }
        let mut share = self.share();
        if share.is_none() {
            let taken = memory.take(largest_head, counted);
            *share = Some(taken.map_err(|_| NoRoom)?);
        }
        Ok(())
    }

    /// Keeps a share of the memory until the request is answered.
    pub(super) fn keep(&self, part: Part) {
        *self.share() = Some(part);
    }

    fn share(&self) -> MutexGuard<'_, Option<Part>> {
        self.head_share
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Has the request ended by what is cancelled then, and not by closing the connection.
    pub(super) fn end_alone(&self, request: CancellationToken) {
        // A request runs once.
        let _ = self.alone.set(request);
    }

    /// Has the request in hand ended, whatever it is at, and the connection closed unless
    /// others share it.
    pub(in crate::gateway) fn cut(&self) {
        match self.alone.get() {
            Some(request) => request.cancel(),
            None => self.cut_all(),
        }
    }

    /// Whether the request in hand was cut, and not the connection.
    pub(super) fn is_cut(&self) -> bool {
        let request = self.alone.get();
        request.is_some_and(CancellationToken::is_cancelled)
    }

    /// Has the connection closed, whatever it is at.
    pub(super) fn cut_all(&self) {
        self.shared.cut.notify_one();
    }

    /// Waits until the connection is to be closed.
    pub(in crate::gateway) async fn to_be_cut(&self) {
        self.shared.cut.notified().await;
    }

    /// Waits until the client has closed its side. It may still want the answer: only what it
    /// is sent from then on shows whether it does.
    pub(in crate::gateway) async fn half_closed(&self) {
        let Some(stream) = &self.stream else {
            return std::future::pending().await;
        };
        match stream.peek(&mut [0]).await {
            Ok(0) | Err(_) => {}
            // A next request waits behind this one, and hides the end.
            Ok(_) => std::future::pending().await,
        }
    }

    /// Waits until the client is seen to be gone.
    pub(in crate::gateway) async fn reset(&self) {
        let Some(stream) = &self.stream else {
            return std::future::pending().await;
        };
        // An error of the wait itself says the same.
        let _ = stream.ready(Interest::ERROR).await;
    }

    /// Waits until the client is seen to be gone, while it waits for the head of an answer.
    pub(super) async fn gone(&self, takes_probes: bool) {
        self.half_closed().await;
        // Not amid what is still on its way.
        if let Some(stream) = &self.stream
            && takes_probes
            && !self.blocked.load(Ordering::Relaxed)
            && stream.try_write(PROBE).is_err()
        {
            return;
        }
        self.reset().await;
    }
}

impl Shared {
    fn new(peer: IpAddr, secure: bool) -> Arc<Self> {
        Arc::new(Self {
            peer,
            secure,
            certificate_names: OnceLock::new(),
            guests: Mutex::default(),
            moved: AtomicU64::new(0),
            cut: Notify::new(),
        })
    }
}

#[cfg(test)]
mod tests;
