//! What is held of a channel while the engine is open. Of one that is idle that is all:
//! no file is open for it, and which segments it has is looked up again.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard};

use bytes::Bytes;
use tokio::sync::watch;

use super::catalogue::Loss;
use super::format::BatchHead;
use super::keys::Keys;
use super::losses;
use crate::{
    Bounds, ChannelInfo, ChannelName, ChannelState, Discard, Epoch, LogSettings, StorageFault,
};

/// A channel.
#[derive(Debug)]
pub(super) struct Channel {
    pub(super) id: u64,
    pub(super) name: ChannelName,
    pub(super) epoch: Epoch,
    pub(super) created: u64,
    state: Mutex<State>,
}

/// What changes of it.
#[derive(Debug)]
pub(super) struct State {
    pub(super) settings: LogSettings,
    pub(super) kept_from: Option<u64>,
    pub(super) bounds: Bounds,
    /// When the newest event was recorded.
    pub(super) time: u64,
    /// Bytes of its batches.
    pub(super) bytes: u64,
    /// Number of the newest event that lies in a segment.
    pub(super) filed: u64,
    /// Number of the newest event that the journal need not have any more.
    pub(super) checkpointed: u64,
    /// The newest batches: all that lie in no segment, and some that do.
    pub(super) recent: VecDeque<Recent>,
    pub(super) recent_bytes: usize,
    /// Its segments, oldest first, while they are known.
    pub(super) segments: Option<Vec<Segment>>,
    pub(super) losses: Vec<Loss>,
    pub(super) failed: Option<StorageFault>,
    pub(super) removed: bool,
    /// Whether it is not known what the catalogue says of its removal, which failed.
    pub(super) doubtful: bool,
    /// Whether the keys that its segments hold are remembered.
    pub(super) keys: Keys,
    /// Where the oldest event was when there was no segment to drop.
    pub(super) dropped_below: u64,
    /// Whether more would be dropped if nothing kept it.
    pub(super) held_back: bool,
    /// Whether it is durable which of its segments were removed.
    pub(super) removals_synced: bool,
    /// When an event was recorded, the oldest when it was looked up.
    pub(super) oldest: Option<(u64, u64)>,
    /// Whether it waits for being filed.
    pub(super) queued: bool,
    /// Looks that have been taken at it since it was used.
    pub(super) unused: u8,
    /// Of those who follow its bounds.
    pub(super) tail: Option<watch::Sender<Bounds>>,
}

/// A batch in memory.
#[derive(Clone, Debug)]
pub(super) struct Recent {
    pub(super) head: BatchHead,
    /// The bytes of head and keys.
    pub(super) before: Bytes,
    pub(super) events: Bytes,
}

/// A file with batches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Segment {
    /// Number of its first event.
    pub(super) first: u64,
    /// How long it is.
    pub(super) bytes: u64,
}

impl Recent {
    pub(super) fn bytes(&self) -> usize {
        self.before.len() + self.events.len()
    }
}

impl Channel {
    pub(super) fn new(
        (id, name): (u64, ChannelName),
        (epoch, created): (Epoch, u64),
        state: State,
    ) -> Self {
        Self {
            id,
            name,
            epoch,
            created,
            state: Mutex::new(state),
        }
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        let state = self.state.lock();
        state.expect("nobody panics while holding a channel")
    }

    pub(super) fn info(&self) -> ChannelInfo {
        let state = self.state();
        let damaged = losses::damaged(&state.losses);
        ChannelInfo {
            name: self.name.clone(),
            epoch: self.epoch,
            first: state.bounds.first,
            last: state.bounds.last,
            bytes: state.bytes,
            state: match &state.failed {
                Some(why) => ChannelState::Failed { why: why.clone() },
                None if damaged.is_empty() => ChannelState::Ok,
                None => ChannelState::Damaged { ranges: damaged },
            },
            settings: state.settings.clone(),
            kept_from: state.kept_from,
            given_up: losses::last_given_up(&state.losses),
            created: self.created,
        }
    }
}

impl State {
    pub(super) fn new(settings: LogSettings, kept_from: Option<u64>) -> Self {
        Self {
            settings,
            kept_from,
            bounds: Bounds { first: 1, last: 0 },
            time: 0,
            bytes: 0,
            filed: 0,
            checkpointed: 0,
            recent: VecDeque::new(),
            recent_bytes: 0,
            segments: None,
            losses: Vec::new(),
            failed: None,
            removed: false,
            doubtful: false,
            keys: Keys::Unknown,
            dropped_below: 1,
            held_back: false,
            oldest: None,
            removals_synced: false,
            queued: false,
            unused: 0,
            tail: None,
        }
    }

    /// Follows the bounds.
    pub(super) fn tail(&mut self) -> watch::Receiver<Bounds> {
        let bounds = self.bounds;
        let tail = self.tail.get_or_insert_with(|| watch::Sender::new(bounds));
        tail.subscribe()
    }

    /// Shows the bounds to who follows them.
    pub(super) fn show_bounds(&mut self) {
        self.forget_followers();
        if let Some(tail) = &self.tail {
            tail.send_replace(self.bounds);
        }
    }

    /// Holds nothing for those who follow the bounds once there are none.
    pub(super) fn forget_followers(&mut self) {
        self.tail.take_if(|tail| tail.receiver_count() == 0);
    }

    /// Ends it for all who follow it; returns the bytes of its batches in memory.
    pub(super) fn end(&mut self) -> usize {
        self.removed = true;
        self.tail = None;
        self.recent.clear();
        std::mem::take(&mut self.recent_bytes)
    }

    /// Moves `first` up to there, or as far as nothing keeps what is below; returns
    /// whether that changed it.
    pub(super) fn drop_below(&mut self, first: u64) -> bool {
        let most = self.kept_from.unwrap_or(u64::MAX);
        let end = self.bounds.last.saturating_add(1);
        let first = first.min(most).min(end);
        let moved = first > self.bounds.first;
        if moved {
            self.bounds.first = first;
            self.show_bounds();
        }
        moved
    }

    /// Has no more events kept than the settings allow.
    pub(super) fn drop_by_count(&mut self) -> bool {
        let first = self.first_by_count(self.bounds.last);
        self.drop_below(first)
    }

    /// The oldest event that the settings allow to keep when `last` is the newest. Numbers
    /// that are lost are no events: they may be more than there ever were.
    pub(super) fn first_by_count(&self, last: u64) -> u64 {
        let Some(most) = self.settings.max_events else {
            return 0;
        };
        let lost = self
            .losses
            .iter()
            .map(|loss| loss.span.last - loss.span.first + 1);
        let most = most.saturating_add(lost.sum());
        (last + 1).saturating_sub(most)
    }

    /// Takes a batch that is durable.
    pub(super) fn take(&mut self, batch: Recent) {
        self.bounds.last = batch.head.span().last;
        self.time = batch.head.time;
        self.bytes += batch.bytes() as u64;
        self.recent_bytes += batch.bytes();
        self.recent.push_back(batch);
        self.unused = 0;
        if !self.drop_by_count() {
            self.show_bounds();
        }
    }

    /// Whether it has more bytes than it may have and than are dropped at once, and so many more,
    /// of which something may be dropped.
    pub(super) fn outgrows(&self, more: u64) -> bool {
        let most = self.settings.max_bytes;
        let most = most.saturating_add(most / 8).saturating_add(more);
        self.bytes > most
            && self.settings.discard == Discard::Oldest
            && !self.held_back
            && !self.removed
            && self.failed.is_none()
    }

    /// The batches that lie in no segment.
    pub(super) fn unfiled(&self) -> Vec<Recent> {
        let filed = |recent: &&Recent| recent.head.first > self.filed;
        let batches = self.recent.iter().rev().take_while(filed);
        let mut batches: Vec<_> = batches.cloned().collect();
        batches.reverse();
        batches
    }

    /// Keeps only so many bytes of batches in memory that lie in segments too; returns how
    /// many it forgets.
    pub(super) fn forget_recent(&mut self, most: usize) -> usize {
        let before = self.recent_bytes;
        while let Some(oldest) = self.recent.front() {
            if self.recent_bytes <= most || oldest.head.first > self.filed {
                break;
            }
            self.recent_bytes -= oldest.bytes();
            self.recent.pop_front();
        }
        if self.recent.is_empty() {
            self.recent.shrink_to_fit();
        }
        before - self.recent_bytes
    }

    /// Whether its newest events are damaged, so that it is not known which numbers it
    /// has given.
    pub(super) fn end_is_damaged(&self) -> bool {
        let end = losses::of(&self.losses, self.bounds.last);
        end.is_some_and(|loss| !loss.given_up)
    }
}
