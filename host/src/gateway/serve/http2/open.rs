//! The requests of a connection that are in hand.

use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::time::Duration;

use slab::Slab;
use tokio::time::Instant;

use crate::gateway::limits::GatewayLimits;
use crate::gateway::serve::connection::{Connection, HEAD_ROOM, Stage};
use crate::gateway::serve::memory::Memory;
use crate::gateway::serve::slots::Full;

/// Bytes that a request takes besides its head.
const REQUEST_BYTES: usize = 4 << 10;

/// Requests that a client has taken back before they were answered, beyond those that it let
/// be answered. One that takes back more only makes work.
const MAX_ABANDONED: usize = 256;

/// All requests in hand, and those whose answers are on their way.
#[derive(Debug)]
pub(super) struct OpenRequests {
    began: Instant,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    requests: Slab<Weak<Opened>>,
    /// When the last one ended.
    idle_since: Instant,
    abandoned: usize,
}

/// What happens on a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Activity {
    /// Requests are in hand, or answers on their way.
    Busy,
    /// Nothing has been, for so long.
    Idle(Duration),
    /// The client does not even take that an answer was cut.
    Stalled,
}

/// One request, until its answer has left.
#[derive(Debug)]
pub(super) struct Opened {
    key: usize,
    open: Arc<OpenRequests>,
    connection: Arc<Connection>,
    /// Pieces of the answer that are on their way.
    leaving: AtomicUsize,
    /// When the first of them was handed over or the last one had left, in milliseconds since
    /// the connection began.
    moved: AtomicU64,
    /// Whether there is more of the answer, and when it was asked for last.
    answering: AtomicBool,
    asked: AtomicU64,
    /// When it was first seen to be cut.
    cut: OnceLock<u64>,
}

/// Tells a request that was answered from one that was taken back.
pub(super) struct Working {
    open: Arc<OpenRequests>,
    connection: Arc<Connection>,
    done: bool,
}

impl OpenRequests {
    pub(super) fn new() -> Self {
        let now = Instant::now();
        Self {
            began: now,
            state: Mutex::new(State {
                requests: Slab::new(),
                idle_since: now,
                abandoned: 0,
            }),
        }
    }

    /// Counts a request in whose head has so many bytes. The only one on its connection has
    /// room for it; others take a share of `memory`, in the name of `counted`.
    ///
    /// # Errors
    /// [`Full`] when there is none.
    pub(super) fn begin(
        self: &Arc<Self>,
        connection: &Connection,
        head: usize,
        memory: &Memory,
        counted: Option<IpAddr>,
    ) -> Result<Arc<Opened>, Full> {
        let mut state = self.lock();
        let request = connection.another();
        if !state.requests.is_empty() || head > HEAD_ROOM {
            request.keep(memory.take(head + REQUEST_BYTES, counted)?);
        }
        let entry = state.requests.vacant_entry();
        let opened = Arc::new(Opened {
            key: entry.key(),
            open: Arc::clone(self),
            connection: Arc::new(request),
            leaving: AtomicUsize::new(0),
            moved: AtomicU64::new(0),
            answering: AtomicBool::new(false),
            asked: AtomicU64::new(0),
            cut: OnceLock::new(),
        });
        entry.insert(Arc::downgrade(&opened));
        Ok(opened)
    }

    /// What happens on the connection. Answers of which its client takes nothing for too long
    /// are cut, and not those of others with them.
    pub(super) fn look(&self, limits: &GatewayLimits) -> Activity {
        let open = self.open();
        if open.is_empty() {
            return Activity::Idle(self.lock().idle_since.elapsed());
        }
        for request in &open {
            if request.stays_though_cut(limits.grace) {
                return Activity::Stalled;
            }
            if request.is_stalled(limits.write_stall, limits.keep_alive) {
                request.connection.cut();
            }
        }
        Activity::Busy
    }

    /// How far the connection is: as far as that of its requests which is to be waited for
    /// most.
    pub(super) fn stage(&self) -> Stage {
        let stages: Vec<_> = self
            .open()
            .iter()
            .map(|request| request.connection.stage())
            .collect();
        let order = [
            Stage::Working,
            Stage::Body,
            Stage::Upgraded,
            Stage::Answering,
            Stage::Streaming,
        ];
        let first = order.into_iter().find(|stage| stages.contains(stage));
        first.unwrap_or(Stage::Head)
    }

    fn open(&self) -> Vec<Arc<Opened>> {
        let state = self.lock();
        let requests = state.requests.iter();
        // Not dropped under the lock, which the drop takes.
        requests
            .filter_map(|(_, request)| request.upgrade())
            .collect()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing in here panics half-way through a change.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Opened {
    /// What is known of the request.
    pub(super) fn connection(&self) -> &Arc<Connection> {
        &self.connection
    }

    /// The node works on it, until it is done or the client takes it back.
    pub(super) fn work(&self) -> Working {
        Working {
            open: Arc::clone(&self.open),
            connection: Arc::clone(&self.connection),
            done: false,
        }
    }

    /// The answer begins, or ends.
    pub(super) fn answer(&self, begins: bool) {
        self.ask();
        self.answering.store(begins, Ordering::Relaxed);
    }

    /// More of the answer is asked for: the client takes some.
    pub(super) fn ask(&self) {
        self.asked.store(self.now(), Ordering::Relaxed);
    }

    /// A piece of the answer is on its way.
    pub(super) fn hand_over(&self) {
        if self.leaving.fetch_add(1, Ordering::Relaxed) == 0 {
            self.move_on();
        }
    }

    /// A piece has left.
    pub(super) fn left(&self) {
        self.leaving.fetch_sub(1, Ordering::Relaxed);
        self.move_on();
    }

    fn move_on(&self) {
        self.moved.store(self.now(), Ordering::Relaxed);
    }

    /// Whether it was cut, but what is on its way does not leave within `grace`.
    fn stays_though_cut(&self, grace: Duration) -> bool {
        if !self.connection.is_cut() {
            return false;
        }
        let now = self.now();
        let since = now.saturating_sub(*self.cut.get_or_init(|| now));
        Duration::from_millis(since) >= grace
    }

    /// Whether its client has taken nothing for `write_stall`; every answer has something to
    /// send at least once in `keep_alive`.
    fn is_stalled(&self, write_stall: Duration, keep_alive: Duration) -> bool {
        let now = self.now();
        let since = |time: &AtomicU64| {
            Duration::from_millis(now.saturating_sub(time.load(Ordering::Relaxed)))
        };
        let is_leaving = self.leaving.load(Ordering::Relaxed) > 0;
        let is_answering = self.answering.load(Ordering::Relaxed);
        // A client that lets nothing at all come has nothing on its way either.
        is_leaving && since(&self.moved) >= write_stall
            || is_answering && since(&self.asked) >= write_stall + keep_alive
    }

    fn now(&self) -> u64 {
        u64::try_from(self.open.began.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}

impl Drop for Opened {
    fn drop(&mut self) {
        let mut state = self.open.lock();
        state.requests.try_remove(self.key);
        state.idle_since = Instant::now();
    }
}

impl Working {
    /// It was answered.
    pub(super) fn done(mut self) {
        self.done = true;
    }
}

impl Drop for Working {
    fn drop(&mut self) {
        let mut state = self.open.lock();
        if self.done {
            state.abandoned = state.abandoned.saturating_sub(1);
            return;
        }
        state.abandoned += 1;
        if state.abandoned > MAX_ABANDONED {
            drop(state);
            tracing::debug!(
                "ending an HTTP/2 connection whose client keeps cancelling its requests"
            );
            self.connection.cut_all();
        }
    }
}
