//! How bytes lie in the files. All integers are little-endian.
//!
//! Everything that is written carries the store's number, drawn at random when the store
//! was made: nobody outside knows it, so that no event's data can pass for a part of a file.

mod batch;
mod group;
mod heads;
mod scan;
#[cfg(test)]
mod tests;

pub(super) use batch::{BATCH_HEAD, BatchHead, KEY_BYTES, keys_of};
pub(super) use group::{GroupHead, GroupWriter, LEAST_EVENT, group_at};
pub(super) use heads::{JOURNAL_HEAD, JournalHead, SegmentHead, segment_head_bytes};
pub(super) use scan::{find_batch, find_group, written};

/// The checksum of all that is written. Chosen because the tree has it already; it finds
/// every error of up to 32 bits in a row, and others but for one in 2^32.
pub(super) fn checksum(pieces: &[&[u8]]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    for piece in pieces {
        hasher.update(piece);
    }
    hasher.finalize()
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    let bytes = bytes.get(at..)?.first_chunk()?;
    Some(u32::from_le_bytes(*bytes))
}

fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    let bytes = bytes.get(at..)?.first_chunk()?;
    Some(u64::from_le_bytes(*bytes))
}
