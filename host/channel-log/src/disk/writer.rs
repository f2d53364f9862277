//! Writing segments.

use std::io;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use super::channel::Recent;
use super::device::{Device, DeviceFile, Open, is_full, write_fully};
use super::format::SegmentHead;
use super::paths;
use crate::{Discard, LogSettings};

/// Bytes of a segment at most, unless one batch alone has more.
const MAX_SEGMENT: u64 = 64 << 20;
/// Bytes of a segment of the smallest channel.
const MIN_SEGMENT: u64 = 8 << 10;

/// Bytes that are written to a segment at once.
const CHUNK: usize = 1 << 20;

/// Bytes of events that are not kept any more for which a segment is ended, at least.
const LEAST_DROPPED: u64 = 64 << 10;

/// How long the segments of a channel with so many bytes are: whole ones are dropped. What
/// `passes` is dropped together, whatever it has.
pub(super) fn most_bytes(max_bytes: u64, passes: bool) -> u64 {
    if passes {
        MAX_SEGMENT
    } else {
        (max_bytes / 8).clamp(MIN_SEGMENT, MAX_SEGMENT)
    }
}

/// How many of these batches, the newest of a channel, only pass through it: the others alone are
/// as much as it may have, or they are not kept already. They are not worth segments of the
/// usual size, each of which takes as long as some syncs do: so a channel is filed as fast as
/// it is appended to, however small it is.
pub(super) fn passing(
    batches: &[Recent],
    settings: &LogSettings,
    (first, kept_from): (u64, Option<u64>),
) -> usize {
    let bytes = batches.iter().map(|batch| batch.bytes() as u64);
    if bytes.sum::<u64>() <= most_bytes(settings.max_bytes, false) {
        return 0;
    }
    let dropped = batches.partition_point(|batch| batch.head.span().last < first);
    let (mut over, mut behind) = (batches.len(), 0);
    while over > 0 && behind < settings.max_bytes {
        over -= 1;
        behind += batches[over].bytes() as u64;
    }
    let kept = |kept: u64| batches.partition_point(|batch| batch.head.span().last < kept);
    match settings.discard {
        Discard::Refuse => dropped,
        Discard::Oldest => dropped.max(over.min(kept_from.map_or(over, kept))),
    }
}

/// Whether a segment with so many bytes of these events is to be ended, so that it can soon be
/// dropped: half of it and more is not kept any more, as far as the numbers tell.
pub(super) fn holds_dropped(bytes: u64, events: Range<u64>, kept: u64) -> bool {
    let dropped = kept.min(events.end).saturating_sub(events.start);
    let all = events.end.saturating_sub(events.start);
    dropped >= all.div_ceil(2) && bytes / 2 >= LEAST_DROPPED
        || dropped == all && bytes >= LEAST_DROPPED
}

/// Makes an empty segment, durably; returns it and how long it is.
pub(super) fn make_segment(
    device: &dyn Device,
    folder: &Path,
    head: &SegmentHead,
) -> io::Result<(Arc<dyn DeviceFile>, u64)> {
    let path = paths::numbered(folder, head.first);
    let file = device.open(&path, Open::New)?;
    let made = || -> io::Result<u64> {
        let bytes = head.write();
        write_fully(file.as_ref(), 0, &bytes)?;
        file.sync()?;
        device.sync_folder(folder)?;
        Ok(bytes.len() as u64)
    };
    match made() {
        Ok(bytes) => Ok((file, bytes)),
        Err(error) => {
            // So that it can be tried again; nothing is in it.
            let _ = device.remove_file(&path);
            Err(error)
        }
    }
}

/// Whether a file may not be longer, though the disk has room.
fn is_too_long(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::FileTooLarge
}

/// A segment that is written.
#[derive(Debug)]
pub(super) struct SegmentWriter {
    pub(super) file: Arc<dyn DeviceFile>,
    /// Number of its first event.
    pub(super) first: u64,
    /// How long it is.
    pub(super) at: u64,
    /// Whether something in it is not synced.
    pub(super) dirty: bool,
}

impl SegmentWriter {
    /// Writes batches behind what there is, or leaves nothing of them where there is no room.
    /// Returns how long the file may be, if it is that and fewer batches or another file may
    /// do.
    pub(super) fn append_or_cut(&mut self, batches: &[Recent]) -> io::Result<Option<u64>> {
        let Err(error) = self.append(batches) else {
            return Ok(None);
        };
        if !is_full(&error) {
            return Err(error);
        }
        let reached = self.cut()?;
        let alone = batches.len() == 1 && batches[0].head.first == self.first;
        if is_too_long(&error) && !alone {
            return Ok(Some(reached));
        }
        Err(error)
    }

    /// Writes batches behind what there is. When that fails the segment is as long as
    /// before, whatever the file has.
    fn append(&mut self, batches: &[Recent]) -> io::Result<()> {
        let mut at = self.at;
        let mut chunk = Vec::new();
        self.dirty = true;
        for batch in batches {
            chunk.extend_from_slice(&batch.before);
            chunk.extend_from_slice(&batch.events);
            if chunk.len() >= CHUNK {
                write_fully(self.file.as_ref(), at, &chunk)?;
                at += chunk.len() as u64;
                chunk.clear();
            }
        }
        write_fully(self.file.as_ref(), at, &chunk)?;
        self.at = at + chunk.len() as u64;
        Ok(())
    }

    /// Cuts what an append has left that found no room; returns how long the file had become, so
    /// that no segment is made longer if it may not be.
    fn cut(&self) -> io::Result<u64> {
        let reached = self.file.len()?;
        if reached > self.at {
            self.file.set_len(self.at)?;
        }
        Ok(reached.max(self.at))
    }
}
