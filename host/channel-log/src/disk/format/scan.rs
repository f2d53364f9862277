//! Finding what is whole behind bytes that are not what was written.

use super::batch::{BATCH_MAGIC, BatchHead};
use super::group::{GROUP_MAGIC, GroupHead};

/// Bytes that are looked at together for being zero.
const STRIDE: usize = 4096;

/// The next head of a group at or behind `from`. Whether its batches are whole is not
/// looked at: a head is proof enough that the groups before it were durable.
pub(in crate::disk) fn find_group(bytes: &[u8], from: usize, store: u64) -> Option<usize> {
    find(bytes, from, GROUP_MAGIC, |rest| {
        GroupHead::read(rest, store).is_some()
    })
}

/// The next head of a batch at or behind `from`.
pub(in crate::disk) fn find_batch(bytes: &[u8], from: usize, store: u64) -> Option<usize> {
    find(bytes, from, BATCH_MAGIC, |rest| {
        BatchHead::read(rest, store).is_some()
    })
}

/// How many of the bytes there are up to where only zeros follow.
pub(in crate::disk) fn written(bytes: &[u8]) -> usize {
    let mut end = bytes.len();
    while let Some(zeros) = bytes[..end].last_chunk::<STRIDE>() {
        if *zeros != [0; STRIDE] {
            break;
        }
        end -= STRIDE;
    }
    let last = bytes[..end].iter().rposition(|byte| *byte != 0);
    last.map_or(0, |last| last + 1)
}

fn find(
    bytes: &[u8],
    from: usize,
    magic: [u8; 4],
    is_whole: impl Fn(&[u8]) -> bool,
) -> Option<usize> {
    let mut at = from;
    while at < bytes.len() {
        let rest = &bytes[at..];
        // Most of an unfinished file is zeros.
        if rest
            .first_chunk()
            .is_some_and(|zeros| *zeros == [0; STRIDE])
        {
            at += STRIDE;
            continue;
        }
        let stride = &rest[..rest.len().min(STRIDE)];
        let starts = stride.iter().enumerate();
        let starts = starts.filter(|(_, byte)| **byte == magic[0]);
        for (start, _) in starts {
            let rest = &rest[start..];
            if rest.starts_with(&magic) && is_whole(rest) {
                return Some(at + start);
            }
        }
        at += stride.len();
    }
    None
}
