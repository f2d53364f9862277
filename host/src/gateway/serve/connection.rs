//! One client's connection: how far its request is, and whether it moves.

use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use tokio::io::Interest;
use tokio::net::TcpStream;
use tokio::sync::Notify;

use super::memory::{Memory, Part};
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
}

/// What is known of a connection. Cloned by reference into every request on it.
#[derive(Debug)]
pub(in crate::gateway) struct Connection {
    peer: IpAddr,
    /// Absent for requests that do not come over the network.
    stream: Option<Arc<TcpStream>>,
    /// Made by the first event that is published, since most connections publish none.
    publisher: OnceLock<Publisher>,
    stage: AtomicU8,
    /// Bytes read and written.
    moved: AtomicU64,
    /// Whether something waits to be written.
    blocked: AtomicBool,
    /// Bytes read of the head in hand.
    head: AtomicUsize,
    /// What a large head takes of the memory for what requests bring.
    head_share: Mutex<Option<Part>>,
    cut: Notify,
}

/// A request's head found no room in the memory for what requests bring.
#[derive(Debug, thiserror::Error)]
#[error("the node holds as many large request heads as it may, in all or of that address")]
pub(in crate::gateway) struct NoRoom;

impl Connection {
    /// A connection from `peer`.
    pub(in crate::gateway) fn new(peer: IpAddr, stream: Option<Arc<TcpStream>>) -> Self {
        Self {
            peer,
            stream,
            publisher: OnceLock::new(),
            stage: AtomicU8::new(Stage::Head as u8),
            moved: AtomicU64::new(0),
            blocked: AtomicBool::new(false),
            head: AtomicUsize::new(0),
            head_share: Mutex::default(),
            cut: Notify::new(),
        }
    }

    /// Publishes what comes over this connection, in the order in which it comes; made
    /// when it is first asked for.
    pub(in crate::gateway) fn publisher(&self, bus: &Bus, source: &Arc<str>) -> &Publisher {
        self.publisher
            .get_or_init(|| bus.publisher(Arc::clone(source), "http"))
    }

    /// The address at the other end.
    pub(in crate::gateway) fn peer(&self) -> IpAddr {
        self.peer
    }

    pub(in crate::gateway) fn stage(&self) -> Stage {
        let stages = [
            Stage::Head,
            Stage::Body,
            Stage::Working,
            Stage::Answering,
            Stage::Streaming,
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
        if self.stage() != Stage::Streaming {
            self.set_stage(Stage::Answering);
        }
        self.share().take();
    }

    /// Bytes read and written since the connection came.
    pub(in crate::gateway) fn moved(&self) -> u64 {
        self.moved.load(Ordering::Relaxed)
    }

    /// More waits to be written than the client takes now.
    pub(in crate::gateway) fn block(&self) {
        self.blocked.store(true, Ordering::Relaxed);
    }

    /// Bytes were written.
    pub(in crate::gateway) fn wrote(&self, bytes: usize) {
        self.blocked.store(false, Ordering::Relaxed);
        self.moved.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// Bytes were read; those of a large head take a share of `memory`, in the name of
    /// `counted`.
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
        self.moved.fetch_add(bytes as u64, Ordering::Relaxed);
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

    fn share(&self) -> std::sync::MutexGuard<'_, Option<Part>> {
        self.head_share
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Has the connection closed, whatever it is at.
    pub(in crate::gateway) fn cut(&self) {
        self.cut.notify_one();
    }

    /// Waits until the connection is to be closed.
    pub(in crate::gateway) async fn to_be_cut(&self) {
        self.cut.notified().await;
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
