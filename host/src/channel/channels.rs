//! All channels of a node.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::Duration;

use hearken_channel_log::{ChannelName, Counters, Engine};
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::{Instant, timeout, timeout_at};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::error::NoChannel;
use super::handle::{Channel, ChannelStatus};
use super::settings::EngineKind;
use crate::bus::{Bus, Publisher};

/// How long a change of channels waits for its turn.
pub(super) const TURN: Duration = Duration::from_secs(10);

/// For appends that are under way as the node ends, and for those who follow logs.
const A_MOMENT: Duration = Duration::from_millis(250);

/// How long an engine may take to close. What it has acknowledged is durable already.
const CLOSE_TIME: Duration = Duration::from_secs(10);

/// The channels of a node; cloning shares them.
#[derive(Clone)]
pub struct Channels(pub(super) Arc<Shared>);

/// What keeps the logs of a node's channels.
#[derive(Clone, Debug)]
pub struct Engines {
    /// Keeps those that survive.
    pub disk: Arc<dyn Engine>,
    /// Keeps those that need not.
    pub memory: Arc<dyn Engine>,
}

/// What the handles share.
pub(super) struct Shared {
    pub(super) bus: Bus,
    pub(super) host: Publisher,
    pub(super) engines: OnceLock<Engines>,
    /// Whether all channels are there that the engines have.
    pub(super) opened: AtomicBool,
    all: RwLock<BTreeMap<ChannelName, Arc<Channel>>>,
    /// One change at a time is made of which channels there are and what they are set to.
    turn: Semaphore,
    /// What keeps a channel from taking events, and since when.
    pub(super) failure: Mutex<Option<(String, u64)>>,
    pub(super) tasks: TaskTracker,
    pub(super) closing: CancellationToken,
}

impl Channels {
    /// Of a node whose engines are not open yet, so that it has none.
    #[must_use]
    pub fn new(bus: &Bus) -> Self {
        Self(Arc::new(Shared {
            bus: bus.clone(),
            host: bus.host_publisher(),
            engines: OnceLock::new(),
            opened: AtomicBool::new(false),
            all: RwLock::default(),
            turn: Semaphore::new(1),
            failure: Mutex::default(),
            tasks: TaskTracker::new(),
            closing: CancellationToken::new(),
        }))
    }

    /// Whether all channels are there that the node has.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.0.opened.load(Ordering::Acquire)
    }

    /// The channel of this name.
    ///
    /// # Errors
    /// [`NoChannel`] when there is none on this node.
    pub fn find(&self, name: &str) -> Result<Arc<Channel>, NoChannel> {
        let all = self.0.all();
        let found = all.get(name).map(Arc::clone);
        found.ok_or_else(|| NoChannel::new(name, all.keys().map(ChannelName::as_str)))
    }

    /// Up to `limit` channels behind the name `after`, in the order of their names.
    #[must_use]
    pub fn list(&self, after: Option<&str>, limit: usize) -> Vec<Arc<Channel>> {
        use std::ops::Bound::{Excluded, Unbounded};
        let all = self.0.all();
        let from = after.map_or(Unbounded, Excluded);
        let behind = all.range::<str, _>((from, Unbounded));
        behind
            .map(|(_, channel)| Arc::clone(channel))
            .take(limit)
            .collect()
    }

    /// How all of them stand, for metrics.
    #[must_use]
    pub fn statuses(&self) -> Vec<ChannelStatus> {
        let channels = self.list(None, usize::MAX);
        channels
            .iter()
            .filter_map(|channel| channel.status())
            .collect()
    }

    /// What each engine has counted, once they are open.
    #[must_use]
    pub fn counters(&self) -> Vec<(EngineKind, Counters)> {
        let Some(engines) = self.0.engines.get() else {
            return Vec::new();
        };
        vec![
            (EngineKind::Disk, engines.disk.counters()),
            (EngineKind::Memory, engines.memory.counters()),
        ]
    }

    /// Takes no more appends, waits for those that are under way until `deadline`, but for a
    /// moment at least, and closes the engines.
    pub async fn close(&self, deadline: Instant) {
        let shared = &self.0;
        shared.tasks.close();
        shared.closing.cancel();
        let deadline = deadline.max(Instant::now() + A_MOMENT);
        if timeout_at(deadline, shared.tasks.wait()).await.is_err() {
            tracing::warn!("appends to channels are still under way as the node ends");
        }
        let Some(engines) = shared.engines.get() else {
            return;
        };
        for engine in [&engines.disk, &engines.memory] {
            if timeout(CLOSE_TIME, engine.close()).await.is_err() {
                tracing::warn!("the disk of channels does not answer as the node ends");
            }
        }
    }
}

impl Shared {
    pub(super) fn all(&self) -> RwLockReadGuard<'_, BTreeMap<ChannelName, Arc<Channel>>> {
        // Changed by one insertion or removal at a time.
        self.all.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn all_mut(&self) -> RwLockWriteGuard<'_, BTreeMap<ChannelName, Arc<Channel>>> {
        self.all.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// The right to change channels, once it is this one's turn; `None` if that takes too
    /// long.
    pub(super) async fn turn(&self) -> Option<SemaphorePermit<'_>> {
        let turn = timeout(TURN, self.turn.acquire()).await;
        // It is never closed.
        turn.ok()?.ok()
    }

    /// Carries out a change whole, also if nobody waits for it any more; nothing if it
    /// panics.
    pub(super) async fn whole<T: Send + 'static>(
        &self,
        change: impl Future<Output = T> + Send + 'static,
    ) -> Option<T> {
        self.tasks.spawn(change).await.ok()
    }

    /// The engine of this kind.
    pub(super) fn engine(&self, kind: EngineKind) -> Option<Arc<dyn Engine>> {
        let engines = self.engines.get()?;
        Some(Arc::clone(match kind {
            EngineKind::Disk => &engines.disk,
            EngineKind::Memory => &engines.memory,
        }))
    }
}

impl fmt::Debug for Channels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Channels").finish_non_exhaustive()
    }
}
