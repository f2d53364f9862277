//! What a node knows of all logs together.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use tokio::time::Instant;

use super::offers::Offered;
use crate::mesh::PeerNode;
use crate::session::name::ChannelName;
use crate::session::pace::OnceASecond;

/// Most publications of a channel that wait to be sent to who numbers them, and bytes of them:
/// more than that are refused.
const MAX_WAITING: usize = 4_096;
const MAX_WAITING_BYTES: usize = 8 << 20;

/// Most channels of which publications wait, and bytes of all of them together.
const MAX_CHANNELS: usize = 16_384;
const MAX_ALL_BYTES: usize = 64 << 20;

/// Bytes that are under way at a time of all logs that are handed over, but for a part of each,
/// and of one of them: so that a large one moves in few round trips, and many leave room on a
/// link for all else.
const UNDER_WAY: usize = 4 << 20;
const UNDER_WAY_OF_ONE: usize = 1 << 20;

/// Publications that are sent together at most, and bytes of them but for the first.
const MAX_BATCH: usize = 64;
const MAX_BATCH_BYTES: usize = 64 << 10;

/// What a node knows of all logs together.
#[derive(Debug, Default)]
pub(in crate::session) struct Homes {
    /// Channels whose logs are to be looked at.
    state: Mutex<State>,
    /// Tells that there are some.
    stirred: Notify,
    /// Publications that are to be numbered by another node.
    waiting: Mutex<AllWaiting>,
    /// Channels that have some.
    channels: AtomicUsize,
    /// Whether the others were met once, or there are none.
    has_met: AtomicBool,
    /// Lines of the log about namespaces that other nodes have and this one has not.
    complaints: OnceASecond,
}

#[derive(Debug, Default)]
struct State {
    /// Soon, since the others are seen differently.
    due: BTreeSet<ChannelName>,
    /// After a while, since somebody has yet to answer.
    unsettled: BTreeSet<ChannelName>,
}

/// Publications to all channels, in the order of each.
#[derive(Debug, Default)]
struct AllWaiting {
    channels: BTreeMap<ChannelName, Waiting>,
    bytes: usize,
}

/// Publications to one channel.
#[derive(Debug, Default)]
struct Waiting {
    offered: VecDeque<Offered>,
    /// Bytes of them, and of those that are being sent.
    bytes: usize,
    /// Bytes of those that are being sent.
    sending: usize,
}

/// There is no room for a publication.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Full;

impl Homes {
    /// These logs are to be looked at.
    pub(in crate::session) fn look_at(&self, names: impl IntoIterator<Item = ChannelName>) {
        self.lock().due.extend(names);
        self.stirred.notify_one();
    }

    /// This log has yet to be settled.
    pub(super) fn unsettled(&self, name: &ChannelName) {
        if self.lock().unsettled.insert(name.clone()) {
            self.stirred.notify_one();
        }
    }

    /// Takes up to so many logs out that are to be looked at; with those that have yet to be
    /// settled, `all` of them.
    pub(super) fn take(&self, most: usize, all: bool) -> BTreeSet<ChannelName> {
        let mut state = self.lock();
        let mut taken = match all {
            true => std::mem::take(&mut state.unsettled),
            false => BTreeSet::new(),
        };
        for _ in 0..most {
            let Some(name) = state.due.pop_first() else {
                break;
            };
            taken.insert(name);
        }
        taken
    }

    /// Whether there are logs to be looked at soon, and whether there are some that have yet to
    /// be settled.
    pub(super) fn are_left(&self) -> (bool, bool) {
        let state = self.lock();
        (!state.due.is_empty(), !state.unsettled.is_empty())
    }

    /// Bytes of a log that may be under way to another node at a time, where as many others move
    /// as are to be looked at.
    pub(super) fn under_way(&self) -> usize {
        let state = self.lock();
        let moving = state.due.len().saturating_add(state.unsettled.len());
        (UNDER_WAY / moving.max(1)).min(UNDER_WAY_OF_ONE)
    }

    /// Waits until there are more.
    pub(super) async fn stirred(&self) {
        self.stirred.notified().await;
    }

    /// Whether the others were met, or there are none, as `have` says; once they were it is not
    /// asked again.
    pub(super) fn have_met(&self, have: impl FnOnce() -> bool) -> bool {
        let has_met = self.has_met.load(Ordering::Relaxed) || have();
        self.has_met.fetch_or(has_met, Ordering::Relaxed);
        has_met
    }

    /// Another node takes this one for the home of a channel of which no history is kept here.
    pub(super) fn lack(&self, name: &ChannelName, from: &PeerNode) {
        if self.complaints.may() {
            tracing::warn!(
                channel = %name, node = %from.name,
                "another node has a namespace with a history for this channel, and this one has \
                 none: until all nodes have the same namespaces, it is refused there"
            );
        }
    }

    /// Whether publications to a channel wait: others have to go behind them.
    pub(in crate::session) fn are_waiting(&self, name: &ChannelName) -> bool {
        self.channels.load(Ordering::Acquire) > 0 && self.waiting().channels.contains_key(name)
    }

    /// Puts a publication behind the others of its channel. Whether it is the first, so that
    /// somebody has to look after them.
    ///
    /// # Errors
    /// [`Full`] when too many wait.
    pub(super) fn put(&self, name: &ChannelName, offered: Offered) -> Result<bool, Full> {
        let mut all = self.waiting();
        let is_first = !all.channels.contains_key(name);
        let bytes = offered.bytes();
        let is_full = all.bytes.saturating_add(bytes) > MAX_ALL_BYTES;
        if is_full || is_first && all.channels.len() >= MAX_CHANNELS {
            return Err(Full);
        }
        let waiting = all.channels.entry(name.clone()).or_default();
        let is_over = waiting.bytes.saturating_add(bytes) > MAX_WAITING_BYTES;
        if waiting.offered.len() >= MAX_WAITING || is_over && !waiting.offered.is_empty() {
            return Err(Full);
        }
        waiting.bytes = waiting.bytes.saturating_add(bytes);
        waiting.offered.push_back(offered);
        all.bytes = all.bytes.saturating_add(bytes);
        self.channels.store(all.channels.len(), Ordering::Release);
        Ok(is_first)
    }

    /// The next that are sent together, since those before have come; `None` when there are none,
    /// and nobody looks after them any more.
    pub(super) fn next(&self, name: &ChannelName) -> Option<Vec<Offered>> {
        let mut all = self.waiting();
        let all = &mut *all;
        let waiting = all.channels.get_mut(name)?;
        let come = std::mem::take(&mut waiting.sending);
        waiting.bytes = waiting.bytes.saturating_sub(come);
        all.bytes = all.bytes.saturating_sub(come);
        let (mut next, mut bytes) = (Vec::new(), 0_usize);
        while let Some(offered) = waiting.offered.front() {
            let more = bytes.saturating_add(offered.bytes());
            if next.len() >= MAX_BATCH || !next.is_empty() && more > MAX_BATCH_BYTES {
                break;
            }
            bytes = more;
            next.extend(waiting.offered.pop_front());
        }
        waiting.sending = bytes;
        if next.is_empty() {
            all.channels.remove(name);
            self.channels.store(all.channels.len(), Ordering::Release);
            return None;
        }
        Some(next)
    }

    /// Takes all out that wait, of which nobody looks after any more.
    pub(super) fn give_up(&self, name: &ChannelName) -> Vec<Offered> {
        let mut all = self.waiting();
        let Some(left) = all.channels.remove(name) else {
            return Vec::new();
        };
        all.bytes = all.bytes.saturating_sub(left.bytes);
        self.channels.store(all.channels.len(), Ordering::Release);
        left.offered.into()
    }

    /// Takes those out that are waited for no more.
    pub(super) fn take_late(&self, name: &ChannelName, now: Instant) -> Vec<Offered> {
        let mut all = self.waiting();
        let Some(waiting) = all.channels.get_mut(name) else {
            return Vec::new();
        };
        let (late, left) = std::mem::take(&mut waiting.offered)
            .into_iter()
            .partition::<Vec<_>, _>(|offered| offered.until() <= now);
        waiting.offered = left.into();
        let bytes = late.iter().map(Offered::bytes).sum();
        waiting.bytes = waiting.bytes.saturating_sub(bytes);
        all.bytes = all.bytes.saturating_sub(bytes);
        late
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing in here panics half-way.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn waiting(&self) -> MutexGuard<'_, AllWaiting> {
        // Nothing in here panics half-way.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
