//! One group of batches in the journal: what is written and synced together.
//!
//! ```text
//!  0  u32  magic
//!  4  u32  checksum of what follows of the head, and of the entries
//!  8  u64  number of the store
//! 16  u64  number of the group
//! 24  u32  batches
//! 28  u32  bytes of the batches
//! 32       entries, one a batch: u64 channel, u64 first sequence, u32 events, u32 bytes
//!          the batches
//!          u32  end
//! ```
//!
//! What a batch contains is said twice, in its own head and in its entry, so that when
//! either is damaged it is known which numbers are. The end has no zero byte: a group that
//! was written in part into a file of zeros is never whole.

use super::batch::BatchHead;
use super::{checksum, u32_at, u64_at};
use crate::Span;

pub(super) const GROUP_MAGIC: [u8; 4] = *b"HkG\x01";
const GROUP_END: [u8; 4] = *b"HkE\x01";
const GROUP_HEAD: usize = 32;
const ENTRY: usize = 24;

/// Most batches of a group: more than fit its bytes.
const MAX_BATCHES: u32 = 1 << 20;

/// What the head of a group says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::disk) struct GroupHead {
    pub(in crate::disk) number: u64,
    pub(in crate::disk) entries: Vec<GroupEntry>,
    body: usize,
}

/// What a group says of one of its batches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::disk) struct GroupEntry {
    pub(in crate::disk) channel: u64,
    pub(in crate::disk) span: Span,
    /// Where in the group the batch begins.
    pub(in crate::disk) at: usize,
    /// How many bytes it has.
    pub(in crate::disk) bytes: usize,
}

impl GroupHead {
    /// Reads the head of a group with which the bytes begin.
    pub(in crate::disk) fn read(bytes: &[u8], store: u64) -> Option<Self> {
        let head = bytes.first_chunk::<GROUP_HEAD>()?;
        if head[..4] != GROUP_MAGIC || u64_at(head, 8)? != store {
            return None;
        }
        let batches = u32_at(head, 24)?;
        if batches > MAX_BATCHES {
            return None;
        }
        let end = GROUP_HEAD + batches as usize * ENTRY;
        let summed = bytes.get(8..end)?;
        if u32_at(head, 4)? != checksum(&[summed]) {
            return None;
        }
        let body = u32_at(head, 28)? as usize;
        let mut at = end;
        let mut entries = Vec::with_capacity(batches as usize);
        for entry in bytes[GROUP_HEAD..end].chunks_exact(ENTRY) {
            let (first, count) = (u64_at(entry, 8)?, u32_at(entry, 16)?);
            let bytes = u32_at(entry, 20)? as usize;
            let last = first.checked_add(u64::from(count))?.checked_sub(1)?;
            entries.push(GroupEntry {
                channel: u64_at(entry, 0)?,
                span: Span::new(first, last)?,
                at,
                bytes,
            });
            at = at.checked_add(bytes)?;
        }
        (at == end + body).then_some(Self {
            number: u64_at(head, 16)?,
            entries,
            body,
        })
    }

    /// Bytes of the whole group.
    pub(in crate::disk) fn bytes(&self) -> usize {
        GROUP_HEAD + self.entries.len() * ENTRY + self.body + GROUP_END.len()
    }

    /// Whether the rest of these bytes of the whole group is what was written.
    fn holds(&self, group: &[u8], store: u64) -> bool {
        let end = group.get(self.bytes() - GROUP_END.len()..self.bytes());
        end == Some(&GROUP_END)
            && self.entries.iter().all(|entry| {
                let batch = group.get(entry.at..entry.at + entry.bytes);
                let head = batch.and_then(|batch| BatchHead::read(batch, store));
                head.is_some_and(|head| {
                    (head.channel, head.span(), head.bytes())
                        == (entry.channel, entry.span, entry.bytes)
                        && batch.is_some_and(|batch| head.holds(batch))
                })
            })
    }

    /// Bytes of a group of so many batches, of which so many bytes.
    pub(in crate::disk) fn bytes_of(batches: usize, body: usize) -> usize {
        GROUP_HEAD + batches * ENTRY + body + GROUP_END.len()
    }
}

/// The whole group with which the bytes begin, if it is what was written.
pub(in crate::disk) fn group_at(bytes: &[u8], store: u64) -> Option<GroupHead> {
    let head = GroupHead::read(bytes, store)?;
    head.holds(bytes, store).then_some(head)
}

/// Puts a group together.
#[derive(Debug, Default)]
pub(in crate::disk) struct GroupWriter {
    entries: Vec<u8>,
    body: Vec<u8>,
    whole: Vec<u8>,
}

impl GroupWriter {
    /// Takes a batch, in the two pieces that it is held in.
    pub(in crate::disk) fn push(&mut self, head: &BatchHead, before: &[u8], events: &[u8]) {
        self.entries.extend_from_slice(&head.channel.to_le_bytes());
        self.entries.extend_from_slice(&head.first.to_le_bytes());
        self.entries.extend_from_slice(&head.count.to_le_bytes());
        let bytes = u32::try_from(head.bytes()).expect("a batch has less than 4 GiB");
        self.entries.extend_from_slice(&bytes.to_le_bytes());
        self.body.extend_from_slice(before);
        self.body.extend_from_slice(events);
    }

    pub(in crate::disk) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Forgets what it has.
    pub(in crate::disk) fn clear(&mut self) {
        self.entries.clear();
        self.body.clear();
    }

    /// The group under this number.
    pub(in crate::disk) fn finish(&mut self, store: u64, number: u64) -> &[u8] {
        let out = &mut self.whole;
        out.clear();
        out.extend_from_slice(&[0; 8]);
        out[..4].copy_from_slice(&GROUP_MAGIC);
        out.extend_from_slice(&store.to_le_bytes());
        out.extend_from_slice(&number.to_le_bytes());
        let bounded = "a group has less than 4 GiB";
        let batches = u32::try_from(self.entries.len() / ENTRY).expect(bounded);
        let body = u32::try_from(self.body.len()).expect(bounded);
        out.extend_from_slice(&batches.to_le_bytes());
        out.extend_from_slice(&body.to_le_bytes());
        out.extend_from_slice(&self.entries);
        let sum = checksum(&[&out[8..]]);
        out[4..8].copy_from_slice(&sum.to_le_bytes());
        out.extend_from_slice(&self.body);
        out.extend_from_slice(&GROUP_END);
        out
    }
}

/// The smallest that an event can be, for how many a number of lost bytes may have held.
pub(in crate::disk) const LEAST_EVENT: usize = 48;
