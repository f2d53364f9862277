//! What the filer has to do, and how far behind it may be.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::Duration;

use tokio::sync::oneshot;

use super::channel::Channel;
use super::device::{is_full, is_short_of_files};

/// Bytes that may lie in the journal alone. They are in memory too, until they are filed.
const MAX_UNFILED: u64 = 64 << 20;

/// Bytes that lie in the journal alone before the filer begins by itself: many small batches
/// are written in one piece, and no thread is woken beside those who wait for an answer.
const FILED_AT_ONCE: u64 = 256 << 10;

/// Appends that wait for what their channels have beyond their bytes to be dropped, at most.
const MAX_OUTGROWN: usize = 16_384;

/// Files of the journal that may wait for a checkpoint.
const MAX_SEALED: usize = 8;

/// What the filer has to do.
#[derive(Debug, Default)]
pub(super) struct Filing {
    work: Mutex<Work>,
    /// Something to do, or some of it done.
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Work {
    /// Channels with batches that lie in no segment.
    channels: VecDeque<Arc<Channel>>,
    unfiled: u64,
    /// Channels that were removed and whose files are there.
    removed: Vec<Arc<Channel>>,
    /// Who waits for the settings of all channels to be enforced.
    enforced: Vec<oneshot::Sender<()>>,
    /// Channels that have outgrown what they may have, and who waits for what is over to be
    /// dropped.
    outgrown: Vec<(Arc<Channel>, oneshot::Sender<()>)>,
    /// Whether some channel has something to drop.
    to_drop: bool,
    sealed: Vec<Sealed>,
    /// The last group whose batches all are among the channels' own.
    group: u64,
    waiting: Option<Waiting>,
    /// Whether the catalogue does not know of the start what it has to.
    unnoted: bool,
    /// Whether nothing can be stored any more.
    broken: bool,
    closed: bool,
}

/// Why filing has to wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Waiting {
    /// The disk is full.
    Full,
    /// The process, or the system, has no more files to open.
    Files,
}

impl Waiting {
    /// Whether an error is one that passes without a start.
    pub(super) fn of(error: &io::Error) -> Option<Self> {
        if is_full(error) {
            Some(Self::Full)
        } else if is_short_of_files(error) {
            Some(Self::Files)
        } else {
            None
        }
    }
}

/// A file of the journal that nothing is written to any more.
#[derive(Clone, Debug)]
pub(super) struct Sealed {
    pub(super) number: u64,
    pub(super) last_group: u64,
    /// Channels that have batches in it.
    pub(super) channels: Vec<u64>,
    /// Whether it is kept for a channel that failed.
    pub(super) pinned: bool,
}

/// What there is to do at once.
#[derive(Debug)]
pub(super) struct Wanted {
    pub(super) removed: Vec<Arc<Channel>>,
    pub(super) enforced: Vec<oneshot::Sender<()>>,
    pub(super) outgrown: Vec<(Arc<Channel>, oneshot::Sender<()>)>,
    pub(super) to_drop: bool,
    pub(super) closed: bool,
}

impl Filing {
    /// A channel has a batch of so many bytes that lies in no segment; it is `queued` by
    /// its state already, or not. Called while its state is held, so that what is filed of
    /// it, or will never be, is never subtracted before it was added.
    pub(super) fn add(&self, channel: Option<&Arc<Channel>>, bytes: u64) {
        let mut work = self.work();
        work.unfiled += bytes;
        work.channels.extend(channel.cloned());
    }

    /// All of a group has been added.
    pub(super) fn end_group(&self, group: u64) {
        let mut work = self.work();
        work.group = group;
        let is_due = work.is_due();
        drop(work);
        if is_due {
            self.changed.notify_all();
        }
    }

    /// The last group whose batches all have been added.
    pub(super) fn group(&self) -> u64 {
        self.work().group
    }

    /// How many channels wait for being filed.
    pub(super) fn channels(&self) -> usize {
        self.work().channels.len()
    }

    /// The channel that has waited longest for being filed.
    pub(super) fn next(&self) -> Option<Arc<Channel>> {
        self.work().channels.pop_front()
    }

    /// A channel has to wait longer.
    pub(super) fn put_back(&self, channel: Arc<Channel>) {
        self.work().channels.push_front(channel);
    }

    /// So many bytes lie in segments now, or will never.
    pub(super) fn filed(&self, bytes: u64) {
        let mut work = self.work();
        work.unfiled = work.unfiled.saturating_sub(bytes);
        drop(work);
        self.changed.notify_all();
    }

    pub(super) fn remove(&self, channel: Arc<Channel>) {
        self.work().removed.push(channel);
        self.changed.notify_all();
    }

    pub(super) fn enforce(&self, done: oneshot::Sender<()>) {
        let mut work = self.work();
        // Whoever waits is told that it is over by this being dropped.
        if !work.closed {
            work.enforced.push(done);
        }
        drop(work);
        self.changed.notify_all();
    }

    /// A channel has outgrown what it may have: who appends to it waits until this tells that it
    /// was filed, and what is over dropped, as far as it can be. Nothing if it need not wait.
    pub(super) fn outgrows(&self, channel: &Arc<Channel>) -> Option<oneshot::Receiver<()>> {
        let mut work = self.work();
        let ends = work.closed || work.broken || work.waiting.is_some();
        if ends || work.outgrown.len() >= MAX_OUTGROWN {
            return None;
        }
        let (done, is_done) = oneshot::channel();
        work.outgrown.push((Arc::clone(channel), done));
        drop(work);
        self.changed.notify_all();
        Some(is_done)
    }

    pub(super) fn has_to_drop(&self) {
        self.work().to_drop = true;
        self.changed.notify_all();
    }

    /// The disk is full, or nothing has to wait any more.
    pub(super) fn set_full(&self, full: bool) {
        self.set_waiting(full.then_some(Waiting::Full));
    }

    /// What filing has to wait for.
    pub(super) fn set_waiting(&self, waiting: Option<Waiting>) {
        self.work().waiting = waiting;
        self.changed.notify_all();
    }

    /// Whether the catalogue does not know of the start what it has to, for which the disk had
    /// no room. Until it does the next start finds the same again, and has to come to the
    /// same: what was lost then is told by what follows in the journal, and concerns the
    /// channels that there were. So nothing is added to either.
    pub(super) fn set_unnoted(&self, unnoted: bool) {
        self.work().unnoted = unnoted;
    }

    pub(super) fn is_unnoted(&self) -> bool {
        self.work().unnoted
    }

    pub(super) fn is_full(&self) -> bool {
        self.work().waiting == Some(Waiting::Full)
    }

    /// Whether filing has to wait.
    pub(super) fn is_waiting(&self) -> bool {
        self.work().waiting.is_some()
    }

    /// Why nothing more may be appended for now: the disk is full, or was at the start, or
    /// what is filed too late waits for files.
    pub(super) fn refuses(&self) -> Option<Waiting> {
        let work = self.work();
        if work.unnoted {
            return Some(Waiting::Full);
        }
        let has_room = work.has_room();
        work.waiting
            .filter(|waiting| *waiting == Waiting::Full || !has_room)
    }

    /// Nothing can be stored any more.
    pub(super) fn set_broken(&self) {
        self.work().broken = true;
        self.changed.notify_all();
    }

    pub(super) fn seal(&self, file: Sealed) {
        self.work().sealed.push(file);
        self.changed.notify_all();
    }

    /// The files that are sealed; all of them are taken, and what stays is put back.
    pub(super) fn take_sealed(&self) -> Vec<Sealed> {
        std::mem::take(&mut self.work().sealed)
    }

    pub(super) fn put_back_sealed(&self, mut files: Vec<Sealed>) {
        let mut work = self.work();
        files.append(&mut work.sealed);
        work.sealed = files;
        drop(work);
        self.changed.notify_all();
    }

    /// The last file with nothing but groups up to this one.
    pub(super) fn last_file_up_to(&self, group: u64) -> Option<u64> {
        let work = self.work();
        let files = work.sealed.iter().filter(|file| file.last_group <= group);
        files.map(|file| file.number).max()
    }

    /// How many files are sealed.
    pub(super) fn sealed(&self) -> usize {
        self.work().sealed.len()
    }

    /// What there is to do besides filing.
    pub(super) fn wanted(&self) -> Wanted {
        let mut work = self.work();
        Wanted {
            removed: std::mem::take(&mut work.removed),
            enforced: std::mem::take(&mut work.enforced),
            outgrown: std::mem::take(&mut work.outgrown),
            to_drop: std::mem::take(&mut work.to_drop),
            closed: work.closed,
        }
    }

    /// Waits until there is something to do, or so much time has passed: then little is filed
    /// too. A disk that is full is something to wait for.
    pub(super) fn wait(&self, time: Duration) {
        let idle = |work: &mut Work| {
            !(work.is_due() && work.waiting.is_none() && !work.broken
                || !work.removed.is_empty()
                || !work.enforced.is_empty()
                || !work.outgrown.is_empty()
                || work.to_drop
                || work.closed)
        };
        let waited = self.changed.wait_timeout_while(self.work(), time, idle);
        drop(waited.expect("nobody panics while holding the filer's work"));
    }

    /// Whether the journal has a file that only a checkpoint can remove.
    pub(super) fn wants_checkpoint(&self) -> bool {
        let work = self.work();
        !work.broken && work.waiting.is_none() && work.wants_checkpoint()
    }

    /// Whether the filer is not too far behind.
    pub(super) fn has_room(&self) -> bool {
        self.work().has_room()
    }

    /// Waits until the filer is not too far behind, has to wait itself, or so much time has
    /// passed.
    pub(super) fn wait_for_room(&self, time: Duration) {
        let behind = |work: &mut Work| {
            !(work.has_room() || work.waiting.is_some() || work.broken || work.closed)
        };
        let waited = self.changed.wait_timeout_while(self.work(), time, behind);
        drop(waited.expect("nobody panics while holding the filer's work"));
    }

    pub(super) fn close(&self) {
        self.work().closed = true;
        self.changed.notify_all();
    }

    /// Nobody files any more: whoever waits for it is told.
    pub(super) fn abandon(&self) {
        let mut work = self.work();
        work.closed = true;
        work.enforced.clear();
        work.outgrown.clear();
        drop(work);
        self.changed.notify_all();
    }

    /// Bytes that lie in the journal alone.
    pub(super) fn unfiled(&self) -> u64 {
        self.work().unfiled
    }

    fn work(&self) -> MutexGuard<'_, Work> {
        let work = self.work.lock();
        work.expect("nobody panics while holding the filer's work")
    }
}

impl Work {
    /// Whether there is enough to file, or a checkpoint to make.
    fn is_due(&self) -> bool {
        self.unfiled >= FILED_AT_ONCE || self.wants_checkpoint()
    }

    /// Whether a file of the journal could be removed after a checkpoint now.
    fn wants_checkpoint(&self) -> bool {
        let mut files = self.sealed.iter();
        files.any(|file| !file.pinned && file.last_group <= self.group)
    }

    fn has_room(&self) -> bool {
        let sealed = self.sealed.iter().filter(|file| !file.pinned).count();
        self.unfiled <= MAX_UNFILED && sealed <= MAX_SEALED
    }
}
