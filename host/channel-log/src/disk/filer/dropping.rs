//! Dropping what channels do not keep: whole segments, once `first` is durable.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::Filer;
use crate::Discard;
use crate::disk::catalogue;
use crate::disk::channel::{Channel, Segment};
use crate::disk::filing::Waiting;
use crate::disk::format::segment_head_bytes;
use crate::disk::{keys, losses, paths, times};

impl Filer {
    /// Drops what the settings of all channels say, and what was trimmed.
    pub(in crate::disk) fn drop_old(&mut self) -> Result<(), Waiting> {
        if !self.core.mode.drops {
            return Ok(());
        }
        let now = self.core.age_millis();
        let channels = self.core.channels.all();
        for channel in &channels {
            if channel.state().failed.is_none() {
                // What cannot be read now is dropped another time.
                let _ = self.drop_by_age(channel, now);
            }
        }
        self.outgrown.clear();
        self.drop_of(channels)
    }

    /// Drops what those channels have beyond their bytes that were found to have outgrown them.
    pub(in crate::disk) fn drop_outgrown(&mut self) -> Result<(), Waiting> {
        let channels = std::mem::take(&mut self.outgrown);
        if channels.is_empty() || !self.core.mode.drops {
            return Ok(());
        }
        self.drop_of(channels.into_values())
    }

    /// Drops what lies below the first event of these channels, and what is over their bytes.
    fn drop_of(&mut self, channels: impl IntoIterator<Item = Arc<Channel>>) -> Result<(), Waiting> {
        let mut gone = Vec::new();
        for channel in channels {
            let is_gone = {
                let state = channel.state();
                state.removed || state.failed.is_some()
            };
            if is_gone {
                continue;
            }
            if self.has_to_settle() && !self.settle(None)? {
                return Ok(());
            }
            match self.droppable(&channel) {
                Ok(segments) if segments.is_empty() => {}
                Ok(segments) => gone.push((channel, segments)),
                Err(_) => {}
            }
        }
        if gone.is_empty() {
            return Ok(());
        }
        // Else a start would look in vain for what was noted as synced. What is not filed
        // yet, as on a full disk, need not be for that.
        let unsynced = gone
            .iter()
            .any(|(channel, _)| self.written.contains_key(&channel.id));
        if unsynced && !self.settle(None)? {
            return Ok(());
        }
        if !self.note_start()? {
            return Ok(());
        }
        let keys: Vec<_> = gone
            .iter()
            .map(|(channel, segments)| keys::of_dropped(&self.core, channel, segments))
            .collect();
        let noted = self.core.catalogue.write(true, |write| {
            for ((channel, _), (since, keys)) in gone.iter().zip(&keys) {
                let first = channel.state().bounds.first;
                catalogue::set_first(write, channel.id, first)?;
                catalogue::keep_keys(write, channel.id, *since, keys)?;
            }
            Ok(())
        });
        if !self.is_noted(noted)? {
            return Ok(());
        }
        for (channel, segments) in gone {
            if channel.state().failed.is_none() && !self.written.contains_key(&channel.id) {
                self.remove_segments(&channel, &segments);
            }
        }
        Ok(())
    }

    fn drop_by_age(&self, channel: &Channel, now: u64) -> io::Result<()> {
        let (oldest_time, bounds) = {
            let state = channel.state();
            let Some(oldest_time) = state.settings.oldest_time(now) else {
                return Ok(());
            };
            let known = state
                .oldest
                .filter(|(first, _)| *first == state.bounds.first);
            let young = known.is_some_and(|(_, time)| time >= oldest_time);
            if young || state.bounds.first > state.bounds.last {
                return Ok(());
            }
            (oldest_time, state.bounds)
        };
        let young = times::first_since(&self.core, channel, oldest_time)?;
        let mut state = channel.state();
        // All that there was when it was looked up is too old if none is found.
        let first = young.map_or(bounds.last + 1, |at| at.sequence);
        state.drop_below(first);
        if let Some(at) = young.filter(|at| at.sequence == state.bounds.first) {
            state.oldest = Some((at.sequence, at.time));
        }
        Ok(())
    }

    /// The segments of a channel that it need not keep, oldest first.
    fn droppable(&mut self, channel: &Arc<Channel>) -> io::Result<Vec<Segment>> {
        let (over, bounds, filed) = {
            let state = channel.state();
            let over =
                state.settings.discard == Discard::Oldest && state.bytes > state.settings.max_bytes;
            if !over && state.bounds.first == state.dropped_below {
                return Ok(Vec::new());
            }
            (over, state.bounds, state.filed)
        };
        let segments = self.core.segments(channel)?;
        let head_bytes = segment_head_bytes(&channel.name);
        if over {
            drop_by_bytes(channel, &segments, head_bytes);
        }
        let first = channel.state().bounds.first;
        let active = segments.last().copied();
        let all_old = first > bounds.last && filed == bounds.last;
        let used = active.is_some_and(|active| active.bytes > head_bytes);
        if all_old && used {
            // Its last segment can only be removed when it has another.
            self.roll(channel, first)?;
        }
        let segments = self.core.segments(channel)?;
        let next = segments.iter().skip(1);
        let old = next.take_while(|next| next.first <= first).count();
        if old == 0 {
            channel.state().dropped_below = first;
        }
        Ok(segments[..old].to_vec())
    }

    /// Removes segments, oldest first.
    fn remove_segments(&self, channel: &Channel, segments: &[Segment]) {
        let folder = self.core.folder(channel);
        let Some(last) = segments.last() else {
            return;
        };
        self.core.open.close_below(channel.id, last.first + 1);
        let head_bytes = segment_head_bytes(&channel.name);
        for segment in segments {
            if !self.sync_removals(channel, &folder) {
                break;
            }
            let path = paths::numbered(&folder, segment.first);
            let removed = self.core.device.remove_file(&path);
            if removed.is_err_and(|error| error.kind() != io::ErrorKind::NotFound) {
                // It is tried again: it is still the oldest.
                break;
            }
            let freed = segment.bytes.saturating_sub(head_bytes);
            let mut state = channel.state();
            state.removals_synced = false;
            if let Some(all) = &mut state.segments {
                all.retain(|other| other.first != segment.first);
            }
            state.bytes = state.bytes.saturating_sub(freed);
            let first = state.bounds.first;
            losses::forget_below(&mut state.losses, first);
            drop(state);
            self.core.bytes.fetch_sub(freed, Ordering::Relaxed);
        }
        // A file that is there again after a crash is removed again.
        self.sync_removals(channel, &folder);
    }

    /// Makes durable which of a channel's segments were removed; returns whether it could.
    fn sync_removals(&self, channel: &Channel, folder: &Path) -> bool {
        if channel.state().removals_synced {
            return true;
        }
        let synced = paths::sync_removals(self.core.device.as_ref(), folder).is_ok();
        channel.state().removals_synced = synced;
        synced
    }

    /// Removes the files of a channel that was removed.
    pub(in crate::disk) fn remove_channel(&mut self, channel: &Channel) {
        self.forget(channel.id);
        self.outgrown.remove(&channel.id);
        self.core.open.close_below(channel.id, u64::MAX);
        // What stays is removed at the next start.
        let root = &self.core.settings.folder;
        let folder = self.core.folder(channel);
        if paths::remove(self.core.device.as_ref(), root, &folder).is_ok() {
            let id = channel.id;
            let forgotten = self.core.catalogue.write(false, |write| {
                catalogue::forget_keys(write, id)?;
                catalogue::forget(write, id)
            });
            if let Err(fault) = forgotten
                && !fault.full
            {
                self.core.fail(&fault.fault);
            }
        }
    }
}

/// Drops the oldest segments until the channel has no more bytes than it may.
fn drop_by_bytes(channel: &Channel, segments: &[Segment], head_bytes: u64) {
    let mut state = channel.state();
    let mut bytes = state.bytes;
    for pair in segments.windows(2) {
        if bytes <= state.settings.max_bytes {
            break;
        }
        let behind = pair[1].first;
        state.drop_below(behind);
        if state.bounds.first < behind {
            state.held_back = true;
            return;
        }
        bytes = bytes.saturating_sub(pair[0].bytes.saturating_sub(head_bytes));
    }
    state.held_back = false;
}
