//! What can be known of groups that were acknowledged and are not whole any more.

use std::collections::HashSet;
use std::ops::Range;

use bytes::Bytes;

use super::{LONGEST_FILE, OpenError, Replay};
use crate::disk::format::{BatchHead, GroupHead, find_batch};

/// Where something is in the journal.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    pub(super) file: u64,
    /// Whether it is the first of its file.
    pub(super) begins_it: bool,
    /// The number of the group that is there, if that is known.
    pub(super) number: Option<u64>,
}

/// Bytes that are no whole group.
#[derive(Debug)]
pub(super) struct Region {
    pub(super) place: Place,
    /// What there is of it, up to where only zeros follow.
    pub(super) bytes: Bytes,
    /// How long it is, with those zeros.
    pub(super) extent: u64,
    /// Whether nothing follows in its file.
    pub(super) ends_file: bool,
    /// Whether some of its file cannot be read.
    pub(super) unreadable: bool,
    /// What the head says with which they begin, if that is whole.
    pub(super) head: Option<GroupHead>,
}

impl Region {
    /// How long it is if it is one group.
    fn length(&self) -> u64 {
        if self.ends_file {
            self.bytes.len() as u64
        } else {
            self.extent
        }
    }
}

impl Replay<'_> {
    /// The groups of these numbers are missing, and these regions are what there is of
    /// them. Batches that are whole are taken; of the others it is noted which numbers they
    /// had or, where nothing says that, how many bytes they may have had.
    pub(super) fn salvage(
        &mut self,
        bad: &[Region],
        missing: Range<u64>,
        here: Place,
    ) -> Result<(), OpenError> {
        let mut known = HashSet::new();
        let mut known_without_number = 0;
        let mut lost = 0_u64;
        for (index, region) in bad.iter().enumerate() {
            let next = bad.get(index + 1).map_or(here, |next| next.place);
            let number = region.place.number;
            let trusted = !region.ends_file || follows(region, next, &missing);
            let behind = |group: &GroupHead| region.extent.saturating_sub(group.bytes() as u64);
            match (number, &region.head) {
                (Some(number), Some(group)) if missing.contains(&number) => {
                    let later = &bad[index + 1..];
                    if later.iter().any(|later| later.place.number == Some(number)) {
                        // This one was refused when the disk was full.
                        continue;
                    }
                    if trusted {
                        self.salvage_group(region, group)?;
                        known.insert(number);
                        lost = lost.saturating_add(behind(group));
                    } else {
                        lost = lost.saturating_add(region.extent);
                    }
                }
                // Another one has its number, or it is needed no more.
                (Some(_), Some(group)) => lost = lost.saturating_add(behind(group)),
                _ if trusted && self.salvage_batches(&region.bytes)? == region.length() => {
                    known_without_number += 1;
                }
                _ => lost = lost.saturating_add(region.extent),
            }
        }
        let known = known.len() as u64 + known_without_number;
        if known < missing.end - missing.start {
            let files = self.missing_files.saturating_mul(LONGEST_FILE);
            let lost = lost.saturating_add(files);
            self.lose(if lost == 0 { LONGEST_FILE } else { lost });
        }
        Ok(())
    }

    /// Of files that are kept only for channels that failed, or had no room, these regions are
    /// not whole. What they gave is known; here is what there is of it.
    pub(super) fn salvage_pinned(&mut self, bad: &[Region], here: Place) -> Result<(), OpenError> {
        for (index, region) in bad.iter().enumerate() {
            let next = bad.get(index + 1).map_or(here, |next| next.place);
            if region.ends_file && !self.was_stored(region, next) {
                // It was refused, or may have been.
                continue;
            }
            match &region.head {
                Some(group) => self.salvage_group(region, group)?,
                None => drop(self.salvage_batches(&region.bytes)?),
            }
        }
        Ok(())
    }

    /// Whether what comes next in the files proves that a region at the end of its file was
    /// acknowledged, since the group there has a higher number than the one that came next.
    fn was_stored(&self, region: &Region, next: Place) -> bool {
        let first = region.place.number.or(self.expected);
        let missing = first.zip(next.number).map(|(first, next)| first..next);
        missing.is_some_and(|missing| !missing.is_empty() && follows(region, next, &missing))
    }

    fn salvage_group(&mut self, region: &Region, group: &GroupHead) -> Result<(), OpenError> {
        let bytes = &region.bytes;
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
        Ok(())
    }

    /// Takes what batches there are, without a head that says which there were; returns how
    /// many bytes a group of exactly these has.
    fn salvage_batches(&mut self, bytes: &Bytes) -> Result<u64, OpenError> {
        let mut batches = 0;
        let mut in_batches = 0;
        for (at, head) in batches_in(bytes, self.store) {
            let rest = bytes.slice(at..);
            batches += 1;
            in_batches += head.bytes();
            if whole_batch(&rest, self.store).is_some() {
                self.apply(head, &rest)?;
            } else if let Some(target) = self.targets.get_mut(&head.channel) {
                target.damage(head.span(), self.lost);
            }
        }
        Ok(GroupHead::bytes_of(batches, in_batches) as u64)
    }
}

/// The batches that have a head there, whole or not, and where each of them begins.
pub(super) fn batches_in(bytes: &[u8], store: u64) -> impl Iterator<Item = (usize, BatchHead)> {
    let mut next = 0;
    std::iter::from_fn(move || {
        let at = find_batch(bytes, next, store)?;
        let head = BatchHead::read(&bytes[at..], store)?;
        next = at + head.bytes();
        Some((at, head))
    })
}

/// Whether what comes next proves that a region at the end of its file was acknowledged
/// with what it has. A group for which there was no room is there too, in part, and the
/// next file begins with another of its number.
fn follows(region: &Region, next: Place, missing: &Range<u64>) -> bool {
    let behind = region.place.number.unwrap_or(missing.start);
    next.begins_it
        && Some(next.file) == region.place.file.checked_add(1)
        && next.number == behind.checked_add(1)
}

/// The head of the batch with which the bytes begin, if all of it is what was written.
fn whole_batch(bytes: &[u8], store: u64) -> Option<BatchHead> {
    let head = BatchHead::read(bytes, store)?;
    head.holds(bytes).then_some(head)
}
