//! Open segments and where in them which event is.

use std::collections::VecDeque;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard};

use super::channel::Segment;
use super::device::{Device, DeviceFile, Open};
use super::paths;
use super::walk::{Found, Walk, Window};
use crate::Span;

/// Segments that are open for reading at once.
const MAX_OPEN: usize = 64;

/// Bytes between two marks of an index: what is read in vain at most.
const STEP: u64 = 64 << 10;

/// Bytes of what was read last of a segment that are kept for whoever reads on, at most.
const MAX_KEPT: usize = 512 << 10;

/// Looks after which a segment that nobody read is closed.
const UNUSED: u8 = 2;

/// Where in a segment which event is: now and then one, the others lie behind it.
#[derive(Clone, Debug, Default)]
pub(super) struct Index {
    marks: Vec<Mark>,
    /// Up to where it is known.
    end: u64,
    /// The first number of the batch there, if that was met already.
    behind: Option<u64>,
}

/// Where a batch is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Mark {
    pub(super) first: u64,
    pub(super) time: u64,
    pub(super) at: u64,
}

impl Index {
    /// The index of a segment that begins with `head` bytes of its own.
    pub(super) fn new(head: u64) -> Self {
        Self {
            marks: Vec::new(),
            end: head,
            behind: None,
        }
    }

    /// Whether there is more up to `end` that may have the event `next` or one before it.
    fn lacks(&self, end: u64, next: u64) -> bool {
        self.end < end && self.behind.is_none_or(|first| first <= next)
    }

    /// Takes in what has come up to `end`, of the channel of this store, or until there is a
    /// batch behind the event `next`.
    fn extend(
        &mut self,
        file: &dyn DeviceFile,
        of: (u64, u64),
        end: u64,
        next: u64,
    ) -> io::Result<()> {
        self.behind = None;
        let mut walk = Walk::new(file, of, (self.end, end), 256 << 10);
        loop {
            match walk.next()? {
                Found::Batch(at, head) => {
                    if head.first > next {
                        self.behind = Some(head.first);
                        return Ok(());
                    }
                    let last = self.marks.last();
                    if last.is_none_or(|last| at >= last.at + STEP) {
                        self.marks.push(Mark {
                            first: head.first,
                            time: head.time,
                            at,
                        });
                    }
                }
                Found::Bad => {}
                Found::End => break,
            }
            self.end = walk.at();
        }
        self.end = self.end.max(end);
        Ok(())
    }

    /// The last mark that `before` holds of; it holds of all before that too.
    pub(super) fn last(&self, before: impl Fn(&Mark) -> bool) -> Option<Mark> {
        let behind = self.marks.partition_point(before);
        self.marks.get(behind.checked_sub(1)?).copied()
    }
}

/// A segment that is open for reading.
#[derive(Debug)]
pub(super) struct OpenSegment {
    pub(super) file: Arc<dyn DeviceFile>,
    index: Mutex<Index>,
    resume: Mutex<Option<Resume>>,
}

/// Where somebody has stopped reading.
#[derive(Clone, Debug)]
pub(super) struct Resume {
    /// Where the batch is that was read last,
    pub(super) at: u64,
    /// its numbers,
    pub(super) span: Span,
    /// and what was read with it.
    pub(super) window: Window,
}

impl OpenSegment {
    /// Its index, up to `end`.
    pub(super) fn index(&self, of: (u64, u64), end: u64) -> io::Result<MutexGuard<'_, Index>> {
        self.index_until(of, end, u64::MAX)
    }

    /// Its index, up to `end` or a batch that is behind the event `next`.
    pub(super) fn index_until(
        &self,
        of: (u64, u64),
        end: u64,
        next: u64,
    ) -> io::Result<MutexGuard<'_, Index>> {
        let index = self.index.lock();
        let mut index = index.expect("nobody panics while holding an index");
        if index.lacks(end, next) {
            index.extend(self.file.as_ref(), of, end, next)?;
        }
        Ok(index)
    }

    /// Where somebody has stopped who wanted this number next.
    pub(super) fn resume(&self, next: u64) -> Option<Resume> {
        let resume = self.resume.lock();
        let mut resume = resume.expect("nobody panics while holding a place");
        let fits = |resume: &mut Resume| (resume.span.first..=resume.span.last + 1).contains(&next);
        resume.take_if(fits)
    }

    /// Somebody stops reading here.
    pub(super) fn stop(&self, here: Resume) {
        let resume = self.resume.lock();
        let mut resume = resume.expect("nobody panics while holding a place");
        if here.window.bytes.len() <= MAX_KEPT {
            *resume = Some(here);
        }
    }
}

/// The segments that are open for reading, those used last in front.
#[derive(Debug, Default)]
pub(super) struct OpenSegments(Mutex<VecDeque<Kept>>);

#[derive(Debug)]
struct Kept {
    channel: u64,
    first: u64,
    segment: Arc<OpenSegment>,
    unused: u8,
}

impl OpenSegments {
    /// Opens a segment, whose head has so many bytes, unless it is open; with
    /// [`Open::Recover`], anew.
    pub(super) fn open(
        &self,
        device: &dyn Device,
        folder: &Path,
        (channel, first): (u64, u64),
        (head, how): (u64, Open),
    ) -> io::Result<Arc<OpenSegment>> {
        let place = |kept: &Kept| (kept.channel, kept.first) == (channel, first);
        {
            let mut open = self.locked();
            if how == Open::Recover {
                open.retain(|kept| !place(kept));
            }
            if let Some(at) = open.iter().position(place)
                && let Some(mut kept) = open.remove(at)
            {
                kept.unused = 0;
                let segment = Arc::clone(&kept.segment);
                open.push_front(kept);
                return Ok(segment);
            }
        }
        let file = device.open(&paths::numbered(folder, first), how)?;
        let segment = Arc::new(OpenSegment {
            file,
            index: Mutex::new(Index::new(head)),
            resume: Mutex::new(None),
        });
        let mut open = self.locked();
        open.push_front(Kept {
            channel,
            first,
            segment: Arc::clone(&segment),
            unused: 0,
        });
        open.truncate(MAX_OPEN);
        Ok(segment)
    }

    /// Closes the segments of a channel that begin below `first`.
    pub(super) fn close_below(&self, channel: u64, first: u64) {
        self.locked()
            .retain(|kept| kept.channel != channel || kept.first >= first);
    }

    /// Closes all; returns whether there were any.
    pub(super) fn close_all(&self) -> bool {
        let mut open = self.locked();
        let any = !open.is_empty();
        open.clear();
        any
    }

    /// Closes those that nobody has read for some looks.
    pub(super) fn close_unused(&self) {
        self.locked().retain_mut(|kept| {
            kept.unused = kept.unused.saturating_add(1);
            kept.unused <= UNUSED
        });
    }

    fn locked(&self) -> MutexGuard<'_, VecDeque<Kept>> {
        let open = self.0.lock();
        open.expect("nobody panics while holding the open segments")
    }
}

/// The segments that are in a channel's folder, oldest first.
pub(super) fn list(device: &dyn Device, folder: &Path) -> io::Result<Vec<Segment>> {
    let entries = device.list(folder)?;
    let mut segments: Vec<Segment> = entries
        .iter()
        .filter(|entry| !entry.folder)
        .filter_map(|entry| {
            Some(Segment {
                first: paths::number_of(&entry.name)?,
                bytes: entry.bytes,
            })
        })
        .collect();
    segments.sort_unstable_by_key(|segment| segment.first);
    Ok(segments)
}
