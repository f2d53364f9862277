//! Reading the journal's files, and which channels they speak of.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::path::Path;

use super::{OpenError, storage};
use crate::disk::channel::Segment;
use crate::disk::device::{Device, Open, Readable, read_what_can_be};
use crate::disk::format::{BatchHead, GroupHead, find_batch, find_group};
use crate::disk::{paths, segment};
use crate::{Span, StorageFault};

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

/// The channels of which the journal has events, or had some that are damaged, and of which
/// numbers it has all up to the last: others may be in files that were kept for channels that
/// failed.
pub(super) fn named(
    device: &dyn Device,
    folder: &Path,
    store: u64,
) -> Result<HashMap<u64, Span>, OpenError> {
    let mut named: HashMap<u64, Vec<Span>> = HashMap::new();
    let mut name = |channel: u64, span: Span| {
        let spans = named.entry(channel).or_default();
        match spans.last_mut() {
            Some(last) if last.last.saturating_add(1) == span.first => last.last = span.last,
            _ => spans.push(span),
        }
    };
    let files = segment::list(device, folder).map_err(storage(folder.to_owned()))?;
    for file in files {
        let bytes = read_file(device, folder, file)?.bytes;
        let mut at = 0;
        while let Some(found) = find_batch(&bytes, at, store) {
            if let Some(head) = BatchHead::read(&bytes[found..], store) {
                name(head.channel, head.span());
            }
            at = found + 1;
        }
        let mut at = 0;
        while let Some(found) = find_group(&bytes, at, store) {
            let head = GroupHead::read(&bytes[found..], store);
            for entry in head.iter().flat_map(|head| &head.entries) {
                name(entry.channel, entry.span);
            }
            at = found + 1;
        }
    }
    let runs = named.into_iter();
    let runs = runs.filter_map(|(channel, spans)| Some((channel, last_run(spans)?)));
    Ok(runs.collect())
}

/// The last of these numbers, with those before it of which none is missing.
fn last_run(mut spans: Vec<Span>) -> Option<Span> {
    spans.sort_unstable_by_key(|span| Reverse(span.last));
    let mut spans = spans.into_iter();
    let mut run = spans.next()?;
    for span in spans {
        if span.last.saturating_add(1) < run.first {
            break;
        }
        run.first = run.first.min(span.first);
    }
    Some(run)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_the_last_run_of_numbers_none_is_missing() {
        let span = |(first, last): &(u64, u64)| Span::new(*first, *last).unwrap();
        for (spans, run) in [
            (&[][..], None),
            (&[(3, 4)], Some((3, 4))),
            (&[(3, 4), (5, 6), (1, 2)], Some((1, 6))),
            (&[(3, 4), (6, 7), (8, 9)], Some((6, 9))),
            // What the heads of groups say again, and of more.
            (&[(5, 9), (12, 13), (5, 6), (7, 11)], Some((5, 13))),
            (&[(1, 2), (5, 9), (7, 8)], Some((5, 9))),
        ] {
            let found = last_run(spans.iter().map(span).collect());
            assert_eq!(found, run.as_ref().map(span));
        }
    }
}
