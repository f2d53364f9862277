//! What can be known of groups that were acknowledged and are not whole any more.

use bytes::Bytes;

use super::{LONGEST_FILE, OpenError, Replay};
use crate::disk::format::{BatchHead, GroupHead, find_batch};

/// Bytes that are no whole group.
#[derive(Debug)]
pub(super) struct Region {
    pub(super) bytes: Bytes,
    /// What the head says with which they begin, if that is whole.
    pub(super) head: Option<GroupHead>,
}

impl Replay<'_> {
    /// So many groups are missing, and these regions are what there is of them. Batches
    /// that are whole are taken; of the others it is noted which numbers they had or, where
    /// nothing says that, how many bytes they may have had.
    pub(super) fn salvage(&mut self, bad: Vec<Region>, missing: u64) -> Result<(), OpenError> {
        let mut known = 0;
        let mut lost = 0;
        for region in &bad {
            if self.salvage_region(region)? {
                known += 1;
            } else {
                lost += region.bytes.len() as u64;
            }
        }
        if known < missing {
            self.lost += if lost == 0 { LONGEST_FILE } else { lost };
        }
        Ok(())
    }

    /// Returns whether all that was in the region is known.
    fn salvage_region(&mut self, region: &Region) -> Result<bool, OpenError> {
        let bytes = &region.bytes;
        let Some(group) = &region.head else {
            return self.salvage_batches(bytes);
        };
        for entry in &group.entries {
            let end = entry.at.saturating_add(entry.bytes).min(bytes.len());
            let batch = bytes.slice(entry.at.min(end)..end);
            let whole = whole_batch(&batch, self.store);
            let same =
                whole.filter(|head| (head.channel, head.span()) == (entry.channel, entry.span));
            if let Some(head) = same {
                self.apply(head, &batch)?;
                continue;
            }
            self.highest_channel = self.highest_channel.max(entry.channel);
            if let Some(target) = self.targets.get_mut(&entry.channel) {
                target.damage(entry.span, self.lost);
            }
        }
        // Behind it may be another one, of which nothing is known.
        Ok(bytes.len() <= group.bytes())
    }

    /// Takes what batches there are, without a head that says which there were.
    fn salvage_batches(&mut self, bytes: &Bytes) -> Result<bool, OpenError> {
        let mut batches = 0;
        let mut in_batches = 0;
        let mut at = 0;
        while let Some(found) = find_batch(bytes, at, self.store) {
            let rest = bytes.slice(found..);
            let Some(head) = BatchHead::read(&rest, self.store) else {
                break;
            };
            if whole_batch(&rest, self.store).is_some() {
                self.apply(head, &rest)?;
            } else if let Some(target) = self.targets.get_mut(&head.channel) {
                target.damage(head.span(), self.lost);
            }
            batches += 1;
            in_batches += head.bytes();
            at = found + head.bytes();
        }
        // Exactly what a group of these batches has, so there were no others.
        Ok(GroupHead::bytes_of(batches, in_batches) == bytes.len())
    }
}

/// The head of the batch with which the bytes begin, if all of it is what was written.
fn whole_batch(bytes: &[u8], store: u64) -> Option<BatchHead> {
    let head = BatchHead::read(bytes, store)?;
    head.holds(bytes).then_some(head)
}
