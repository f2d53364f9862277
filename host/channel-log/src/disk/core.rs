//! What all parts of the engine have in common.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock, RwLock};

use tokio::sync::oneshot;

use super::buffers::Buffers;
use super::catalogue::Catalogue;
use super::channel::{Channel, Recent, Segment};
use super::device::{Device, Open};
use super::filing::Filing;
use super::format::segment_head_bytes;
use super::orders::Order;
use super::queue::Queue;
use super::segment::{self, OpenSegment, OpenSegments};
use super::{DiskSettings, losses, paths};
use crate::ageing::Ageing;
use crate::{
    AppendError, Appended, Batch, ChannelName, Counters, Environment, Expected, Span, StorageFault,
};

/// Appends that wait at most, and their bytes.
const MAX_APPENDS: usize = 16_384;
const MAX_APPEND_BYTES: usize = 32 << 20;
/// Other changes that wait at most, and their bytes.
const MAX_ORDERS: usize = 16_384;
const MAX_ORDER_BYTES: usize = 32 << 20;
/// Reads that wait at most.
const MAX_READS: usize = 4096;

/// What all parts of the engine have in common.
pub(super) struct Core {
    pub(super) environment: Arc<dyn Environment>,
    ageing: Ageing,
    pub(super) device: Arc<dyn Device>,
    pub(super) settings: DiskSettings,
    /// The number that all files carry.
    pub(super) store: u64,
    pub(super) catalogue: Catalogue,
    pub(super) channels: Channels,
    pub(super) appends: Queue<Request>,
    pub(super) orders: Queue<Order>,
    pub(super) reads: Queue<Read>,
    pub(super) mode: Mode,
    pub(super) filing: Filing,
    pub(super) open: OpenSegments,
    pub(super) buffers: Arc<Buffers>,
    /// Bytes of the batches of all channels.
    pub(super) bytes: AtomicU64,
    /// Bytes of the batches that are in memory.
    pub(super) recent_bytes: AtomicUsize,
    pub(super) counted: Counted,
    fault: OnceLock<StorageFault>,
}

impl std::fmt::Debug for Core {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Core")
            .field("settings", &self.settings)
            .field("fault", &self.fault)
            .finish_non_exhaustive()
    }
}

/// How an engine is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Mode {
    /// Whether reads are done by whoever asks, since there are no threads.
    pub(super) reads_inline: bool,
    /// Whether what channels do not keep is dropped.
    pub(super) drops: bool,
}

/// An append that waits.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) channel: Arc<Channel>,
    pub(super) batch: Batch,
    pub(super) expected: Expected,
    pub(super) answer: oneshot::Sender<Result<Appended, AppendError>>,
}

/// A read that waits for the disk.
pub(super) type Read = Box<dyn FnOnce() + Send>;

/// What is counted.
#[derive(Debug, Default)]
pub(super) struct Counted {
    pub(super) appends: AtomicU64,
    pub(super) events: AtomicU64,
    pub(super) bytes: AtomicU64,
    pub(super) groups: AtomicU64,
    pub(super) sync_micros: AtomicU64,
    pub(super) keys: AtomicUsize,
    pub(super) keys_given_way: AtomicU64,
}

impl Core {
    pub(super) fn new(
        (environment, device): (Arc<dyn Environment>, Arc<dyn Device>),
        settings: DiskSettings,
        (store, catalogue): (u64, Catalogue),
        channels: Channels,
        mode: Mode,
    ) -> Self {
        let (mut bytes, mut recent_bytes) = (0, 0);
        for channel in channels.all() {
            let state = channel.state();
            bytes += state.bytes;
            recent_bytes += state.recent_bytes;
        }
        Self {
            ageing: Ageing::new(environment.as_ref()),
            environment,
            device,
            settings,
            store,
            catalogue,
            channels,
            appends: Queue::new(MAX_APPENDS, MAX_APPEND_BYTES),
            orders: Queue::new(MAX_ORDERS, MAX_ORDER_BYTES),
            reads: Queue::new(MAX_READS, usize::MAX),
            mode,
            filing: Filing::default(),
            open: OpenSegments::default(),
            buffers: Arc::default(),
            bytes: AtomicU64::new(bytes),
            recent_bytes: AtomicUsize::new(recent_bytes),
            counted: Counted::default(),
            fault: OnceLock::new(),
        }
    }

    /// The time by which events and keys grow old.
    pub(super) fn age_millis(&self) -> u64 {
        self.ageing.now(self.environment.as_ref())
    }

    /// Why nothing can be stored any more until the next start.
    pub(super) fn fault(&self) -> Option<&StorageFault> {
        self.fault.get()
    }

    /// Has nothing be stored any more until the next start.
    pub(super) fn fail(&self, fault: &StorageFault) {
        // What failed first is what an operator has to know.
        let _ = self.fault.set(fault.clone());
        self.filing.set_broken();
    }

    /// Takes nothing more. The filer goes on until there is nothing more to file.
    pub(super) fn close(&self) {
        self.appends.close();
        self.orders.close();
        self.reads.close();
        if self.mode.reads_inline {
            self.filing.close();
        }
    }

    /// Where the segments of a channel are.
    pub(super) fn folder(&self, channel: &Channel) -> PathBuf {
        paths::channel(&self.settings.folder, channel.id)
    }

    /// The segments of a channel, which are looked up if they are not known.
    pub(super) fn segments(&self, channel: &Channel) -> io::Result<Vec<Segment>> {
        if let Some(segments) = &channel.state().segments {
            return Ok(segments.clone());
        }
        // While they are not known no segment is being written.
        let listed = segment::list(self.device.as_ref(), &self.folder(channel))?;
        let mut state = channel.state();
        state.unused = 0;
        Ok(state.segments.get_or_insert(listed).clone())
    }

    /// Opens a segment of a channel for reading; nothing if there is no such file, as when
    /// it has just been dropped.
    pub(super) fn open_segment(
        &self,
        channel: &Channel,
        segment: Segment,
    ) -> io::Result<Option<Arc<OpenSegment>>> {
        self.open_segment_as(channel, segment, Open::Read)
    }

    /// Opens a segment of a channel to read it, or to read again what the disk has of it.
    pub(super) fn open_segment_as(
        &self,
        channel: &Channel,
        segment: Segment,
        how: Open,
    ) -> io::Result<Option<Arc<OpenSegment>>> {
        let folder = self.folder(channel);
        let place = (channel.id, segment.first);
        let head = segment_head_bytes(&channel.name);
        match self
            .open
            .open(self.device.as_ref(), &folder, place, (head, how))
        {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            opened => opened.map(Some),
        }
    }

    /// Notes that events of a channel are damaged; the catalogue follows. What the journal
    /// may still have is not: the channel fails, and the next start writes it again.
    ///
    /// # Errors
    /// Why the channel has failed.
    pub(super) fn note_loss(&self, channel: &Arc<Channel>, span: Span) -> Result<(), StorageFault> {
        let mut state = channel.state();
        if let Some(fault) = &state.failed {
            return Err(fault.clone());
        }
        if span.last > state.checkpointed {
            let folder = self.folder(channel);
            let fault = StorageFault::new(format!(
                "{}: the events {span} are not what was written; start the node again: the \
                 journal has them too",
                folder.display()
            ));
            state.failed = Some(fault.clone());
            let unfiled = state.unfiled();
            drop(state);
            let bytes: usize = unfiled.iter().map(Recent::bytes).sum();
            self.filing.filed(bytes as u64);
            return Err(fault);
        }
        let news = losses::add(&mut state.losses, span);
        drop(state);
        if news {
            self.losses_changed(channel);
        }
        Ok(())
    }

    /// Has the catalogue follow what is known of a channel's losses.
    pub(super) fn losses_changed(&self, channel: &Arc<Channel>) {
        // When too much waits it is found again the next time.
        let _ = self.orders.push(Order::Losses(Arc::clone(channel)), 0);
    }

    pub(super) fn counters(&self) -> Counters {
        let load = |number: &AtomicU64| number.load(Ordering::Relaxed);
        Counters {
            appends: load(&self.counted.appends),
            events: load(&self.counted.events),
            bytes: load(&self.counted.bytes),
            groups: load(&self.counted.groups),
            sync_micros: load(&self.counted.sync_micros),
            dedupe_keys: self.counted.keys.load(Ordering::Relaxed) as u64,
            dedupe_given_way: load(&self.counted.keys_given_way),
            journal_files: self.filing.sealed() as u64,
        }
    }
}

/// What the disk said of a path.
pub(super) fn disk_fault(path: &Path, error: &io::Error) -> StorageFault {
    StorageFault::new(format!("{}: {error}", path.display()))
}

/// The channels by name.
#[derive(Debug, Default)]
pub(super) struct Channels {
    by_name: RwLock<BTreeMap<ChannelName, Arc<Channel>>>,
}

impl Channels {
    pub(super) fn get(&self, name: &ChannelName) -> Option<Arc<Channel>> {
        let channels = self.by_name.read().expect(UNPOISONED);
        channels.get(name).cloned()
    }

    /// All of them, by name.
    pub(super) fn all(&self) -> Vec<Arc<Channel>> {
        let channels = self.by_name.read().expect(UNPOISONED);
        channels.values().cloned().collect()
    }

    pub(super) fn len(&self) -> usize {
        self.by_name.read().expect(UNPOISONED).len()
    }

    pub(super) fn add(&self, channel: Arc<Channel>) {
        let mut channels = self.by_name.write().expect(UNPOISONED);
        channels.insert(channel.name.clone(), channel);
    }

    pub(super) fn remove(&self, name: &ChannelName) {
        self.by_name.write().expect(UNPOISONED).remove(name);
    }
}

const UNPOISONED: &str = "nobody panics while holding the channels";
