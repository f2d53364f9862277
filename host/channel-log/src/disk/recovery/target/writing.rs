//! Writing to segments what the journal adds.

use std::io;
use std::path::Path;
use std::sync::Arc;

use super::Target;
use super::holding::synced;
use crate::disk::channel::{Recent, Segment};
use crate::disk::device::{Device, DeviceFile, Open, can_be_extended, is_full};
use crate::disk::paths;
use crate::disk::recovery::OpenError;
use crate::disk::writer::{SegmentWriter, make_segment, most_bytes, passing};

impl Target {
    /// Writes what waits to segments, as far as the disk has room.
    pub(super) fn write(&mut self, device: &dyn Device) -> io::Result<()> {
        let batches = std::mem::take(&mut self.waiting);
        self.waiting_bytes = 0;
        if self.holds() {
            self.hold(batches.into_iter());
            return Ok(());
        }
        let keeps = (self.row.first, self.row.kept_from);
        let passing = passing(&batches, &self.row.settings, keeps);
        let mut done = 0;
        while let Some(first) = batches.get(done) {
            let passes = done < passing;
            let end = if passes { passing } else { batches.len() };
            let written = self
                .prepare(device, first, passes)
                .and_then(|()| self.write_some(&batches[done..end], passes));
            match written {
                Ok(Some(count)) => done += count,
                Ok(None) => {}
                Err(error) if self.may_hold(&error) => {
                    self.hold(batches.into_iter().skip(done));
                    break;
                }
                Err(error) => return Err(error),
            }
        }
        if self.limited {
            self.close_files()?;
        }
        Ok(())
    }

    /// Writes as many of these batches as the last writer has room for, one at least;
    /// returns how many. Nothing if it may not be as long as that: then it has less room.
    fn write_some(&mut self, batches: &[Recent], passes: bool) -> io::Result<Option<usize>> {
        let most = self.most_bytes(passes);
        let Some(writer) = self.writers.last_mut() else {
            return Ok(Some(batches.len()));
        };
        let mut at = writer.at;
        let fits = batches.iter().enumerate().take_while(|(index, batch)| {
            at += batch.bytes() as u64;
            at <= most || *index == 0
        });
        let now = &batches[..fits.count()];
        if let Some(longest) = writer.append_or_cut(now)? {
            self.longest = self.longest.min(longest);
            return Ok(None);
        }
        if let Some(batch) = now.last() {
            self.written = (batch.head.span().last, batch.head.time);
            self.row.progress.batch = batch.bytes() as u64;
        }
        if let Some(last) = self.segments.last_mut() {
            last.bytes = writer.at;
        }
        Ok(Some(now.len()))
    }

    /// How long a segment may be, of what passes or not.
    fn most_bytes(&self, passes: bool) -> u64 {
        most_bytes(self.row.settings.max_bytes, passes).min(self.longest)
    }

    /// Holds no file open from then on but while it is written.
    pub(in crate::disk::recovery) fn limit_files(&mut self) -> Result<(), OpenError> {
        self.limited = true;
        let closed = self.close_files();
        self.check(closed)
    }

    /// Syncs and closes what was written.
    fn close_files(&mut self) -> io::Result<()> {
        for writer in self.writers.drain(..) {
            synced(writer.file.sync())?;
        }
        Ok(())
    }

    /// Has the last writer be one with room for this batch.
    fn prepare(&mut self, device: &dyn Device, batch: &Recent, passes: bool) -> io::Result<()> {
        let most = self.most_bytes(passes);
        let bytes = batch.bytes() as u64;
        let active = self.segments.last().copied();
        let is_empty = |active: &Segment| active.first == batch.head.first;
        let fits =
            |active: &Segment| is_empty(active) || active.bytes.saturating_add(bytes) <= most;
        if let Some(active) = active.filter(fits).filter(|_| self.appendable) {
            let file = self.file_of(device, active)?;
            // What comes beside what cannot be read is lost with it.
            if is_empty(&active) || can_be_extended(file.as_ref(), active.bytes) {
                return Ok(());
            }
        }
        let head = self.segment_head(batch.head.first);
        let (file, at) = make_segment(device, &self.folder, &head)?;
        self.appendable = true;
        self.row.progress.batch = 0;
        self.segments.push(Segment {
            first: head.first,
            bytes: at,
        });
        self.writers.push(SegmentWriter {
            file,
            first: head.first,
            at,
            dirty: true,
        });
        Ok(())
    }

    /// Has the last writer be that of the last segment; returns its file.
    fn file_of(&mut self, device: &dyn Device, active: Segment) -> io::Result<Arc<dyn DeviceFile>> {
        let open = self.writers.last();
        if let Some(open) = open.filter(|open| open.first == active.first) {
            return Ok(Arc::clone(&open.file));
        }
        let file = device.open(&paths::numbered(&self.folder, active.first), Open::Write)?;
        self.writers.push(SegmentWriter {
            file: Arc::clone(&file),
            first: active.first,
            at: active.bytes,
            dirty: false,
        });
        Ok(file)
    }

    /// Writes and syncs all.
    pub(in crate::disk::recovery) fn sync(
        &mut self,
        device: &dyn Device,
        root: &Path,
    ) -> Result<(), OpenError> {
        if self.failed.is_some() {
            return Ok(());
        }
        let synced = self.sync_all(device, root);
        self.check(synced)
    }

    /// Whether the numbers that it gave last are lost: nothing but the head of a segment
    /// behind them says without the catalogue that they were given.
    fn has_lost_end(&self) -> bool {
        let last = self.row.progress.last;
        let behind = self.segments.last();
        !self.holds() && self.written.0 < last && behind.is_none_or(|segment| segment.first <= last)
    }

    fn sync_all(&mut self, device: &dyn Device, root: &Path) -> io::Result<()> {
        self.write(device)?;
        if !self.changed {
            return Ok(());
        }
        let needed = self.segments.is_empty() || !self.appendable;
        if needed || self.has_lost_end() {
            // There has to be one that can be written.
            let held = self.held.batches.first().map(|batch| batch.head.first);
            let next = held.unwrap_or(self.row.progress.last + 1);
            let head = self.segment_head(next);
            match make_segment(device, &self.folder, &head) {
                // The catalogue knows it.
                Err(error) if is_full(&error) && !needed => {}
                made => {
                    let (_, bytes) = made?;
                    self.row.progress.batch = 0;
                    self.segments.push(Segment {
                        first: head.first,
                        bytes,
                    });
                    self.appendable = true;
                }
            }
        }
        if self.made_folder {
            device.sync_folder(root)?;
        }
        self.close_files()?;
        device.sync_folder(&self.folder)
    }
}
