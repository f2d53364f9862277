//! What stands at the beginning of a file.

use super::{checksum, u32_at, u64_at};
use crate::ChannelName;

const JOURNAL_MAGIC: [u8; 8] = *b"HkJournl";
const SEGMENT_MAGIC: [u8; 8] = *b"HkSegmnt";
/// The layout of all files of the store.
const LAYOUT: u32 = 1;

/// Bytes of the head of a file of the journal: magic, `u32` layout, `u32` checksum,
/// `u64`s of the store, of the file, and of how long it was made.
pub(in crate::disk) const JOURNAL_HEAD: usize = 40;

/// The head of a file of the journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::disk) struct JournalHead {
    pub(in crate::disk) store: u64,
    pub(in crate::disk) number: u64,
    pub(in crate::disk) bytes: u64,
}

impl JournalHead {
    pub(in crate::disk) fn write(self) -> [u8; JOURNAL_HEAD] {
        let mut head = [0; JOURNAL_HEAD];
        head[..8].copy_from_slice(&JOURNAL_MAGIC);
        head[8..12].copy_from_slice(&LAYOUT.to_le_bytes());
        head[16..24].copy_from_slice(&self.store.to_le_bytes());
        head[24..32].copy_from_slice(&self.number.to_le_bytes());
        head[32..40].copy_from_slice(&self.bytes.to_le_bytes());
        let sum = checksum(&[&head]);
        head[12..16].copy_from_slice(&sum.to_le_bytes());
        head
    }

    pub(in crate::disk) fn read(bytes: &[u8]) -> Option<Self> {
        let head = *bytes.first_chunk::<JOURNAL_HEAD>()?;
        let read = Self {
            store: u64_at(&head, 16)?,
            number: u64_at(&head, 24)?,
            bytes: u64_at(&head, 32)?,
        };
        (read.write() == head).then_some(read)
    }
}

/// The head of a segment, which says enough to find the channel again from it: magic,
/// `u32` layout, `u32` checksum, `u64`s of the store, the channel, the epoch, the first
/// sequence and the time when the channel was made, `u32` bytes of the name, the name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::disk) struct SegmentHead {
    pub(in crate::disk) store: u64,
    pub(in crate::disk) channel: u64,
    pub(in crate::disk) epoch: u64,
    pub(in crate::disk) first: u64,
    pub(in crate::disk) created: u64,
    pub(in crate::disk) name: ChannelName,
}

const SEGMENT_FIXED: usize = 60;

/// Bytes of the head of a segment of the channel of this name.
pub(in crate::disk) fn segment_head_bytes(name: &ChannelName) -> u64 {
    (SEGMENT_FIXED + name.as_str().len()) as u64
}

impl SegmentHead {
    pub(in crate::disk) fn write(&self) -> Vec<u8> {
        let name = self.name.as_str().as_bytes();
        let mut head = Vec::with_capacity(SEGMENT_FIXED + name.len());
        head.extend_from_slice(&SEGMENT_MAGIC);
        head.extend_from_slice(&LAYOUT.to_le_bytes());
        head.extend_from_slice(&[0; 4]);
        for number in [
            self.store,
            self.channel,
            self.epoch,
            self.first,
            self.created,
        ] {
            head.extend_from_slice(&number.to_le_bytes());
        }
        let length = u32::try_from(name.len()).expect("names have at most 255 bytes");
        head.extend_from_slice(&length.to_le_bytes());
        head.extend_from_slice(name);
        let sum = checksum(&[&head]);
        head[12..16].copy_from_slice(&sum.to_le_bytes());
        head
    }

    pub(in crate::disk) fn read(bytes: &[u8]) -> Option<Self> {
        let length = u32_at(bytes, SEGMENT_FIXED - 4)? as usize;
        let end = SEGMENT_FIXED.checked_add(length)?;
        let name = std::str::from_utf8(bytes.get(SEGMENT_FIXED..end)?).ok()?;
        let read = Self {
            store: u64_at(bytes, 16)?,
            channel: u64_at(bytes, 24)?,
            epoch: u64_at(bytes, 32)?,
            first: u64_at(bytes, 40)?,
            created: u64_at(bytes, 48)?,
            name: ChannelName::new(name).ok()?,
        };
        (read.write() == bytes[..end]).then_some(read)
    }
}
