//! One channel of the node.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hearken_channel_log::{
    Bounds, ChannelInfo, ChannelName, ChannelState, Engine, Epoch, ReadError, StorageFault,
};
use tokio::sync::{Semaphore, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::error::{AnotherLog, ReadFailure};
use super::extras::Extras;
use super::index::Indexer;
use super::outlet::Outlet;
use super::settings::{ChannelSettings, EngineKind};
use super::timeout::in_time;
use super::verification::Verification;

/// A channel of this node: a name, a log and what is kept beside it.
pub struct Channel {
    pub(super) name: ChannelName,
    pub(super) epoch: Epoch,
    /// When it was made, in milliseconds since the Unix epoch.
    created: u64,
    kind: EngineKind,
    declared: bool,
    pub(super) engine: Arc<dyn Engine>,
    extras: Mutex<Extras>,
    /// Why nobody knows what it is set to, so that it takes no events.
    fault: Mutex<Option<StorageFault>>,
    pub(super) outlet: Outlet,
    /// The turn of those who tell the engine what is unread.
    pub(super) keeping: Semaphore,
    /// Appends that are under way, which go on when nobody waits for them.
    pub(super) tasks: TaskTracker,
    pub(super) indexer: Indexer,
    pub(super) verification: Verification,
    /// The turn of those who verify channels of the node.
    pub(super) verify_turn: Arc<Semaphore>,
    /// Cancelled when the channel is removed, or the node stops.
    pub(super) gone: CancellationToken,
    pub(super) counts: Counts,
    /// Number of the last event that a session found not to be kept any more, or 0.
    missing: AtomicU64,
}

/// What was counted of a channel since the node started.
#[derive(Debug, Default)]
pub(super) struct Counts {
    pub(super) appended: AtomicU64,
    pub(super) duplicates: AtomicU64,
    pub(super) refused: AtomicU64,
}

/// How a channel stands.
#[derive(Clone, Debug)]
pub struct ChannelStatus {
    /// What its engine knows of it.
    pub info: ChannelInfo,
    /// All that it is set to.
    pub settings: ChannelSettings,
    /// Whether the configuration of the node declares it.
    pub declared: bool,
    /// Events that were appended since the node started.
    pub appended: u64,
    /// Events that were sent again and are stored once.
    pub duplicates: u64,
    /// Appends that were refused.
    pub refused: u64,
}

/// What a channel consists of when it is opened.
pub(super) struct Opening {
    pub(super) info: ChannelInfo,
    pub(super) kind: EngineKind,
    pub(super) engine: Arc<dyn Engine>,
    pub(super) declared: bool,
    pub(super) extras: Extras,
    /// Why these could not be read.
    pub(super) fault: Option<StorageFault>,
    pub(super) tasks: TaskTracker,
    pub(super) verify_turn: Arc<Semaphore>,
    pub(super) gone: CancellationToken,
}

impl Channel {
    /// Opens a channel, and begins to follow its indexes.
    pub(super) fn open(opening: Opening) -> Arc<Self> {
        let Opening {
            info,
            kind,
            engine,
            declared,
            extras,
            fault,
            tasks,
            verify_turn,
            gone,
        } = opening;
        let channel = Arc::new(Self {
            name: info.name,
            epoch: info.epoch,
            created: info.created,
            kind,
            declared,
            engine,
            extras: Mutex::new(extras),
            fault: Mutex::new(fault),
            outlet: Outlet::new(info.last),
            keeping: Semaphore::new(1),
            tasks,
            indexer: Indexer::default(),
            verification: Verification::default(),
            verify_turn,
            gone,
            counts: Counts::default(),
            missing: AtomicU64::new(0),
        });
        channel.follow_indexes();
        channel
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &ChannelName {
        &self.name
    }

    /// Which log it is.
    #[must_use]
    pub fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// Whether the configuration of the node declares it.
    #[must_use]
    pub fn is_declared(&self) -> bool {
        self.declared
    }

    /// The namespace of sessions that it was made for, if it was; nobody has declared it then.
    #[must_use]
    pub fn namespace(&self) -> Option<Arc<str>> {
        self.extras().namespace.clone()
    }

    /// What keeps its log.
    #[must_use]
    pub fn engine_kind(&self) -> EngineKind {
        self.kind
    }

    /// Numbers of the oldest event that is kept and of the newest; nothing once it is
    /// removed.
    #[must_use]
    pub fn bounds(&self) -> Option<Bounds> {
        let tail = self.tail()?;
        let bounds = *tail.borrow();
        Some(bounds)
    }

    /// How it stands; nothing once it is removed.
    #[must_use]
    pub fn status(&self) -> Option<ChannelStatus> {
        self.info().ok().map(|info| self.status_of(info))
    }

    /// How it stands by what its engine knows.
    pub(super) fn status_of(&self, info: ChannelInfo) -> ChannelStatus {
        let count = |count: &AtomicU64| count.load(Ordering::Relaxed);
        ChannelStatus {
            settings: self.settings_of(&info),
            info,
            declared: self.declared,
            appended: count(&self.counts.appended),
            duplicates: count(&self.counts.duplicates),
            refused: count(&self.counts.refused),
        }
    }

    fn settings_of(&self, info: &ChannelInfo) -> ChannelSettings {
        let Extras {
            keep_unread,
            indexes,
            node,
            namespace: _,
        } = self.extras().clone();
        ChannelSettings {
            log: info.settings.clone(),
            keep_unread,
            indexes,
            engine: self.kind,
            node,
        }
    }

    /// What the room adds to the engine's settings.
    pub(super) fn extras(&self) -> MutexGuard<'_, Extras> {
        // Only replaced as a whole.
        self.extras.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Why nobody knows what it is set to.
    pub(super) fn fault(&self) -> MutexGuard<'_, Option<StorageFault>> {
        // Only replaced as a whole.
        self.fault.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the engine knows of it, and whether it works.
    pub(super) fn known(&self) -> Option<ChannelInfo> {
        let info = self.engine.info(&self.name)?;
        let info = Some(info).filter(|info| info.epoch == self.epoch)?;
        let state = match (&info.state, &*self.fault()) {
            (ChannelState::Ok, Some(why)) => ChannelState::Failed { why: why.clone() },
            (state, _) => state.clone(),
        };
        Some(ChannelInfo { state, ..info })
    }

    /// Checks that a position is one of this log.
    ///
    /// # Errors
    /// [`AnotherLog`] when it is not.
    pub fn check_epoch(&self, given: Option<Epoch>) -> Result<(), AnotherLog> {
        match given {
            Some(given) if given != self.epoch => Err(AnotherLog {
                given,
                epoch: self.epoch,
            }),
            _ => Ok(()),
        }
    }

    /// Tells of every change of the bounds; nothing once the channel is removed.
    pub(super) fn tail(&self) -> Option<watch::Receiver<Bounds>> {
        self.engine.tail(&self.name)
    }

    /// Waits until there is an event behind the position.
    ///
    /// # Errors
    /// [`ReadFailure::Removed`] when there will be none.
    pub async fn beyond(&self, position: u64) -> Result<(), ReadFailure> {
        let mut tail = self.tail().ok_or(ReadFailure::Removed)?;
        tokio::select! {
            found = tail.wait_for(|bounds| bounds.last > position) => {
                found.map(|_| ()).map_err(|_| ReadFailure::Removed)
            }
            () = self.gone.cancelled() => Err(ReadFailure::Removed),
        }
    }

    /// Notes that the event of this number was found not to be kept any more.
    pub fn note_missing(&self, number: u64) {
        self.missing.fetch_max(number, Ordering::Relaxed);
    }

    /// Number of the last event that a reader has found not to be kept any more since the node
    /// started, or 0: what it was about to read was dropped or given up meanwhile. What had been
    /// given up before its engine knows, see [`ChannelInfo::given_up`].
    #[must_use]
    pub fn missing(&self) -> u64 {
        self.missing.load(Ordering::Relaxed)
    }

    /// Waits until its bounds change: something is appended, dropped or given up.
    pub async fn stirred(&self) {
        let Some(mut tail) = self.tail() else {
            return;
        };
        // It ends with the channel.
        let _ = tail.changed().await;
    }

    /// Waits until it is removed, or the node stops.
    pub async fn removed(&self) {
        self.gone.cancelled().await;
    }

    /// The position before the oldest event that was recorded at `time` or later, in
    /// milliseconds since the Unix epoch.
    ///
    /// # Errors
    /// [`ReadFailure`] when it cannot be found out.
    pub async fn since(&self, time: u64) -> Result<u64, ReadFailure> {
        let since = in_time(self.engine.since(&self.name, time), ReadError::Storage).await;
        since.map_err(|error| match error {
            ReadError::NoChannel(_) => ReadFailure::Removed,
            error => ReadFailure::Log(error),
        })
    }

    /// When it was made, in milliseconds since the Unix epoch.
    #[must_use]
    pub fn created(&self) -> u64 {
        self.created
    }
}

impl fmt::Debug for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Channel")
            .field("name", &self.name)
            .field("epoch", &self.epoch)
            .finish_non_exhaustive()
    }
}
