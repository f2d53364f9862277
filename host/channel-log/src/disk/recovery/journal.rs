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

use self::salvage::Region;
use super::target::Target;
use super::{OpenError, storage};
use crate::disk::channel::Recent;
use crate::disk::device::{Device, Open, read_up_to};
use crate::disk::filing::Sealed;
use crate::disk::format::{
    BatchHead, GroupHead, JOURNAL_HEAD, JournalHead, find_group, group_at, written,
};
use crate::disk::{paths, segment};

/// Bytes that may be missing with a file of the journal.
const LONGEST_FILE: u64 = 64 << 20;

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
    /// The group that comes next.
    next: Option<u64>,
    /// What was not whole since the last group.
    bad: Vec<Region>,
    lost: u64,
    highest_channel: u64,
}

pub(super) fn replay(
    device: &Arc<dyn Device>,
    folder: &Path,
    (store, released): (u64, Option<u64>),
    targets: &mut BTreeMap<u64, Target>,
) -> Result<Replayed, OpenError> {
    let files = segment::list(device.as_ref(), folder).map_err(storage(folder.to_owned()))?;
    let mut replay = Replay {
        device: device.as_ref(),
        store,
        targets,
        next: released.map(|released| released + 1),
        bad: Vec::new(),
        lost: 0,
        highest_channel: 0,
    };
    let mut sealed = Vec::with_capacity(files.len());
    for file in &files {
        let path = paths::numbered(folder, file.first);
        let read = || {
            let length = usize::try_from(file.bytes).unwrap_or(usize::MAX);
            let file = device.open(&path, Open::Recover)?;
            read_up_to(file.as_ref(), 0, length)
        };
        // What cannot be read may have been acknowledged: nothing is decided without it.
        let bytes = read().map_err(storage(path.clone()))?;
        let channels = replay.read(&bytes.into())?;
        sealed.push(Sealed {
            number: file.first,
            last_group: replay.next.map_or(0, |next| next - 1),
            channels: channels.into_iter().collect(),
            pinned: false,
        });
    }
    Ok(Replayed {
        next_file: files.last().map_or(1, |file| file.first + 1),
        next_group: replay.next.unwrap_or(1),
        files: sealed,
        lost: replay.lost,
        highest_channel: replay.highest_channel,
    })
}

impl Replay<'_> {
    /// Reads one file; returns the channels that it has something of.
    fn read(&mut self, bytes: &Bytes) -> Result<HashSet<u64>, OpenError> {
        let mut channels = HashSet::new();
        let mut at = JOURNAL_HEAD;
        while at < bytes.len() {
            if let Some(group) = group_at(&bytes[at..], self.store) {
                let whole = bytes.slice(at..at + group.bytes());
                at += group.bytes();
                self.meet(group.number)?;
                self.bad.clear();
                self.next = Some(self.next.unwrap_or(0).max(group.number + 1));
                channels.extend(group.entries.iter().map(|entry| entry.channel));
                self.apply_all(&group, &whole)?;
                continue;
            }
            let end = find_group(bytes, at + 1, self.store).unwrap_or(bytes.len());
            // Up to the zeros, where nothing was written yet.
            let written = written(&bytes[at..end]);
            if written > 0 {
                let region = bytes.slice(at..at + written);
                let head = GroupHead::read(&region, self.store);
                if let Some(head) = &head {
                    channels.extend(head.entries.iter().map(|entry| entry.channel));
                    self.meet(head.number)?;
                    self.next = Some(self.next.unwrap_or(0).max(head.number));
                }
                self.bad.push(Region {
                    bytes: region,
                    head,
                });
            }
            at = end;
        }
        // It was made so long before anything was in it: what was cut off may have been
        // acknowledged.
        let head = JournalHead::read(bytes).filter(|head| head.store == self.store);
        if let Some(head) = head {
            self.lost += head.bytes.saturating_sub(bytes.len() as u64);
        }
        Ok(channels)
    }

    /// A head of the group of this number is there: all before it were durable.
    fn meet(&mut self, number: u64) -> Result<(), OpenError> {
        let next = self.next.unwrap_or(number);
        if number > next {
            let bad = std::mem::take(&mut self.bad);
            self.salvage(bad, number - next)?;
        }
        Ok(())
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
