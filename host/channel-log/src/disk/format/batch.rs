//! One batch: the same bytes in the journal and in a segment.
//!
//! ```text
//!  0  u32  magic
//!  4  u32  checksum of what follows of the head
//!  8  u64  number of the store
//! 16  u64  number of the channel
//! 24  u64  sequence of the first event
//! 32  u64  recorded time of all its events
//! 40  u32  events
//! 44  u32  keys
//! 48  u32  bytes of the events
//! 52  u32  checksum of what follows the head
//! 56       keys (u32 index of the event, 16 bytes), then the events, as they are encoded
//! ```

use super::{checksum, u32_at, u64_at};
use crate::{DedupeKey, MAX_BATCH_BYTES, MAX_BATCH_EVENTS, Span};

/// Bytes of the head.
pub(in crate::disk) const BATCH_HEAD: usize = 56;
/// Bytes of a key.
pub(in crate::disk) const KEY_BYTES: usize = 20;
pub(super) const BATCH_MAGIC: [u8; 4] = *b"HkB\x01";

/// What the head of a batch says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::disk) struct BatchHead {
    pub(in crate::disk) channel: u64,
    pub(in crate::disk) first: u64,
    pub(in crate::disk) time: u64,
    pub(in crate::disk) count: u32,
    pub(in crate::disk) keys: u32,
    pub(in crate::disk) events: u32,
    checksum: u32,
}

impl BatchHead {
    /// Writes the head and the keys of a batch with these events to `out`.
    pub(in crate::disk) fn write(
        out: &mut Vec<u8>,
        store: u64,
        channel: u64,
        (first, time): (u64, u64),
        count: u32,
        keys: &[(u32, DedupeKey)],
        events: &[u8],
    ) {
        let start = out.len();
        out.extend_from_slice(&[0; BATCH_HEAD]);
        for (index, key) in keys {
            out.extend_from_slice(&index.to_le_bytes());
            out.extend_from_slice(key);
        }
        let body = checksum(&[&out[start + BATCH_HEAD..], events]);
        let bounded = "a batch has at most 4 MiB";
        let numbers = [
            u32::try_from(keys.len()).expect(bounded),
            u32::try_from(events.len()).expect(bounded),
            body,
        ];
        let head = &mut out[start..start + BATCH_HEAD];
        head[..4].copy_from_slice(&BATCH_MAGIC);
        head[8..16].copy_from_slice(&store.to_le_bytes());
        head[16..24].copy_from_slice(&channel.to_le_bytes());
        head[24..32].copy_from_slice(&first.to_le_bytes());
        head[32..40].copy_from_slice(&time.to_le_bytes());
        head[40..44].copy_from_slice(&count.to_le_bytes());
        head[44..48].copy_from_slice(&numbers[0].to_le_bytes());
        head[48..52].copy_from_slice(&numbers[1].to_le_bytes());
        head[52..56].copy_from_slice(&numbers[2].to_le_bytes());
        let sum = checksum(&[&head[8..]]);
        head[4..8].copy_from_slice(&sum.to_le_bytes());
    }

    /// Reads a head; nothing if it is none of this store's, or not what was written.
    pub(in crate::disk) fn read(bytes: &[u8], store: u64) -> Option<Self> {
        let head = bytes.first_chunk::<BATCH_HEAD>()?;
        if head[..4] != BATCH_MAGIC || u64_at(head, 8)? != store {
            return None;
        }
        if u32_at(head, 4)? != checksum(&[&head[8..]]) {
            return None;
        }
        let read = Self {
            channel: u64_at(head, 16)?,
            first: u64_at(head, 24)?,
            time: u64_at(head, 32)?,
            count: u32_at(head, 40)?,
            keys: u32_at(head, 44)?,
            events: u32_at(head, 48)?,
            checksum: u32_at(head, 52)?,
        };
        let sound = (1..=MAX_BATCH_EVENTS).contains(&(read.count as usize))
            && read.keys <= read.count
            && read.events as usize <= MAX_BATCH_BYTES
            && read.first > 0
            && read.first.checked_add(u64::from(read.count)).is_some();
        sound.then_some(read)
    }

    /// Bytes of the whole batch.
    pub(in crate::disk) fn bytes(&self) -> usize {
        self.events_at() + self.events as usize
    }

    /// Where in the batch the events begin.
    pub(in crate::disk) fn events_at(&self) -> usize {
        BATCH_HEAD + self.keys as usize * KEY_BYTES
    }

    /// The numbers of its events.
    pub(in crate::disk) fn span(&self) -> Span {
        Span {
            first: self.first,
            last: self.first + u64::from(self.count) - 1,
        }
    }

    /// Whether what follows the head in these bytes of the whole batch is what was written.
    pub(in crate::disk) fn holds(&self, batch: &[u8]) -> bool {
        let body = batch.get(BATCH_HEAD..self.bytes());
        body.is_some_and(|body| checksum(&[body]) == self.checksum)
    }
}

/// The keys in what follows the head of a batch, with the index of their events.
pub(in crate::disk) fn keys_of(body: &[u8]) -> impl Iterator<Item = (u32, DedupeKey)> {
    body.chunks_exact(KEY_BYTES).filter_map(|key| {
        let index = u32_at(key, 0)?;
        Some((index, *key.get(4..)?.first_chunk()?))
    })
}
