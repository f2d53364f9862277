//! Learning after a start which keys were stored before.

use std::collections::VecDeque;
use std::io;

use tokio::sync::watch;

use super::channel::{Channel, Segment};
use super::core::{Core, disk_fault};
use super::format::{BATCH_HEAD, BatchHead, keys_of, segment_head_bytes};
use super::times;
use super::walk::{Found, Walk};
use crate::dedupe::{Dedupe, Stored};
use crate::{DedupeKey, MAX_DEDUPE_KEYS, StorageFault};

/// Bytes that are read at once.
const WINDOW: usize = 256 << 10;

/// The keys that a channel's batches hold and that are to be remembered.
#[derive(Debug)]
pub(super) enum Keys {
    /// Nobody has asked for them since the start.
    Unknown,
    /// They are being read, until the other end is gone.
    Reading(watch::Receiver<()>),
    /// They were read; the committer remembers them with the next append.
    Read(VecDeque<Learned>),
    /// They are remembered.
    Known,
}

/// A key that was stored before the start, and the event that it was stored with.
type Learned = (DedupeKey, Stored);

/// What there is to do before an event with a key is appended.
#[derive(Debug)]
pub(super) enum Before {
    /// Nothing.
    Nothing,
    /// To wait until somebody else has read the keys, and ask again.
    Wait(watch::Receiver<()>),
    /// To read them, and then let this go.
    Read(watch::Sender<()>),
}

impl Keys {
    /// Forgets keys that were read and that nobody has asked for since.
    pub(super) fn forget_read(&mut self) {
        if matches!(self, Self::Read(_)) {
            *self = Self::Unknown;
        }
    }
}

/// What there is to do before an event with a key is appended to a channel.
pub(super) fn before(channel: &Channel) -> Before {
    let mut state = channel.state();
    state.unused = 0;
    match &state.keys {
        Keys::Known | Keys::Read(_) => return Before::Nothing,
        // Whoever should have read them was refused if its end is gone already.
        Keys::Reading(reading) if reading.has_changed().is_ok() => {
            return Before::Wait(reading.clone());
        }
        Keys::Reading(_) | Keys::Unknown => {}
    }
    let (read, reading) = watch::channel(());
    state.keys = Keys::Reading(reading);
    Before::Read(read)
}

/// Reads the keys of a channel that its batches hold and that are to be remembered. Keys
/// that lie in what is damaged are not known any more.
pub(super) fn learn(core: &Core, channel: &Channel) -> Result<(), StorageFault> {
    let since = remembered_since(core, channel);
    let learned = read(core, channel, since);
    let mut state = channel.state();
    match learned {
        Ok(learned) => {
            state.keys = Keys::Read(learned);
            Ok(())
        }
        // What is removed meanwhile has none, and takes none.
        Err(_) if state.removed => Ok(()),
        Err(fault) => {
            state.keys = Keys::Unknown;
            Err(fault)
        }
    }
}

/// Remembers what was read of a channel's keys; returns whether all are known.
pub(super) fn take(channel: &Channel, dedupe: &mut Dedupe) -> bool {
    let mut state = channel.state();
    match std::mem::replace(&mut state.keys, Keys::Known) {
        Keys::Known => true,
        Keys::Read(learned) => {
            let window = state.settings.dedupe_millis();
            drop(state);
            for (key, stored) in learned {
                let until = stored.time.saturating_add(window);
                dedupe.remember(channel.id, key, stored, until);
            }
            true
        }
        keys => {
            state.keys = keys;
            state.removed
        }
    }
}

/// The keys to be remembered that go with segments which are about to be dropped, and since
/// when they are. Of what cannot be read they are not known any more: that must not keep
/// anything from being dropped.
pub(super) fn of_dropped(
    core: &Core,
    channel: &Channel,
    segments: &[Segment],
) -> (u64, Vec<(DedupeKey, Stored)>) {
    let since = remembered_since(core, channel);
    let read = || -> io::Result<VecDeque<Learned>> {
        let all = core.segments(channel)?;
        let last = segments.last().map_or(0, |segment| segment.first);
        let next = all.iter().find(|segment| segment.first > last);
        if let Some(next) = next
            && times::begins_before(core, channel, *next, since)?
        {
            // Mostly events are kept longer than keys.
            return Ok(VecDeque::new());
        }
        read_segments(core, channel, segments, since)
    };
    (since, read().unwrap_or_default().into())
}

/// Since when keys of a channel are remembered.
fn remembered_since(core: &Core, channel: &Channel) -> u64 {
    let window = channel.state().settings.dedupe_millis();
    core.age_millis().saturating_sub(window)
}

fn read(core: &Core, channel: &Channel, since: u64) -> Result<VecDeque<Learned>, StorageFault> {
    // Before the segments, so that what is filed meanwhile is in one of both at least.
    let unfiled = channel.state().unfiled();
    let read = || {
        let segments = core.segments(channel)?;
        let from = times::segment_of(core, channel, &segments, since)?;
        read_segments(core, channel, &segments[from..], since)
    };
    let mut learned = read().map_err(|error| disk_fault(&core.folder(channel), &error))?;
    // Later, so that what is dropped meanwhile is in one of both at least.
    let dropped = core.catalogue.keys(channel.id);
    let mut dropped = dropped.map_err(|fault| fault.fault)?;
    let last = dropped.last().map_or(0, |(_, stored)| stored.sequence);
    learned.retain(|(_, stored)| stored.sequence > last);
    dropped.retain(|(_, stored)| stored.time >= since);
    for key in dropped.into_iter().rev() {
        if learned.len() == MAX_DEDUPE_KEYS {
            break;
        }
        learned.push_front(key);
    }
    // A full disk may have had no room for them in segments. What has come there meanwhile
    // is not behind newer ones once more.
    let last = learned.back().map_or(0, |(_, stored)| stored.sequence);
    let missing = |head: &BatchHead| head.time >= since && head.first > last;
    for batch in unfiled.iter().filter(|batch| missing(&batch.head)) {
        learn_batch(&mut learned, &batch.head, &batch.before);
    }
    Ok(learned)
}

/// Learns the keys of a batch from its bytes.
fn learn_batch(learned: &mut VecDeque<Learned>, head: &BatchHead, batch: &[u8]) {
    for (index, key) in keys_of(&batch[BATCH_HEAD..head.events_at()]) {
        let sequence = head.first + u64::from(index);
        let time = head.time;
        // The oldest would give way anyway.
        if learned.len() == MAX_DEDUPE_KEYS {
            learned.pop_front();
        }
        learned.push_back((key, Stored { sequence, time }));
    }
}

fn read_segments(
    core: &Core,
    channel: &Channel,
    segments: &[Segment],
    since: u64,
) -> io::Result<VecDeque<Learned>> {
    let mut learned = VecDeque::new();
    let head_bytes = segment_head_bytes(&channel.name);
    let filed = channel.state().filed;
    for segment in segments {
        let Some(open) = core.open_segment(channel, *segment)? else {
            continue;
        };
        let of = (core.store, channel.id);
        let start = {
            let index = open.index(of, segment.bytes)?;
            let mark = index.last(|mark| mark.time < since);
            mark.map_or(head_bytes, |mark| mark.at)
        };
        let mut walk = Walk::new(open.file.as_ref(), of, (start, segment.bytes), WINDOW);
        loop {
            let (at, head) = match walk.next()? {
                Found::Batch(at, head) => (at, head),
                Found::Bad => continue,
                Found::End => break,
            };
            if head.keys == 0 || head.time < since || head.first > filed {
                continue;
            }
            let Some(batch) = walk.batch(at, &head)? else {
                continue;
            };
            learn_batch(&mut learned, &head, &batch);
        }
    }
    Ok(learned)
}
