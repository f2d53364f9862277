//! Reading the journal at a start.
//!
//! A group is written only after the one before it was synced, so the numbers of whole
//! groups tell everything: where one is missing, it had been acknowledged, and is damaged;
//! what follows the last and is not whole was told to nobody.

mod salvage;

use std::collections::{BTreeMap, HashSet};
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;

use self::salvage::{Place, Region, batches_in};
use super::journal_files::read_file;
use super::target::Target;
use super::{OpenError, storage};
use crate::StorageFault;
use crate::disk::channel::Recent;
use crate::disk::device::Device;
use crate::disk::filing::Sealed;
use crate::disk::format::{
    BatchHead, GroupHead, JOURNAL_HEAD, JournalHead, find_group, group_at, written,
};
use crate::disk::segment;

/// Bytes that may be missing with a file of the journal.
const LONGEST_FILE: u64 = 64 << 20;

/// The number of the first group of all.
const FIRST_GROUP: u64 = 1;

/// Bytes of batches that a full disk has no room for and that are held in memory: more than
/// lie in the journal alone while the engine is open.
const MAX_HELD: usize = 128 << 20;

/// What the journal said.
#[derive(Debug)]
pub(super) struct Replayed {
    pub(super) files: Vec<Sealed>,
    pub(super) next_file: u64,
    pub(super) next_group: u64,
    /// Bytes of which it is not known what they were.
    pub(super) lost: u64,
    pub(super) highest_channel: u64,
}

/// Reads the journal on to the channels.
struct Replay<'t> {
    device: &'t dyn Device,
    store: u64,
    targets: &'t mut BTreeMap<u64, Target>,
    /// Up to which file only channels that failed need it.
    pinned: u64,
    /// The group that comes next.
    next: Option<u64>,
    /// The group that comes next in the files alone, needed or not.
    expected: Option<u64>,
    /// What was not whole since the last group,
    bad: Vec<Region>,
    /// and how many files are not there.
    missing_files: u64,
    lost: u64,
    highest_channel: u64,
}

pub(super) fn replay(
    device: &Arc<dyn Device>,
    folder: &Path,
    (store, released, pinned): (u64, Option<u64>, u64),
    targets: &mut BTreeMap<u64, Target>,
) -> Result<Replayed, OpenError> {
    let files = segment::list(device.as_ref(), folder).map_err(storage(folder.to_owned()))?;
    let mut replay = Replay {
        device: device.as_ref(),
        store,
        targets,
        pinned,
        next: released.map(|released| released + 1),
        expected: None,
        bad: Vec::new(),
        missing_files: 0,
        lost: 0,
        highest_channel: 0,
    };
    let mut sealed = Vec::with_capacity(files.len());
    let mut next_file = None;
    for file in &files {
        let read = read_file(device.as_ref(), folder, *file)?;
        let missing = next_file.map_or(0, |next| file.first.saturating_sub(next));
        replay.missing_files = replay.missing_files.saturating_add(missing);
        next_file = Some(file.first.saturating_add(1));
        let channels = replay.read(file.first, &read.bytes.into(), read.unreadable > 0)?;
        replay.check_held(folder)?;
        sealed.push(Sealed {
            number: file.first,
            last_group: replay.next.map_or(0, |next| next - 1),
            channels: channels.into_iter().collect(),
            pinned: false,
        });
    }
    replay.end();
    Ok(Replayed {
        // Also where those that were pinned are not there any more.
        next_file: next_file.unwrap_or(1).max(pinned.saturating_add(1)),
        next_group: replay.next.unwrap_or(FIRST_GROUP),
        files: sealed,
        lost: replay.lost,
        highest_channel: replay.highest_channel,
    })
}

impl Replay<'_> {
    /// Reads one file; returns the channels that it has something of.
    fn read(
        &mut self,
        file: u64,
        bytes: &Bytes,
        unreadable: bool,
    ) -> Result<HashSet<u64>, OpenError> {
        let mut channels = HashSet::new();
        let mut at = JOURNAL_HEAD;
        while at < bytes.len() {
            let mut place = Place {
                file,
                begins_it: at == JOURNAL_HEAD,
                number: None,
            };
            if let Some(group) = group_at(&bytes[at..], self.store) {
                let whole = bytes.slice(at..at + group.bytes());
                at += group.bytes();
                place.number = Some(group.number);
                self.meet(group.number, place)?;
                self.bad.clear();
                self.missing_files = 0;
                self.next = Some(self.next.unwrap_or(0).max(group.number + 1));
                self.expected = Some(group.number + 1);
                channels.extend(group.entries.iter().map(|entry| entry.channel));
                self.apply_all(&group, &whole)?;
                continue;
            }
            let found = find_group(bytes, at + 1, self.store);
            let end = found.unwrap_or(bytes.len());
            // Up to the zeros, where nothing was written yet, or is not any more.
            let written = written(&bytes[at..end]);
            if written > 0 || found.is_some() {
                let region = bytes.slice(at..at + written);
                let head = GroupHead::read(&region, self.store);
                if let Some(head) = &head {
                    channels.extend(head.entries.iter().map(|entry| entry.channel));
                    place.number = Some(head.number);
                    self.meet(head.number, place)?;
                    self.next = Some(self.next.unwrap_or(0).max(head.number));
                    self.expected = Some(head.number);
                } else {
                    // Batches are taken from there all the same.
                    let batches = batches_in(&region, self.store);
                    channels.extend(batches.map(|(_, head)| head.channel));
                }
                self.bad.push(Region {
                    place,
                    bytes: region,
                    extent: (end - at) as u64,
                    ends_file: found.is_none(),
                    unreadable,
                    head,
                });
            }
            at = end;
        }
        // It was made so long before anything was in it: what was cut off may have been
        // acknowledged. Of those that only failed channels need it is known what they gave.
        let head = JournalHead::read(bytes).filter(|head| head.store == self.store);
        if let Some(head) = head.filter(|_| file > self.pinned) {
            self.lose(head.bytes.saturating_sub(bytes.len() as u64));
        }
        Ok(channels)
    }

    /// Whether what the disk has no room for may be held.
    fn check_held(&self, folder: &Path) -> Result<(), OpenError> {
        let held: usize = self.targets.values().map(Target::held_bytes).sum();
        if held <= MAX_HELD {
            return Ok(());
        }
        Err(OpenError::Storage(StorageFault::new(format!(
            "{}: the disk is full, and the journal has more than {} MiB for which the channels' \
             own files need room; make room, and start again",
            folder.display(),
            MAX_HELD >> 20
        ))))
    }

    /// A head of the group of this number is there: all before it were durable.
    fn meet(&mut self, number: u64, here: Place) -> Result<(), OpenError> {
        let next = self.next.unwrap_or_else(|| self.first_that_was(number));
        let pinned = self.pinned;
        let of_pinned = |region: &mut Region| region.place.file <= pinned;
        let of_pinned: Vec<Region> = self.bad.extract_if(.., of_pinned).collect();
        let behind = self.bad.first().map_or(here, |region| region.place);
        self.salvage_pinned(&of_pinned, behind)?;
        if number > next {
            let bad = std::mem::take(&mut self.bad);
            self.salvage(&bad, next..number, here)?;
        }
        Ok(())
    }

    /// The first group that there must have been before the group of this number, where the
    /// catalogue is lost that knew it: each of the regions was at least one.
    fn first_that_was(&self, number: u64) -> u64 {
        number
            .saturating_sub(self.bad.len() as u64)
            .max(FIRST_GROUP)
    }

    /// Nothing follows: what is not whole was told to nobody, unless the disk has lost it.
    fn end(&mut self) {
        for region in std::mem::take(&mut self.bad) {
            if region.unreadable && region.place.file > self.pinned {
                self.lose(region.bytes.len() as u64);
            }
        }
    }

    /// So many bytes more are lost of which it is not known what they were.
    fn lose(&mut self, bytes: u64) {
        self.lost = self.lost.saturating_add(bytes);
    }

    fn apply_all(&mut self, group: &GroupHead, bytes: &Bytes) -> Result<(), OpenError> {
        for entry in &group.entries {
            let batch = bytes.slice(entry.at..entry.at + entry.bytes);
            if let Some(head) = BatchHead::read(&batch, self.store) {
                self.apply(head, &batch)?;
            }
        }
        Ok(())
    }

    /// Has a channel, if it is still there, take a batch.
    fn apply(&mut self, head: BatchHead, batch: &Bytes) -> Result<(), OpenError> {
        self.highest_channel = self.highest_channel.max(head.channel);
        let Some(target) = self.targets.get_mut(&head.channel) else {
            return Ok(());
        };
        let events_at = head.events_at();
        // Of their own, so that a file that is read is not held by one small batch.
        let recent = Recent {
            head,
            before: Bytes::copy_from_slice(&batch[..events_at]),
            events: Bytes::copy_from_slice(&batch[events_at..head.bytes()]),
        };
        target.apply(self.device, recent, self.lost)
    }
}
