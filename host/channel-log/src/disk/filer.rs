//! Behind the journal: batches are written to their channels' segments, segments are synced
//! at checkpoints, and the journal's files are removed then.

mod checkpoint;
mod dropping;

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::channel::{Channel, Recent, Segment};
use super::core::{Core, disk_fault};
use super::device::{Open, can_be_extended};
use super::filing::Waiting;
use super::format::{SegmentHead, segment_head_bytes};
use super::paths;
use super::recovery::Notes;
use super::writer::{SegmentWriter, holds_dropped, make_segment, most_bytes, passing};

/// Bytes of the newest batches that stay in memory for those who follow a channel.
const RECENT_BYTES: usize = 4 << 20;
/// Bytes of all channels above which none stay that lie in segments.
const MAX_RECENT_BYTES: usize = 64 << 20;

/// Segments that are full and not synced, at most: each holds a file open, and whoever waits for
/// the next checkpoint, as a stop does, waits for all of them.
const MAX_FULL: usize = 128;

/// Looks after which what is held of an unused channel is dropped.
const UNUSED: u8 = 2;

/// Writes segments.
#[derive(Debug)]
pub(super) struct Filer {
    core: Arc<Core>,
    /// Those of the channels that were written and not synced since.
    written: BTreeMap<u64, Written>,
    /// How many files they may hold open.
    most_written: usize,
    /// How many segments of theirs are full.
    full: usize,
    /// Those that have outgrown what they may have, and have something to drop.
    outgrown: BTreeMap<u64, Arc<Channel>>,
    /// How long a file may be, as far as that has shown.
    longest: u64,
    /// What the catalogue has to know of the start before anything else.
    unnoted: Option<Notes>,
}

/// A channel that was written since the last checkpoint.
#[derive(Debug)]
struct Written {
    channel: Arc<Channel>,
    /// Segments that are full, and not synced yet.
    full: Vec<SegmentWriter>,
    active: SegmentWriter,
    /// Whether that may be made longer: what comes beside what cannot be read is lost with it.
    extendable: bool,
    /// The last event that was written, and when it was recorded.
    last: u64,
    time: u64,
    /// Bytes of the last batch of the active segment, if that is known; else 0.
    batch: u64,
}

impl Filer {
    pub(super) fn new(core: Arc<Core>, unnoted: Option<Notes>) -> Self {
        Self {
            most_written: core.device.writable_files().max(1),
            core,
            written: BTreeMap::new(),
            full: 0,
            outgrown: BTreeMap::new(),
            longest: u64::MAX,
            unnoted,
        }
    }

    /// Writes all batches that lie in no segment now, and not what is appended meanwhile: that may
    /// never end. Returns whether there were any. The catalogue knows of the start then.
    pub(super) fn file(&mut self) -> Result<bool, Waiting> {
        let mut any = false;
        let mut rest = self.core.filing.channels();
        while rest > 0
            && let Some(channel) = self.core.filing.next()
        {
            any = true;
            rest -= 1;
            let batches = {
                let mut state = channel.state();
                state.queued = false;
                if state.removed || state.failed.is_some() {
                    continue;
                }
                state.unfiled()
            };
            let error = match self.file_batches(&channel, &batches) {
                Ok(true) => {
                    if self.open_files() >= self.most_written {
                        self.settle(None)?;
                    }
                    continue;
                }
                Ok(false) => {
                    self.put_back(channel);
                    rest += 1;
                    if self.settle(None)? {
                        continue;
                    }
                    return Ok(any);
                }
                Err(error) => error,
            };
            let Some(waiting) = Waiting::of(&error) else {
                self.fail(&channel, &error);
                continue;
            };
            self.put_back(channel);
            rest += 1;
            if waiting == Waiting::Files && self.close_files()? {
                continue;
            }
            self.core.filing.set_waiting(Some(waiting));
            return Err(waiting);
        }
        if any {
            self.core.filing.set_full(false);
        }
        self.note_start()?;
        Ok(any)
    }

    /// Has a channel be the next that is filed.
    fn put_back(&self, channel: Arc<Channel>) {
        channel.state().queued = true;
        self.core.filing.put_back(channel);
    }

    /// How many files are held open to be written and synced.
    fn open_files(&self) -> usize {
        self.written.len() + self.full
    }

    /// Whether full segments are to be synced before there is one more.
    pub(super) fn has_to_settle(&self) -> bool {
        self.full > 0 && (self.full >= MAX_FULL || self.open_files() >= self.most_written)
    }

    /// Forgets what was written of a channel.
    fn forget(&mut self, channel: u64) {
        if let Some(written) = self.written.remove(&channel) {
            self.full -= written.full.len();
        }
    }

    /// Closes what need not be open; returns whether there was anything.
    fn close_files(&mut self) -> Result<bool, Waiting> {
        let any = self.core.open.close_all() || self.has_written();
        Ok(self.settle(None)? && any)
    }

    /// Notes that a channel's segments cannot be written: it takes nothing more, and the
    /// files of the journal that hold what is not in them are kept.
    fn fail(&mut self, channel: &Channel, error: &io::Error) {
        // It is never written again.
        self.forget(channel.id);
        let mut state = channel.state();
        // What it had then is counted no more already.
        if state.removed || state.failed.is_some() {
            return;
        }
        let unfiled: usize = state.unfiled().iter().map(Recent::bytes).sum();
        state.failed = Some(disk_fault(&self.core.folder(channel), error));
        drop(state);
        self.core.filing.filed(unfiled as u64);
    }

    /// Writes batches to segments; returns whether it has written all, or something has to be
    /// synced first.
    fn file_batches(&mut self, channel: &Arc<Channel>, batches: &[Recent]) -> io::Result<bool> {
        let passing = {
            let state = channel.state();
            let first = state.bounds.first;
            passing(batches, &state.settings, (first, state.kept_from))
        };
        let head_bytes = segment_head_bytes(&channel.name);
        // What passes comes first, and is dropped with the segment that it lies in.
        let (mut rest, mut others) = batches.split_at(passing);
        let mut passes = true;
        loop {
            let Some(first) = rest.first() else {
                if others.is_empty() {
                    break;
                }
                (rest, others, passes) = (others, &[], false);
                continue;
            };
            if self.has_to_settle() {
                return Ok(false);
            }
            let (most, kept) = {
                let state = channel.state();
                let most = most_bytes(state.settings.max_bytes, passes).min(self.longest);
                (most, state.bounds.first)
            };
            let written = self.written(channel)?;
            let next = first.head.first;
            let empty = written.active.first == next;
            let mut room = most.saturating_sub(written.active.at);
            let begins = || {
                let bytes = written.active.at.saturating_sub(head_bytes);
                !written.extendable
                    || first.bytes() as u64 > room
                    || !passes && holds_dropped(bytes, written.active.first..next, kept)
            };
            if !empty && begins() {
                self.roll(channel, next)?;
                continue;
            }
            let fits = rest.iter().enumerate().take_while(|(index, batch)| {
                let bytes = batch.bytes() as u64;
                // The first of a segment may have more than a segment should.
                let fits = bytes <= room || *index == 0;
                room = room.saturating_sub(bytes);
                fits
            });
            let (now, later) = rest.split_at(fits.count());
            if let Some(longest) = written.active.append_or_cut(now)? {
                self.longest = self.longest.min(longest);
                continue;
            }
            if let Some(batch) = now.last() {
                written.last = batch.head.span().last;
                written.time = batch.head.time;
                written.batch = batch.bytes() as u64;
            }
            let (last, length) = (written.last, written.active.at);
            let mut state = channel.state();
            // What it had is counted no more, and its files go, or stay as they are.
            if state.removed || state.failed.is_some() {
                return Ok(true);
            }
            if let Some(segment) = state.segments.as_mut().and_then(|all| all.last_mut()) {
                segment.bytes = length;
            }
            state.filed = last;
            let in_memory = self.core.recent_bytes.load(Ordering::Relaxed);
            let most = if in_memory > MAX_RECENT_BYTES {
                0
            } else {
                RECENT_BYTES
            };
            let forgotten = state.forget_recent(most);
            let outgrown = state.outgrows(0);
            drop(state);
            if outgrown {
                self.outgrown.insert(channel.id, Arc::clone(channel));
            }
            self.core
                .recent_bytes
                .fetch_sub(forgotten, Ordering::Relaxed);
            let bytes: usize = now.iter().map(Recent::bytes).sum();
            self.core.filing.filed(bytes as u64);
            rest = later;
        }
        Ok(true)
    }

    /// What is being written of a channel.
    fn written(&mut self, channel: &Arc<Channel>) -> io::Result<&mut Written> {
        let core = &self.core;
        let place = match self.written.entry(channel.id) {
            Entry::Occupied(written) => return Ok(written.into_mut()),
            Entry::Vacant(place) => place,
        };
        let segments = core.segments(channel)?;
        let Some(segment) = segments.last() else {
            return Err(io::Error::new(
                io::ErrorKind::NotFound,
                "the channel has no segment any more; start the node again",
            ));
        };
        let path = paths::numbered(&core.folder(channel), segment.first);
        let file = core.device.open(&path, Open::Write)?;
        let extendable = can_be_extended(file.as_ref(), segment.bytes);
        let active = SegmentWriter {
            file,
            first: segment.first,
            at: segment.bytes,
            dirty: false,
        };
        let state = channel.state();
        let written = Written {
            channel: Arc::clone(channel),
            full: Vec::new(),
            active,
            extendable,
            last: state.filed,
            time: state.time,
            batch: 0,
        };
        drop(state);
        Ok(place.insert(written))
    }

    /// Begins a new segment with this number.
    fn roll(&mut self, channel: &Arc<Channel>, first: u64) -> io::Result<()> {
        let head = SegmentHead {
            store: self.core.store,
            channel: channel.id,
            epoch: channel.epoch.bits(),
            first,
            created: channel.created,
            name: channel.name.clone(),
        };
        let folder = self.core.folder(channel);
        // Before there is one more, which is not to be taken for the one that is written.
        self.written(channel)?;
        let (file, at) = make_segment(self.core.device.as_ref(), &folder, &head)?;
        let written = self.written(channel)?;
        let next = SegmentWriter {
            file,
            first,
            at,
            dirty: true,
        };
        let full = std::mem::replace(&mut written.active, next);
        written.full.push(full);
        written.extendable = true;
        written.batch = 0;
        self.full += 1;
        if let Some(segments) = &mut channel.state().segments {
            segments.push(Segment { first, bytes: at });
        }
        Ok(())
    }

    /// Whether something was written since the last checkpoint.
    pub(super) fn has_written(&self) -> bool {
        !self.written.is_empty()
    }

    /// Does what was asked for besides filing; returns whether the engine is closed.
    pub(super) fn work_off(&mut self) -> bool {
        let wanted = self.core.filing.wanted();
        for channel in wanted.removed {
            self.remove_channel(&channel);
        }
        if wanted.to_drop || !wanted.enforced.is_empty() {
            // What is to be dropped is filed first. A full disk leaves it for the next time.
            let _ = self.file();
            let _ = self.drop_old();
        }
        if !wanted.outgrown.is_empty() {
            let _ = self.file();
            let channels = wanted.outgrown.iter().map(|(channel, _)| channel);
            let channels = channels.map(|channel| (channel.id, Arc::clone(channel)));
            self.outgrown.extend(channels);
            let _ = self.drop_outgrown();
        }
        let outgrown = wanted.outgrown.into_iter().map(|(_, done)| done);
        for done in wanted.enforced.into_iter().chain(outgrown) {
            // Whoever is gone does not want to know.
            let _ = done.send(());
        }
        wanted.closed
    }

    /// Takes a look at all channels: what is unused is dropped from memory.
    pub(super) fn look(&mut self) {
        for channel in self.core.channels.all() {
            let mut state = channel.state();
            state.forget_followers();
            state.unused = state.unused.saturating_add(1);
            if state.unused > UNUSED && !self.written.contains_key(&channel.id) {
                let forgotten = state.forget_recent(0);
                state.segments = None;
                state.keys.forget_read();
                self.core
                    .recent_bytes
                    .fetch_sub(forgotten, Ordering::Relaxed);
            }
        }
        self.core.open.close_unused();
        self.core.buffers.look();
    }
}
