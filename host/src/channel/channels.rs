//! All channels of a node.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{
    Arc, Mutex, MutexGuard, OnceLock, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard,
};
use std::time::Duration;

use hearken_channel_log::{ChannelName, Counters, Engine};
use tokio::sync::{Semaphore, SemaphorePermit, watch};
use tokio::time::{Instant, timeout, timeout_at};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::error::NoChannel;
use super::handle::{Channel, ChannelStatus};
use super::others::OtherNodes;
use super::settings::{ChannelSettings, EngineKind};
use crate::bus::{Bus, Publisher};
use crate::nearest::may_be_similar;

/// How long a change of channels waits for its turn.
pub(super) const TURN: Duration = Duration::from_secs(10);

/// For appends that are under way as the node ends, for those who follow logs, and for an
/// engine to close.
const A_MOMENT: Duration = Duration::from_millis(250);

/// Longest name in a message.
const SHOWN_NAME: usize = 255;

/// Channels that are looked at for the one that was probably meant.
const LOOKED_AT: usize = 1000;

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

/// A channel that is not as the configuration declares it.
pub(super) struct Undone {
    pub(super) settings: ChannelSettings,
    /// Why not.
    pub(super) reason: String,
}

/// What the handles share.
pub(super) struct Shared {
    pub(super) bus: Bus,
    pub(super) host: Publisher,
    pub(super) engines: OnceLock<Engines>,
    /// Whether all channels are there that the engines have.
    pub(super) opened: AtomicBool,
    all: RwLock<BTreeMap<ChannelName, Arc<Channel>>>,
    /// Counted up whenever there are others, and when they are open.
    changes: watch::Sender<u64>,
    /// One change at a time is made of which channels there are and what they are set to.
    turn: Semaphore,
    /// The turn of whoever verifies a channel.
    pub(super) verify_turn: Arc<Semaphore>,
    /// What keeps a channel from taking events, and since when.
    pub(super) failure: Mutex<Option<(String, u64)>>,
    /// Says which other nodes have channels, once that is known.
    others: OnceLock<Arc<dyn OtherNodes>>,
    /// Channels that the configuration declares and that could not be made or changed yet.
    undone: Mutex<BTreeMap<ChannelName, Undone>>,
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
            changes: watch::Sender::new(0),
            turn: Semaphore::new(1),
            verify_turn: Arc::new(Semaphore::new(1)),
            failure: Mutex::default(),
            others: OnceLock::new(),
            undone: Mutex::default(),
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
        self.get(name).ok_or_else(|| {
            let known = self.names_like(name);
            let missing = NoChannel::new(shortened(name), known.iter().map(ChannelName::as_str));
            match self.0.others.get() {
                Some(others) => missing.on(others.that_have(name)),
                None => missing,
            }
        })
    }

    /// Has it told of a channel that is missing here which other nodes have it. The first that
    /// is given counts.
    pub fn beside(&self, others: Arc<dyn OtherNodes>) {
        let _ = self.0.others.set(others);
    }

    /// Whether there is a channel of this name on this node.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.0.all().contains_key(name)
    }

    /// The channel of this name, if there is one on this node. Unlike [`Channels::find`] it
    /// looks for nothing else, at no cost for who asks often.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<Arc<Channel>> {
        self.0.all().get(name).map(Arc::clone)
    }

    /// Names that may have been meant by one that no channel has; those that come next to it
    /// where there are many. Compared only once nobody has to wait for it.
    fn names_like(&self, name: &str) -> Vec<ChannelName> {
        use std::ops::Bound::{Excluded, Unbounded};
        if ChannelName::new(name).is_err() {
            return Vec::new();
        }
        let all = self.0.all();
        let half = if all.len() > LOOKED_AT {
            LOOKED_AT / 2
        } else {
            LOOKED_AT
        };
        let behind = all.range::<str, _>((Excluded(name), Unbounded)).take(half);
        let before = all.range::<str, _>((Unbounded, Excluded(name))).rev();
        let names = behind.chain(before.take(half)).map(|(known, _)| known);
        let similar = names.filter(|known| may_be_similar(name.len(), known.as_str().len()));
        similar.cloned().collect()
    }

    /// Whether there is a channel of this name on this node that was declared, and not made
    /// for a namespace of sessions.
    #[must_use]
    pub fn has_declared(&self, name: &str) -> bool {
        self.get(name)
            .is_some_and(|channel| channel.namespace().is_none())
    }

    /// The other nodes that have a channel of this name, as far as that is known.
    #[must_use]
    pub fn elsewhere(&self, name: &str) -> Vec<String> {
        let others = self.0.others.get();
        others.map_or_else(Vec::new, |others| others.that_have(name))
    }

    /// Waits until another node is known to have a channel of this name.
    pub async fn appears_elsewhere(&self, name: &str) {
        let Some(others) = self.0.others.get() else {
            return std::future::pending().await;
        };
        let mut changes = others.changes();
        while others.that_have(name).is_empty() {
            if changes.changed().await.is_err() {
                return std::future::pending().await;
            }
        }
    }

    /// Whether a channel that no other node is known to have is none's, as far as one can tell.
    #[must_use]
    pub fn are_others_settled(&self) -> bool {
        let others = self.0.others.get();
        others.is_none_or(|others| others.is_settled())
    }

    /// Tells whenever there is a channel more or less.
    #[must_use]
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.0.changes.subscribe()
    }

    /// Waits until there is a channel of this name.
    pub async fn appears(&self, name: &ChannelName) -> Arc<Channel> {
        let mut changes = self.changes();
        loop {
            // Bound before it is awaited, so that no lock is held meanwhile.
            let found = self.0.all().get(name).map(Arc::clone);
            if let Some(channel) = found {
                return channel;
            }
            if changes.changed().await.is_err() {
                return std::future::pending().await;
            }
        }
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

    /// Takes no more appends, and waits for those that are under way until `deadline`, but for
    /// a moment at least.
    pub async fn finish(&self, deadline: Instant) {
        let shared = &self.0;
        shared.tasks.close();
        shared.closing.cancel();
        let deadline = deadline.max(Instant::now() + A_MOMENT);
        if timeout_at(deadline, shared.tasks.wait()).await.is_err() {
            tracing::warn!("appends to channels are still under way as the node ends");
        }
    }

    /// Closes the engines, which may take until `deadline`, but a moment at least. What they
    /// have acknowledged is durable already.
    pub async fn close(&self, deadline: Instant) {
        let Some(engines) = self.0.engines.get() else {
            return;
        };
        let deadline = deadline.max(Instant::now() + A_MOMENT);
        for engine in [&engines.disk, &engines.memory] {
            if timeout_at(deadline, engine.close()).await.is_err() {
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
        let all = self.all.write().unwrap_or_else(PoisonError::into_inner);
        // Who looks at once waits until the change is made.
        self.changed();
        all
    }

    /// Tells that there are others.
    pub(super) fn changed(&self) {
        self.changes
            .send_modify(|changes| *changes = changes.wrapping_add(1));
    }

    /// Those that are not as they are declared.
    pub(super) fn undone(&self) -> MutexGuard<'_, BTreeMap<ChannelName, Undone>> {
        // Changed by one insertion or removal at a time.
        self.undone.lock().unwrap_or_else(PoisonError::into_inner)
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

/// A name as messages show it.
fn shortened(name: &str) -> String {
    let end = name.floor_char_boundary(SHOWN_NAME);
    let more = if end < name.len() { "…" } else { "" };
    format!("{}{more}", &name[..end])
}

impl fmt::Debug for Channels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Channels").finish_non_exhaustive()
    }
}
