//! Finding the channels: those that the catalogue knows, and those whose folders it does
//! not.

mod adopting;

use std::collections::HashSet;
use std::io;
use std::path::Path;
use std::sync::Arc;

pub(super) use self::adopting::{Adopted, Doubt};
use super::{OpenError, storage};
use crate::disk::catalogue::{self, Catalogue, Loaded, Row};
use crate::disk::device::{Device, Open, read_what_can_be};
use crate::disk::format::{JOURNAL_HEAD, JournalHead, SegmentHead};
use crate::disk::{paths, segment};
use crate::{Environment, MAX_CHANNEL_NAME_BYTES, StorageFault};

/// More than the head of any segment has.
const HEAD_BYTES: usize = 128 + MAX_CHANNEL_NAME_BYTES;

/// What was found.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) store: u64,
    pub(super) released: Option<u64>,
    /// Up to which file the journal is kept only for channels that failed.
    pub(super) pinned: u64,
    pub(super) next_channel: u64,
    pub(super) rows: Vec<Row>,
    /// Channels that the catalogue does not know yet.
    pub(super) adopted: Vec<Adopted>,
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
        pinned,
        rows,
    } = catalogue.load()?;
    let entries = device.list(root).map_err(storage(root.to_owned()))?;
    let folders = entries.iter().filter(|entry| entry.folder);
    let mut folders: Vec<u64> = folders
        .filter_map(|entry| paths::channel_of(&entry.name))
        .collect();
    folders.sort_unstable();
    let store = if let Some(store) = store {
        store
    } else {
        let known = store_of_files(device, root, &folders);
        let known = known.map_err(storage(root.to_owned()))?;
        known.unwrap_or_else(|| environment.random())
    };
    let (removing, rows): (Vec<Row>, Vec<Row>) = rows.into_iter().partition(|row| row.removing);
    check_names(&rows)?;
    for row in &removing {
        remove(device, root, store, row)?;
        let forgotten = catalogue.write(true, |write| catalogue::forget(write, row.id));
        match forgotten {
            // Its row does no harm until a start finds room to forget it.
            Err(fault) if fault.full => {}
            forgotten => forgotten?,
        }
    }
    let known: HashSet<u64> = rows.iter().chain(&removing).map(|row| row.id).collect();
    let unknown: Vec<u64> = folders
        .iter()
        .copied()
        .filter(|id| !known.contains(id))
        .collect();
    // A start that came to its end notes how far the journal was needed.
    let is_new = released.is_none();
    let adopted = adopting::adopt(device, root, (store, is_new), (&unknown, &rows))?;
    let highest = folders.iter().max().map_or(0, |id| id + 1);
    Ok(Found {
        store,
        released,
        pinned,
        next_channel: next.max(highest),
        rows,
        adopted,
    })
}

/// Of two channels of one name only one could be seen.
fn check_names(rows: &[Row]) -> Result<(), OpenError> {
    let mut names = HashSet::new();
    match rows.iter().find(|row| !names.insert(&row.name)) {
        None => Ok(()),
        Some(row) => Err(OpenError::Storage(StorageFault::new(format!(
            "channels.redb has two channels of the name `{}`",
            row.name
        )))),
    }
}

/// Removes the files of a channel that is being removed, if they are its own.
fn remove(device: &dyn Device, root: &Path, store: u64, row: &Row) -> Result<(), OpenError> {
    let folder = paths::channel(root, row.id);
    let there = match segment::list(device, &folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        segments => segments.map_err(storage(folder.clone()))?,
    };
    for file in there {
        let path = paths::numbered(&folder, file.first);
        let head = head_of(device, &path).map_err(storage(path))?;
        let another = head.filter(|head| head.store == store).filter(|head| {
            (head.channel, &head.name, head.epoch) != (row.id, &row.name, row.epoch.bits())
        });
        if let Some(head) = another {
            return Err(OpenError::Storage(StorageFault::new(format!(
                "{}: channels.redb says that the channel `{}` is being removed, and the folder \
                 has the log of `{}`; move the folder away, and start again",
                folder.display(),
                row.name,
                head.name
            ))));
        }
    }
    paths::remove(device, root, &folder).map_err(storage(folder))
}

/// The head of a segment, if it is what was written.
fn head_of(device: &dyn Device, path: &Path) -> io::Result<Option<SegmentHead>> {
    let file = device.open(path, Open::Read)?;
    let start = read_what_can_be(file.as_ref(), 0, HEAD_BYTES)?;
    Ok(SegmentHead::read(&start.bytes))
}

/// Whether there are only zeros where a segment has its head.
fn is_blank(device: &dyn Device, path: &Path) -> io::Result<bool> {
    let file = device.open(path, Open::Read)?;
    let start = read_what_can_be(file.as_ref(), 0, HEAD_BYTES)?;
    Ok(start.bytes.iter().all(|byte| *byte == 0))
}

/// The number that the files carry, if there are any.
fn store_of_files(device: &dyn Device, root: &Path, channels: &[u64]) -> io::Result<Option<u64>> {
    let journal = paths::journal(root);
    for file in segment::list(device, &journal)? {
        let path = paths::numbered(&journal, file.first);
        let file = device.open(&path, Open::Read)?;
        let head = read_what_can_be(file.as_ref(), 0, JOURNAL_HEAD)?;
        if let Some(head) = JournalHead::read(&head.bytes) {
            return Ok(Some(head.store));
        }
    }
    for id in channels {
        let folder = paths::channel(root, *id);
        for file in segment::list(device, &folder)? {
            if let Some(head) = head_of(device, &paths::numbered(&folder, file.first))? {
                return Ok(Some(head.store));
            }
        }
    }
    Ok(None)
}
