//! Reading the journal's files, and which channels they speak of.

use std::collections::HashMap;
use std::path::Path;

use super::{OpenError, storage};
use crate::StorageFault;
use crate::disk::channel::Segment;
use crate::disk::device::{Device, Open, Readable, read_what_can_be};
use crate::disk::format::{BatchHead, GroupHead, find_batch, find_group};
use crate::disk::{paths, segment};

/// Bytes of a file that may be unreadable: with more of them it is the disk that is broken,
/// or not there, rather than some sectors, and nothing is decided.
const MAX_UNREADABLE: u64 = 1 << 20;

/// Reads a file of the journal.
pub(super) fn read_file(
    device: &dyn Device,
    folder: &Path,
    file: Segment,
) -> Result<Readable, OpenError> {
    let path = paths::numbered(folder, file.first);
    let read = || {
        let length = usize::try_from(file.bytes).unwrap_or(usize::MAX);
        let file = device.open(&path, Open::Recover)?;
        read_what_can_be(file.as_ref(), 0, length)
    };
    // What cannot be read may have been acknowledged: little is decided without it.
    let read = read().map_err(storage(path.clone()))?;
    if read.unreadable > MAX_UNREADABLE {
        return Err(OpenError::Storage(StorageFault::new(format!(
            "{}: {} bytes of it cannot be read; have the disk mended, or put a copy of the \
             file in its place that has what can be read",
            path.display(),
            read.unreadable
        ))));
    }
    Ok(read)
}

/// The channels of which the journal has events, or had some that are damaged, and the
/// number of the first of them.
pub(super) fn named(
    device: &dyn Device,
    folder: &Path,
    store: u64,
) -> Result<HashMap<u64, u64>, OpenError> {
    let mut named = HashMap::new();
    let mut name = |channel: u64, first: u64| {
        let known = named.entry(channel).or_insert(first);
        *known = first.min(*known);
    };
    let files = segment::list(device, folder).map_err(storage(folder.to_owned()))?;
    for file in files {
        let bytes = read_file(device, folder, file)?.bytes;
        let mut at = 0;
        while let Some(found) = find_batch(&bytes, at, store) {
            if let Some(head) = BatchHead::read(&bytes[found..], store) {
                name(head.channel, head.first);
            }
            at = found + 1;
        }
        let mut at = 0;
        while let Some(found) = find_group(&bytes, at, store) {
            let head = GroupHead::read(&bytes[found..], store);
            for entry in head.iter().flat_map(|head| &head.entries) {
                name(entry.channel, entry.span.first);
            }
            at = found + 1;
        }
    }
    Ok(named)
}
