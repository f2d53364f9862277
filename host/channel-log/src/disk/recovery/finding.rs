//! Finding the channels: those that the catalogue knows, and those whose folders it does
//! not.

use std::collections::HashSet;
use std::io;
use std::path::Path;
use std::sync::Arc;

use super::{OpenError, storage};
use crate::disk::catalogue::{self, Catalogue, Loaded, Progress, Row};
use crate::disk::device::{Device, Open, read_up_to};
use crate::disk::format::{JOURNAL_HEAD, JournalHead, SegmentHead, find_batch, segment_head_bytes};
use crate::disk::{paths, segment};
use crate::{Environment, Epoch, LogSettings, MAX_CHANNEL_NAME_BYTES, StorageFault};

/// More than the head of any segment has.
const HEAD_BYTES: usize = 128 + MAX_CHANNEL_NAME_BYTES;

/// What was found.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) store: u64,
    pub(super) released: Option<u64>,
    pub(super) next_channel: u64,
    pub(super) rows: Vec<Row>,
}

pub(super) fn find(
    environment: &dyn Environment,
    device: &Arc<dyn Device>,
    root: &Path,
    catalogue: &Catalogue,
) -> Result<Found, OpenError> {
    let device = device.as_ref();
    let Loaded {
        store,
        next,
        released,
        rows,
    } = catalogue.load()?;
    let entries = device.list(root).map_err(storage(root.to_owned()))?;
    let folders = entries.iter().filter(|entry| entry.folder);
    let folders: Vec<u64> = folders
        .filter_map(|entry| paths::channel_of(&entry.name))
        .collect();
    let store = if let Some(store) = store {
        store
    } else {
        let known = store_of_files(device, root, &folders);
        let known = known.map_err(storage(root.to_owned()))?;
        let store = known.unwrap_or_else(|| environment.random());
        catalogue.write(true, |write| catalogue::set_store(write, store))?;
        store
    };
    let (removing, mut rows): (Vec<Row>, Vec<Row>) = rows.into_iter().partition(|row| row.removing);
    for row in &removing {
        let folder = paths::channel(root, row.id);
        paths::remove(device, root, &folder).map_err(storage(folder))?;
        catalogue.write(true, |write| catalogue::forget(write, row.id))?;
    }
    let known: HashSet<u64> = rows.iter().chain(&removing).map(|row| row.id).collect();
    let unknown = folders.iter().filter(|id| !known.contains(id));
    for id in unknown {
        let folder = paths::channel(root, *id);
        if let Some(row) = adopt(device, &folder, (store, *id), &rows)? {
            catalogue.write(true, |write| catalogue::add(write, &row))?;
            rows.push(row);
        } else {
            paths::remove(device, root, &folder).map_err(storage(folder))?;
        }
    }
    let highest = folders.iter().max().map_or(0, |id| id + 1);
    Ok(Found {
        store,
        released,
        next_channel: next.max(highest),
        rows,
    })
}

/// The number that the files carry, if there are any.
fn store_of_files(device: &dyn Device, root: &Path, channels: &[u64]) -> io::Result<Option<u64>> {
    let journal = paths::journal(root);
    for file in segment::list(device, &journal)? {
        let path = paths::numbered(&journal, file.first);
        let head = read_up_to(device.open(&path, Open::Read)?.as_ref(), 0, JOURNAL_HEAD)?;
        if let Some(head) = JournalHead::read(&head) {
            return Ok(Some(head.store));
        }
    }
    for id in channels {
        let folder = paths::channel(root, *id);
        for file in segment::list(device, &folder)? {
            let path = paths::numbered(&folder, file.first);
            let head = read_up_to(device.open(&path, Open::Read)?.as_ref(), 0, HEAD_BYTES)?;
            if let Some(head) = SegmentHead::read(&head) {
                return Ok(Some(head.store));
            }
        }
    }
    Ok(None)
}

/// What a folder holds that the catalogue does not know: a channel, if it has events;
/// nothing, if it was left behind when a channel could not be made.
fn adopt(
    device: &dyn Device,
    folder: &Path,
    (store, id): (u64, u64),
    rows: &[Row],
) -> Result<Option<Row>, OpenError> {
    let segments = segment::list(device, folder).map_err(storage(folder.to_owned()))?;
    let mut known = None;
    let mut has_events = false;
    for segment in &segments {
        let path = paths::numbered(folder, segment.first);
        let read = || {
            let file = device.open(&path, Open::Read)?;
            read_up_to(file.as_ref(), 0, 1 << 20)
        };
        let start = read().map_err(storage(path.clone()))?;
        has_events |= find_batch(&start, 0, store).is_some();
        let head = SegmentHead::read(&start);
        known = known.or_else(|| head.filter(|head| (head.store, head.channel) == (store, id)));
    }
    if !has_events {
        return Ok(None);
    }
    let refuse = |why: String| {
        let text = format!("{}: {why}; move it away, and start again", folder.display());
        Err(OpenError::Storage(StorageFault::new(text)))
    };
    let (Some(head), Some(first), Some(last)) = (known, segments.first(), segments.last()) else {
        return refuse("the folder has events, and nothing in it says of which channel".to_owned());
    };
    if rows.iter().any(|row| row.name == head.name) {
        return refuse(format!(
            "the folder has another log of the channel `{}`",
            head.name
        ));
    }
    let synced = segment_head_bytes(&head.name);
    Ok(Some(Row {
        id,
        name: head.name,
        epoch: Epoch::new(head.epoch),
        created: head.created,
        removing: false,
        settings: LogSettings::default(),
        kept_from: None,
        first: first.first,
        progress: Progress {
            segment: last.first,
            synced,
            last: last.first - 1,
            time: 0,
        },
        losses: Vec::new(),
    }))
}
