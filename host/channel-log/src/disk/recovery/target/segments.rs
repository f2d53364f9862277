//! What the segments of a channel have at a start.

use std::io;

use super::{CHUNK, Target};
use crate::Span;
use crate::disk::channel::Segment;
use crate::disk::device::{Device, Open, read_what_can_be, write_fully};
use crate::disk::format::segment_head_bytes;
use crate::disk::walk::{Found, Walk};
use crate::disk::writer::SegmentWriter;
use crate::disk::{paths, segment};

impl Target {
    /// Takes those that the catalogue knows, and those that go on where these end.
    pub(super) fn take_segments(&mut self, device: &dyn Device) -> io::Result<()> {
        let segments = match segment::list(device, &self.folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            segments => segments?,
        };
        let progress = self.row.progress;
        let (synced, unsynced): (Vec<_>, Vec<_>) = segments
            .into_iter()
            .partition(|segment| segment.first <= progress.segment);
        self.segments = synced;
        let active = self.segments.last().copied();
        let active = active.filter(|active| active.first == progress.segment);
        let whole = active.filter(|active| active.bytes >= progress.synced);
        match (active, whole) {
            (_, Some(active)) => {
                if !self.is_new {
                    self.hold_progress(device, active)?;
                }
                self.take_tail(device, active, progress.synced)?;
            }
            (cut, None) => self.note_cut(device, cut)?,
        }
        for segment in unsynced {
            let next = self.row.progress.last + 1;
            let follows = segment.first == next && self.has_head(device, segment)?;
            if follows {
                // Also where what was before it is gone: a full disk may have no room for
                // another.
                self.take_next(device, segment)?;
            } else {
                // The journal has what was in it.
                device.remove_file(&paths::numbered(&self.folder, segment.first))?;
                self.changed = true;
            }
        }
        Ok(())
    }

    /// Takes a segment that goes on where those end of which the catalogue knows.
    fn take_next(&mut self, device: &dyn Device, segment: Segment) -> io::Result<()> {
        let head = segment_head_bytes(&self.row.name);
        self.segments.push(segment);
        self.row.progress.batch = 0;
        self.appendable = true;
        // The catalogue is to know of it before those before it are dropped.
        self.changed = true;
        if segment.bytes > head {
            return self.take_tail(device, segment, head);
        }
        let path = paths::numbered(&self.folder, segment.first);
        self.writers.push(SegmentWriter {
            file: device.open(&path, Open::Recover)?,
            first: segment.first,
            at: head,
            dirty: true,
        });
        Ok(())
    }

    fn has_head(&self, device: &dyn Device, segment: Segment) -> io::Result<bool> {
        let path = paths::numbered(&self.folder, segment.first);
        let file = device.open(&path, Open::Recover)?;
        let head = self.segment_head(segment.first).write();
        let read = read_what_can_be(file.as_ref(), 0, head.len())?;
        Ok(read.bytes == head)
    }

    /// Takes what is whole of the last segment behind `synced`, and cuts the rest. What is
    /// taken is written again: a sync of it may have failed without anybody knowing.
    fn take_tail(&mut self, device: &dyn Device, segment: Segment, synced: u64) -> io::Result<()> {
        if segment.bytes == synced {
            return Ok(());
        }
        let path = paths::numbered(&self.folder, segment.first);
        let file = device.open(&path, Open::Recover)?;
        let of = (self.store, self.row.id);
        let mut walk = Walk::new(file.as_ref(), of, (synced, segment.bytes), CHUNK);
        let mut end = synced;
        while let Found::Batch(at, head) = walk.next()? {
            let Some(batch) = walk.batch(at, &head)? else {
                break;
            };
            if head.first != self.row.progress.last + 1 {
                break;
            }
            match write_fully(file.as_ref(), at, &batch) {
                Ok(()) => {}
                // The journal has it.
                Err(error) if self.may_hold(&error) => break,
                Err(error) => return Err(error),
            }
            end = walk.at();
            self.row.progress.last = head.span().last;
            self.row.progress.time = head.time;
            self.row.progress.batch = head.bytes() as u64;
            self.written = (head.span().last, head.time);
        }
        if end < segment.bytes {
            file.set_len(end)?;
        }
        if let Some(last) = self.segments.last_mut() {
            last.bytes = end;
        }
        self.changed = true;
        self.writers.push(SegmentWriter {
            file,
            first: segment.first,
            at: end,
            dirty: true,
        });
        Ok(())
    }

    /// Notes which numbers are missing of a segment that is shorter than what was synced
    /// of it, or not there at all.
    fn note_cut(&mut self, device: &dyn Device, segment: Option<Segment>) -> io::Result<()> {
        let progress = self.row.progress;
        let mut last = progress.segment.saturating_sub(1);
        if let Some(segment) = segment {
            let path = paths::numbered(&self.folder, segment.first);
            let file = device.open(&path, Open::Recover)?;
            let range = (segment_head_bytes(&self.row.name), segment.bytes);
            let of = (self.store, self.row.id);
            let mut walk = Walk::new(file.as_ref(), of, range, CHUNK);
            loop {
                match walk.next()? {
                    Found::Batch(_, head) => last = last.max(head.span().last),
                    Found::Bad => {}
                    Found::End => break,
                }
            }
        } else if self.segments.is_empty() {
            last = self.row.first.saturating_sub(1).min(progress.last);
            device.create_folder(&self.folder)?;
            self.made_folder = true;
        }
        self.appendable = false;
        self.changed = true;
        self.lose(Span::new(last + 1, progress.last));
        Ok(())
    }
}
