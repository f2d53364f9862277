//! A channel at a start: what its segments have, and what the journal adds.

mod holding;
mod progress;
mod segments;
mod writing;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use self::holding::Held;
use super::finding::{Adopted, Doubt};
use super::{OpenError, storage};
use crate::disk::catalogue::{Loss, Progress, Row};
use crate::disk::channel::{Recent, Segment};
use crate::disk::core::disk_fault;
use crate::disk::device::{Device, Open, is_full};
use crate::disk::format::{SegmentHead, segment_head_bytes};
use crate::disk::writer::SegmentWriter;
use crate::disk::{losses, paths};
use crate::{Span, StorageFault};

/// Bytes that are read or written at once.
const CHUNK: usize = 1 << 20;

/// A channel at a start.
#[derive(Debug)]
pub(super) struct Target {
    row: Row,
    folder: PathBuf,
    store: u64,
    segments: Vec<Segment>,
    /// Whether the last segment may be written.
    appendable: bool,
    writers: Vec<SegmentWriter>,
    /// Whether more channels are written than files may be open.
    limited: bool,
    /// How long a file may be, as far as that has shown.
    longest: u64,
    /// Batches for which a full disk has no room: the journal keeps them.
    held: Held,
    /// Batches that are to be written.
    waiting: Vec<Recent>,
    waiting_bytes: usize,
    /// The last event that is in a segment, and when it was recorded.
    written: (u64, u64),
    failed: Option<StorageFault>,
    changed: bool,
    /// How much of the journal was lost when this channel's number was known again.
    cleared: u64,
    /// Whether the catalogue does not know it yet,
    is_new: bool,
    /// and where its last segment is not whole then.
    doubted: Option<Doubt>,
    /// Whether its folder was made.
    made_folder: bool,
}

/// A channel once it was recovered.
#[derive(Debug)]
pub(super) struct Parts {
    pub(super) row: Row,
    /// Bytes of the batches in its segments,
    pub(super) bytes: u64,
    /// and the number up to which these have its events.
    pub(super) filed: u64,
    /// What is behind that.
    pub(super) held: Vec<Recent>,
    pub(super) failed: Option<StorageFault>,
}

impl Target {
    /// Takes what the segments have: up to where they are synced as it is, and what lies
    /// behind that as far as it is whole.
    pub(super) fn open(
        device: &Arc<dyn Device>,
        root: &Path,
        store: u64,
        row: Row,
    ) -> Result<Self, OpenError> {
        Self::take(device, root, store, row, false)
    }

    fn take(
        device: &Arc<dyn Device>,
        root: &Path,
        store: u64,
        row: Row,
        is_new: bool,
    ) -> Result<Self, OpenError> {
        let folder = paths::channel(root, row.id);
        let mut target = Self {
            written: (row.progress.last, row.progress.time),
            row,
            folder,
            store,
            segments: Vec::new(),
            appendable: true,
            writers: Vec::new(),
            limited: false,
            longest: u64::MAX,
            held: Held::default(),
            waiting: Vec::new(),
            waiting_bytes: 0,
            failed: None,
            changed: false,
            cleared: 0,
            is_new,
            doubted: None,
            made_folder: false,
        };
        let taken = target.take_segments(device.as_ref());
        target.check(taken)?;
        Ok(target)
    }

    /// Takes the segments of a channel that the catalogue does not know.
    pub(super) fn adopt(
        device: &Arc<dyn Device>,
        root: &Path,
        store: u64,
        Adopted { row, doubt }: Adopted,
    ) -> Result<Self, OpenError> {
        let mut target = Self::take(device, root, store, row, true)?;
        target.changed = true;
        target.doubted = doubt;
        // Of none it is known whether it is synced.
        for segment in &target.segments {
            let path = paths::numbered(&target.folder, segment.first);
            let synced = device
                .open(&path, Open::Recover)
                .and_then(|file| file.sync());
            synced.map_err(storage(path))?;
        }
        Ok(target)
    }

    pub(super) fn id(&self) -> u64 {
        self.row.id
    }

    pub(super) fn has_failed(&self) -> bool {
        self.failed.is_some()
    }

    /// Whether the catalogue has to know something new.
    pub(super) fn changed(&self) -> bool {
        self.changed && self.failed.is_none()
    }

    pub(super) fn progress(&self) -> Progress {
        let segment = self.segments.last();
        let (last, time) = self.in_segments();
        Progress {
            segment: segment.map_or(self.row.progress.segment, |segment| segment.first),
            synced: segment.map_or(0, |segment| segment.bytes),
            last,
            time,
            batch: self.row.progress.batch,
        }
    }

    pub(super) fn losses(&self) -> &[Loss] {
        &self.row.losses
    }

    /// The channel, if the catalogue does not know it yet.
    pub(super) fn new_row(&self) -> Option<&Row> {
        self.is_new.then_some(&self.row)
    }

    /// The number that it gave last, if only the journal has what it gave; else 0.
    pub(super) fn given(&self) -> u64 {
        if self.holds() {
            return self.row.given.max(self.row.progress.last);
        }
        self.row.given
    }

    pub(super) fn into_parts(self) -> Parts {
        let head = segment_head_bytes(&self.row.name);
        let bytes = self
            .segments
            .iter()
            .map(|segment| segment.bytes.saturating_sub(head));
        Parts {
            bytes: bytes.sum(),
            filed: self.in_segments().0,
            row: self.row,
            held: self.held.batches,
            failed: self.failed,
        }
    }

    /// A disk that has no room to cut and mend segments has nothing be opened; any other
    /// error concerns this channel.
    fn check(&mut self, result: io::Result<()>) -> Result<(), OpenError> {
        match result {
            Err(error) if is_full(&error) || self.is_new => {
                Err(storage(self.folder.clone())(error))
            }
            Err(error) => {
                let fault = disk_fault(&self.folder, &error);
                self.failed.get_or_insert(fault);
                let first = self.row.first;
                let given = self.row.progress.last.max(first.saturating_sub(1));
                self.row.given = self.row.given.max(given);
                self.held = Held::default();
                // What could not be written is nowhere to be read until the next start.
                (self.row.progress.last, self.row.progress.time) = self.written;
                Ok(())
            }
            Ok(()) => Ok(()),
        }
    }

    fn segment_head(&self, first: u64) -> SegmentHead {
        SegmentHead {
            store: self.store,
            channel: self.row.id,
            epoch: self.row.epoch.bits(),
            first,
            created: self.row.created,
            name: self.row.name.clone(),
        }
    }

    /// Takes a batch of the journal, unless it is there.
    pub(super) fn apply(
        &mut self,
        device: &dyn Device,
        batch: Recent,
        lost: u64,
    ) -> Result<(), OpenError> {
        let span = batch.head.span();
        let next = self.row.progress.last + 1;
        if self.failed.is_some() {
            self.row.given = self.row.given.max(span.last);
            return Ok(());
        }
        // What was lost before it had lower numbers.
        self.cleared = lost;
        if span.last < next {
            return Ok(());
        }
        if span.first == next {
            let cut = self.cut_doubted(device);
            self.check(cut)?;
        }
        self.doubted = None;
        if span.first < next {
            let text = format!(
                "{}: the journal has the events {span} together, and the segments only some of them",
                self.folder.display()
            );
            self.row.given = self.row.given.max(span.last);
            self.failed = Some(StorageFault::new(text));
            return Ok(());
        }
        self.lose(Span::new(next, span.first - 1));
        // It is written anew, whatever was wrong with it.
        losses::find_again(&mut self.row.losses, span);
        self.row.progress.last = span.last;
        self.row.progress.time = batch.head.time;
        self.changed = true;
        self.waiting_bytes += batch.bytes();
        self.waiting.push(batch);
        if self.waiting_bytes >= CHUNK {
            let written = self.write(device);
            self.check(written)?;
        }
        Ok(())
    }
}
