//! Which numbers a channel has given: none of them is given again.

use std::io;

use super::Target;
use crate::Span;
use crate::disk::catalogue::Progress;
use crate::disk::channel::Segment;
use crate::disk::device::{Device, DeviceFile, Open, read_what_can_be};
use crate::disk::format::{BATCH_HEAD, BatchHead, LEAST_EVENT, find_batch, segment_head_bytes};
use crate::disk::losses;
use crate::disk::paths;
use crate::disk::writer::SegmentWriter;

/// Bytes at the end of a segment among which its last batch is looked for where the catalogue
/// does not say how long it is, or it is not what was written: of channels to which
/// events are appended one by one, of those with larger batches, and of those whose batches are
/// as large as can be. A start reads no more than a few times what the last batches have.
const WINDOWS: [u64; 5] = [8 << 10, 64 << 10, 512 << 10, 2 << 20, 8 << 20];

impl Target {
    /// Holds what the catalogue says of the last event against the batch that ends where it
    /// says that the segment is synced.
    pub(super) fn hold_progress(
        &mut self,
        device: &dyn Device,
        segment: Segment,
    ) -> io::Result<()> {
        let synced = self.row.progress.synced;
        let head_bytes = segment_head_bytes(&self.row.name);
        if synced <= head_bytes {
            return Ok(());
        }
        let path = paths::numbered(&self.folder, segment.first);
        // What is synced is on the disk, whatever else the system holds of the file: dropping
        // that would take a millisecond a channel.
        let file = device.open(&path, Open::Read)?;
        let known = self.head_where_noted(file.as_ref(), head_bytes)?;
        let found = match known {
            Some(head) => Some(head),
            None => self.look_for_last(file.as_ref(), head_bytes)?,
        };
        self.row.progress.batch = found.map_or(0, |head| head.bytes() as u64);
        if let Some(head) = found {
            let last = head.span().last;
            if last > self.row.progress.last {
                self.row.progress.last = last;
                self.row.progress.time = self.row.progress.time.max(head.time);
                self.written = (last, self.row.progress.time);
                self.changed = true;
            }
        }
        Ok(())
    }

    /// The head of the last batch, if it is as long as the catalogue says.
    fn head_where_noted(
        &self,
        file: &dyn DeviceFile,
        head_bytes: u64,
    ) -> io::Result<Option<BatchHead>> {
        let Progress { synced, batch, .. } = self.row.progress;
        let at = synced.checked_sub(batch).filter(|at| *at >= head_bytes);
        let Some(at) = at.filter(|_| batch >= BATCH_HEAD as u64) else {
            return Ok(None);
        };
        let bytes = read_what_can_be(file, at, BATCH_HEAD)?.bytes;
        let head = BatchHead::read(&bytes, self.store);
        Ok(head.filter(|head| head.channel == self.row.id && head.bytes() as u64 == batch))
    }

    /// The head of the last batch, whose length nobody knows.
    fn look_for_last(
        &self,
        file: &dyn DeviceFile,
        head_bytes: u64,
    ) -> io::Result<Option<BatchHead>> {
        let synced = self.row.progress.synced;
        for window in WINDOWS {
            let from = synced.saturating_sub(window).max(head_bytes);
            let length = usize::try_from(synced - from).unwrap_or(usize::MAX);
            let bytes = read_what_can_be(file, from, length)?.bytes;
            let found = last_batch(&bytes, (self.store, self.row.id));
            if found.is_some() || from == head_bytes {
                return Ok(found);
            }
        }
        Ok(None)
    }

    /// The journal has what the last segment has not whole: that is cut, to be written
    /// again.
    pub(super) fn cut_doubted(&mut self, device: &dyn Device) -> io::Result<()> {
        let (Some(doubt), Some(last)) = (self.doubted.take(), self.segments.last_mut()) else {
            return Ok(());
        };
        let whole = doubt.at;
        let file = device.open(&paths::numbered(&self.folder, last.first), Open::Recover)?;
        file.set_len(whole)?;
        last.bytes = whole;
        self.row.progress.batch = 0;
        self.writers.push(SegmentWriter {
            file,
            first: last.first,
            at: whole,
            dirty: true,
        });
        Ok(())
    }

    pub(super) fn lose(&mut self, span: Option<Span>) {
        if let Some(span) = span {
            losses::add(&mut self.row.losses, span);
            self.changed = true;
        }
    }

    /// The journal had these events, and they are no longer what was written.
    pub(in crate::disk::recovery) fn damage(&mut self, span: Span, lost: u64) {
        if self.failed.is_some() {
            self.row.given = self.row.given.max(span.last);
            return;
        }
        self.cleared = lost;
        self.give_up_to(span.last);
    }

    /// Numbers up to there were given; those beyond what there is are lost.
    fn give_up_to(&mut self, last: u64) {
        let next = self.row.progress.last + 1;
        if let Some(span) = Span::new(next, last) {
            self.lose(Some(span));
            self.row.progress.last = last;
            self.doubted = None;
        }
    }

    /// The journal has come to its end, and so many bytes of it were lost of which it is
    /// not known what they were.
    pub(in crate::disk::recovery) fn end_journal(&mut self, lost: u64) {
        if self.failed.is_some() {
            return;
        }
        let doubted = self.doubted.take();
        // What it gave while it had failed, the journal was to have.
        let given = std::mem::take(&mut self.row.given);
        self.changed |= given > 0;
        self.give_up_to(given);
        // What was trimmed had been given, and is not lost.
        let trimmed = self.row.first.saturating_sub(1);
        if trimmed > self.row.progress.last {
            self.row.progress.last = trimmed;
            self.changed = true;
        }
        if let Some(doubt) = doubted {
            // The journal does not have it, so it had been synced. It stays as it is.
            self.suspect(doubt.unknown);
            self.appendable = false;
        }
        self.suspect(lost - self.cleared);
    }

    /// So many bytes were lost: as many of this channel's numbers as may have been in them
    /// are not given again.
    fn suspect(&mut self, lost: u64) {
        let most = lost.div_ceil(LEAST_EVENT as u64);
        self.give_up_to(self.row.progress.last.saturating_add(most));
    }
}

/// The batch of a channel of a store that ends where the bytes end.
fn last_batch(bytes: &[u8], (store, channel): (u64, u64)) -> Option<BatchHead> {
    let mut at = 0;
    let mut last = None;
    while let Some(found) = find_batch(bytes, at, store) {
        let head = BatchHead::read(&bytes[found..], store)?;
        if head.channel == channel && found + head.bytes() == bytes.len() {
            last = Some(head);
        }
        at = found + 1;
    }
    last
}
