//! Taking in channels that the catalogue does not know, from what their files say.

use std::collections::{HashMap, HashSet};
use std::path::Path;

use super::{head_of, is_blank};
use crate::disk::catalogue::{Progress, Row};
use crate::disk::channel::Segment;
use crate::disk::device::{Device, Open};
use crate::disk::format::{BATCH_HEAD, BatchHead, SegmentHead, segment_head_bytes};
use crate::disk::recovery::{OpenError, journal_files, storage};
use crate::disk::walk::{Found, Walk};
use crate::disk::{paths, segment};
use crate::{Epoch, LogSettings, Span, StorageFault};

/// Bytes that are read at once.
const WINDOW: usize = 1 << 20;

/// A channel that the catalogue does not know.
#[derive(Debug)]
pub(in crate::disk::recovery) struct Adopted {
    pub(in crate::disk::recovery) row: Row,
    /// Where its last segment is not whole, perhaps since it was never synced.
    pub(in crate::disk::recovery) doubt: Option<Doubt>,
}

/// The end of a segment that is not whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::disk::recovery) struct Doubt {
    /// Where it begins.
    pub(in crate::disk::recovery) at: u64,
    /// Bytes of it of which no head says which events they are.
    pub(in crate::disk::recovery) unknown: u64,
}

/// What a folder holds.
struct Folder {
    id: u64,
    head: Option<SegmentHead>,
    segments: Vec<Segment>,
    /// Whether there is anything behind the heads of its segments.
    has_events: bool,
}

/// Takes in the channels of these folders, if they are channels: what was left behind when
/// a channel could not be made is removed. That has no events, nor are any in the journal,
/// and the catalogue, unless it `is_new`, would know it if it had become a channel.
pub(super) fn adopt(
    device: &dyn Device,
    root: &Path,
    (store, is_new): (u64, bool),
    (unknown, rows): (&[u64], &[Row]),
) -> Result<Vec<Adopted>, OpenError> {
    let mut folders = Vec::with_capacity(unknown.len());
    for id in unknown {
        folders.push(look_at(device, root, store, *id)?);
    }
    let named = if folders.is_empty() {
        HashMap::new()
    } else {
        journal_files::named(device, &paths::journal(root), store)?
    };
    for folder in &mut folders {
        folder.has_events |= named.contains_key(&folder.id);
    }
    let mut adopted: Vec<Adopted> = Vec::new();
    // A channel that could be made in the end has the highest number.
    let mut names: HashSet<_> = rows.iter().map(|row| row.name.clone()).collect();
    folders.sort_by_key(|folder| (!folder.has_events, std::cmp::Reverse(folder.id)));
    for Folder {
        id,
        head,
        segments,
        has_events,
    } in folders
    {
        let folder = paths::channel(root, id);
        let refuse = |why: String| {
            let text = format!("{}: {why}; move it away, and start again", folder.display());
            Err(OpenError::Storage(StorageFault::new(text)))
        };
        match head {
            Some(head) if has_events && names.contains(&head.name) => {
                return refuse(format!(
                    "the folder has another log of the channel `{}`",
                    head.name
                ));
            }
            None if has_events => {
                let text = "the folder has events, and nothing in it says of which channel";
                return refuse(text.to_owned());
            }
            Some(head) if has_events || is_new && !names.contains(&head.name) => {
                names.insert(head.name.clone());
                let in_journal = named.get(&id).copied();
                let taken = take(device, &folder, (store, id), head, (&segments, in_journal));
                adopted.extend(taken.map_err(storage(folder))?);
            }
            _ => paths::remove(device, root, &folder).map_err(storage(folder))?,
        }
    }
    Ok(adopted)
}

fn look_at(device: &dyn Device, root: &Path, store: u64, id: u64) -> Result<Folder, OpenError> {
    let folder = paths::channel(root, id);
    let segments = segment::list(device, &folder).map_err(storage(folder.clone()))?;
    let mut known = None;
    let mut has_events = false;
    for segment in &segments {
        let path = paths::numbered(&folder, segment.first);
        let head = head_of(device, &path).map_err(storage(path))?;
        let head = head.filter(|head| (head.store, head.channel) == (store, id));
        // Where it does not say how long its head is, it has one of any length.
        let least = head.as_ref().map_or_else(
            || super::HEAD_BYTES as u64 + BATCH_HEAD as u64,
            |head| segment_head_bytes(&head.name),
        );
        has_events |= segment.bytes > least;
        known = known.or(head);
    }
    Ok(Folder {
        id,
        head: known,
        segments,
        has_events,
    })
}

/// What the files say of a channel, of which the journal has these events.
fn take(
    device: &dyn Device,
    folder: &Path,
    (store, id): (u64, u64),
    head: SegmentHead,
    (segments, in_journal): (&[Segment], Option<Span>),
) -> std::io::Result<Option<Adopted>> {
    let Some(first) = segments.first() else {
        return Ok(None);
    };
    let mut last = first;
    let mut contents = Contents {
        before: Progress {
            segment: first.first,
            synced: segment_head_bytes(&head.name),
            last: first.first - 1,
            time: 0,
            batch: 0,
        },
        in_journal,
        next: first.first,
        bad: false,
        unsynced: false,
        last_whole: 0,
        time: 0,
        whole: 0,
        told: 0,
    };
    for segment in segments {
        let path = paths::numbered(folder, segment.first);
        let file = device.open(&path, Open::Recover)?;
        let head_bytes = segment_head_bytes(&head.name);
        if segment.first > first.first && segment.bytes <= head_bytes {
            // A crash amid its making has left a part of its head, or has brought back what
            // was removed since there was no room for it. Nothing was ever in it, and the
            // start removes it. One that is there in full is damaged if it is none: its
            // file's name says still which numbers were given.
            let is_made = match head_of(device, &path)? {
                Some(made) => made.first == segment.first,
                None => segment.bytes == head_bytes && !is_blank(device, &path)?,
            };
            if !is_made || segment.first < contents.next {
                continue;
            }
        }
        last = segment;
        let head_bytes = head_bytes.min(segment.bytes);
        contents.begin(*segment, head_bytes);
        let range = (head_bytes, segment.bytes);
        let mut walk = Walk::new(file.as_ref(), (store, id), range, WINDOW);
        loop {
            match walk.next()? {
                Found::Batch(start, head) => {
                    let end = walk.at();
                    let holds = walk.batch(start, &head)?.is_some();
                    contents.meet(head, end, holds);
                }
                // What is whole behind it proves that it was acknowledged.
                Found::Bad => contents.bad = true,
                Found::End => break,
            }
        }
    }
    let doubt = Doubt {
        at: contents.whole,
        unknown: last.bytes.saturating_sub(contents.told),
    };
    // What was not synced may be missing anywhere behind what was; the journal has it all.
    // What is damaged there is not to be taken for that.
    let (progress, doubt) = if contents.is_unsynced() {
        (contents.before, None)
    } else {
        let progress = Progress {
            segment: last.first,
            synced: last.bytes,
            last: contents.last_whole.max(last.first - 1),
            time: contents.time,
            batch: 0,
        };
        (progress, Some(doubt).filter(|doubt| doubt.at < last.bytes))
    };
    let given = contents.next - 1;
    let bytes: u64 = segments.iter().map(|segment| segment.bytes).sum();
    let settings = LogSettings::default();
    Ok(Some(Adopted {
        doubt,
        row: Row {
            id,
            name: head.name,
            epoch: Epoch::new(head.epoch),
            created: head.created,
            removing: false,
            settings: LogSettings {
                // Nothing is dropped for being found again.
                max_bytes: settings.max_bytes.max(bytes),
                ..settings
            },
            kept_from: None,
            first: first.first,
            progress,
            losses: Vec::new(),
            given,
        },
    }))
}

/// What segments have, as it is walked through.
#[derive(Debug)]
struct Contents {
    /// The last batch below what is in the journal.
    before: Progress,
    /// The newest events, of which the journal has all.
    in_journal: Option<Span>,
    /// The number that comes next.
    next: u64,
    /// Whether something lies behind the last batch that is none.
    bad: bool,
    /// Whether something is missing that the journal has.
    unsynced: bool,
    /// The last event of a batch that is whole, and when it was recorded.
    last_whole: u64,
    time: u64,
    /// Where in its segment that ends,
    whole: u64,
    /// and where the last batch does that has a head.
    told: u64,
}

impl Contents {
    fn begin(&mut self, segment: Segment, head_bytes: u64) {
        self.reach(segment.first);
        if self.in_journal.is_none_or(|all| segment.first <= all.first) {
            self.before.segment = segment.first;
            self.before.synced = head_bytes;
            self.before.last = segment.first - 1;
        }
        self.whole = head_bytes;
        self.told = head_bytes;
    }

    fn meet(&mut self, head: BatchHead, end: u64, holds: bool) {
        let span = head.span();
        self.reach(head.first);
        self.next = span.last + 1;
        self.told = end;
        if !holds {
            self.miss(span);
            return;
        }
        self.last_whole = span.last;
        self.time = head.time;
        self.whole = end;
        if self.in_journal.is_none_or(|all| span.last < all.first) {
            self.before.synced = end;
            self.before.last = span.last;
            self.before.time = head.time;
        }
    }

    /// What is there goes on with this number.
    fn reach(&mut self, first: u64) {
        self.bad = false;
        if let Some(missing) = Span::new(self.next, first.saturating_sub(1)) {
            self.miss(missing);
            self.next = first;
        }
    }

    fn miss(&mut self, missing: Span) {
        let has = |all: Span| all.first <= missing.last && missing.first <= all.last;
        self.unsynced |= self.in_journal.is_some_and(has);
    }

    /// Whether the journal has what is missing, and all that is behind it.
    fn is_unsynced(&self) -> bool {
        let tail = |all: Span| self.bad && all.contains(self.next);
        let has =
            |all: Span| (self.unsynced || tail(all)) && self.next <= all.last.saturating_add(1);
        self.in_journal.is_some_and(has)
    }
}
