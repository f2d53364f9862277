//! Writing to segments what the journal adds.

use std::io;
use std::path::Path;

use super::Target;
use crate::disk::channel::{Recent, Segment};
use crate::disk::device::{Device, Open};
use crate::disk::paths;
use crate::disk::recovery::OpenError;
use crate::disk::writer::{SegmentWriter, make_segment, segment_bytes};

impl Target {
    /// Writes what waits to segments.
    pub(super) fn write(&mut self, device: &dyn Device) -> io::Result<()> {
        let batches = std::mem::take(&mut self.waiting);
        self.waiting_bytes = 0;
        let mut rest = batches.as_slice();
        while let Some(first) = rest.first() {
            self.prepare(device, first)?;
            let Some(writer) = self.writers.last_mut() else {
                break;
            };
            let most = segment_bytes(self.row.settings.max_bytes);
            let mut at = writer.at;
            let fits = rest.iter().enumerate().take_while(|(index, batch)| {
                at += batch.bytes() as u64;
                at <= most || *index == 0
            });
            let (now, later) = rest.split_at(fits.count());
            writer.append(now)?;
            if let Some(batch) = now.last() {
                self.written = (batch.head.span().last, batch.head.time);
            }
            if let Some(last) = self.segments.last_mut() {
                last.bytes = writer.at;
            }
            rest = later;
        }
        if self.limited {
            self.close_files()?;
        }
        Ok(())
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
            writer.file.sync()?;
        }
        Ok(())
    }

    /// Has the last writer be one with room for this batch.
    fn prepare(&mut self, device: &dyn Device, batch: &Recent) -> io::Result<()> {
        let most = segment_bytes(self.row.settings.max_bytes);
        let bytes = batch.bytes() as u64;
        let active = self.segments.last().copied();
        let fits = |active: &Segment| {
            let empty = active.first == batch.head.first;
            empty || active.bytes.saturating_add(bytes) <= most
        };
        if let Some(active) = active.filter(fits).filter(|_| self.appendable) {
            let open = self.writers.last();
            if open.is_none_or(|open| open.first != active.first) {
                let path = paths::numbered(&self.folder, active.first);
                self.writers.push(SegmentWriter {
                    file: device.open(&path, Open::Write)?,
                    first: active.first,
                    at: active.bytes,
                    dirty: false,
                });
            }
            return Ok(());
        }
        let head = self.segment_head(batch.head.first);
        let (file, at) = make_segment(device, &self.folder, &head)?;
        self.appendable = true;
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

    fn sync_all(&mut self, device: &dyn Device, root: &Path) -> io::Result<()> {
        self.write(device)?;
        if !self.changed {
            return Ok(());
        }
        if self.segments.is_empty() || !self.appendable {
            // There has to be one that can be written.
            let head = self.segment_head(self.row.progress.last + 1);
            let (_, bytes) = make_segment(device, &self.folder, &head)?;
            self.segments.push(Segment {
                first: head.first,
                bytes,
            });
            self.appendable = true;
        }
        if self.made_folder {
            device.sync_folder(root)?;
        }
        self.close_files()?;
        device.sync_folder(&self.folder)
    }
}
