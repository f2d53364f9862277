//! What a session has yet to be sent: bounded in bytes, filled by hubs and by its own
//! commands, emptied by its transport. Frames are shared with all who get the same.

use std::collections::VecDeque;
use std::fmt;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use bytes::Bytes;
use hearken_session_protocol::codes::{Disconnect, disconnects};
use tokio::sync::Notify;
use tokio::sync::futures::Notified;

use super::brought::Brought;

/// What each frame counts beyond its bytes, for what the queue itself takes.
pub const FRAME_BYTES: usize = 32;

/// Most bytes of frames that can be had again later. So much is on its way to a client that
/// reads slowly before it sees a ping, which it has to answer within `pong_timeout`.
const MAX_WINDOW: usize = 64 << 10;

/// Most frames for which an empty queue keeps its memory.
const KEPT_FRAMES: usize = 8;

/// The frames that wait for a session's transport.
///
/// A transport that was woken takes with [`Outbox::take`] until there is nothing, and is
/// woken again when there is something more.
pub struct Outbox {
    limit: usize,
    state: Mutex<State>,
    wake: Box<dyn Fn() + Send + Sync>,
    /// Tells that there is room again for what can wait elsewhere.
    room: Notify,
    /// What of all that waits on the node was brought.
    brought: OnceLock<Arc<Brought>>,
}

#[derive(Debug, Default)]
struct State {
    queue: VecDeque<Waiting>,
    bytes: usize,
    /// How many of these were offered.
    offered: usize,
    /// How many of those were brought.
    brought: usize,
    /// Bytes that the transport has taken.
    taken: u64,
    /// Whether the transport was woken and has not found it empty since.
    woken: bool,
    end: Option<Disconnect>,
}

/// A frame that waits.
#[derive(Debug)]
struct Waiting {
    frame: Bytes,
    can_wait: CanWait,
}

/// Whether a frame can wait elsewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum CanWait {
    No,
    /// It was offered to all who keep up.
    Shared,
    /// It was brought to this session alone.
    Own,
}

/// What a transport takes out of an outbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Taken {
    /// There is nothing: the transport is woken when there is.
    Nothing,
    /// Frames to be written, in this order.
    Frames(Vec<Bytes>),
    /// The connection is to be closed with this; nothing is written any more.
    End(Disconnect),
}

impl Outbox {
    /// One that takes up to `limit` bytes, where each frame counts [`FRAME_BYTES`] more, and
    /// calls `wake` when the transport has something to do. `wake` must not wait, and not use
    /// the outbox.
    #[must_use]
    pub fn new(limit: usize, wake: impl Fn() + Send + Sync + 'static) -> Self {
        Self {
            limit,
            state: Mutex::default(),
            wake: Box::new(wake),
            room: Notify::new(),
            brought: OnceLock::new(),
        }
    }

    /// Has what is brought to it count with that of the node's other sessions.
    pub(super) fn share(&self, brought: &Arc<Brought>) {
        self.brought.get_or_init(|| Arc::clone(brought));
    }

    /// Takes frames out, at least one if there is any, and no more than `bytes` have beyond
    /// the first.
    #[must_use]
    pub fn take(&self, bytes: usize) -> Taken {
        let mut state = self.lock();
        if state.queue.is_empty() {
            state.woken = false;
            if state.queue.capacity() > KEPT_FRAMES {
                state.queue = VecDeque::new();
            }
            return match &state.end {
                Some(end) => Taken::End(end.clone()),
                None => Taken::Nothing,
            };
        }
        let mut frames = Vec::new();
        let (mut taken, brought) = (0, state.brought);
        while let Some(waiting) = state.queue.front() {
            let (length, can_wait) = (waiting.frame.len(), waiting.can_wait);
            if taken > 0 && taken + length > bytes {
                break;
            }
            taken += length;
            state.remove(length + FRAME_BYTES, can_wait);
            frames.extend(state.queue.pop_front().map(|waiting| waiting.frame));
        }
        state.taken += taken as u64;
        self.bring_no_more(brought - state.brought);
        let has_room = state.bytes <= self.window() / 2;
        drop(state);
        if has_room {
            self.room.notify_waiters();
        }
        Taken::Frames(frames)
    }

    /// Whether it has ended: then what was to be sent last may still be in it.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        self.lock().end.is_some()
    }

    /// What it has ended with, if it has.
    pub(super) fn ended(&self) -> Option<Disconnect> {
        self.lock().end.clone()
    }

    /// Bytes that wait, with what each frame counts beyond its own.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.lock().bytes
    }

    /// Bytes that the transport has taken, and those that wait for it.
    pub(super) fn flow(&self) -> (u64, usize) {
        let state = self.lock();
        (state.taken, state.bytes)
    }

    /// Whether a frame of so many bytes can ever wait in it.
    pub(super) fn takes(&self, bytes: usize) -> bool {
        bytes.saturating_add(FRAME_BYTES) <= self.limit
    }

    /// Most bytes of publications that are brought at once to who comes back: half of what may
    /// wait still.
    pub(super) fn room_to_recover(&self) -> usize {
        let state = self.lock();
        self.limit.saturating_sub(state.bytes - state.offered) / 2
    }

    /// Waits until little is left that has to be written, or it has ended.
    pub(super) async fn written(&self) {
        loop {
            let mut told = pin!(self.room.notified());
            // Before it is looked at, so that nothing is missed.
            told.as_mut().enable();
            {
                let state = self.lock();
                if state.end.is_some() || state.bytes - state.offered <= self.window() / 2 {
                    return;
                }
            }
            told.await;
        }
    }

    /// Most bytes that may wait.
    pub(super) fn limit(&self) -> usize {
        self.limit
    }

    /// Puts a frame behind the others. Where there is no room the outbox ends with
    /// [`disconnects::SLOW`], and what waits is dropped.
    pub(super) fn push(&self, frame: Bytes) {
        let (wakes, ends) = {
            let mut state = self.lock();
            if state.end.is_some() {
                return;
            }
            let bytes = frame.len() + FRAME_BYTES;
            if state.bytes - state.offered + bytes > self.limit {
                self.bring_no_more(state.clear());
                state.end = Some(disconnects::SLOW);
                (true, true)
            } else {
                (state.put(frame, CanWait::No), false)
            }
        };
        if wakes {
            (self.wake)();
        }
        if ends {
            self.tell_readers();
        }
    }

    /// Puts a frame behind the others, where little waits: for what can be had again later.
    /// Whether it did, or the outbox has ended. It is never ended by that, and never because
    /// of that.
    pub(super) fn offer(&self, frame: Bytes) -> bool {
        self.take_in(frame, CanWait::Shared)
    }

    /// The same of what was read for this session alone, where little such waits on the node.
    pub(super) fn bring(&self, frame: Bytes) -> bool {
        self.take_in(frame, CanWait::Own)
    }

    fn take_in(&self, frame: Bytes, can_wait: CanWait) -> bool {
        let wakes = {
            let mut state = self.lock();
            if state.end.is_some() {
                return true;
            }
            let bytes = frame.len() + FRAME_BYTES;
            let node = self.brought.get().filter(|_| can_wait == CanWait::Own);
            // One alone may be of any size, and is not held back for the others'.
            if state.bytes > 0 {
                if state.bytes + bytes > self.window() {
                    return false;
                }
                if let Some(node) = node.filter(|node| !node.has_room(bytes)) {
                    node.hold_back();
                    return false;
                }
            }
            if let Some(node) = node {
                node.add(bytes);
            }
            state.put(frame, can_wait)
        };
        if wakes {
            (self.wake)();
        }
        true
    }

    /// Whether a frame of so many bytes can be brought, and half of all that can be, or the
    /// outbox has ended.
    pub(super) fn has_room(&self, bytes: usize) -> bool {
        let state = self.lock();
        let frame = bytes.saturating_add(FRAME_BYTES);
        let needed = frame.max(self.window() / 2);
        let node = self.brought.get();
        let is_held_back = node.is_some_and(|node| !node.has_room(frame));
        let is_over = is_held_back || state.bytes.saturating_add(needed) > self.window();
        state.end.is_some() || state.bytes == 0 || !is_over
    }

    /// Waits until there may be room, from when this is called on.
    pub(super) fn told(&self) -> Notified<'_> {
        self.room.notified()
    }

    /// Has all look again who wait for room.
    pub(super) fn tell_readers(&self) {
        self.room.notify_waiters();
    }

    /// Bytes up to which frames are offered.
    fn window(&self) -> usize {
        (self.limit / 2).min(MAX_WINDOW)
    }

    /// Ends it: what waits is written, and then the connection closed. The first end stays.
    pub(super) fn end(&self, end: Disconnect) {
        {
            let mut state = self.lock();
            if state.end.is_some() {
                return;
            }
            state.end = Some(end);
        }
        (self.wake)();
        self.tell_readers();
    }

    /// Ends it where the connection is gone already: nothing of it is written any more.
    pub(super) fn abandon(&self) {
        {
            let mut state = self.lock();
            self.bring_no_more(state.clear());
            state.end.get_or_insert(disconnects::CONNECTION_CLOSED);
        }
        self.tell_readers();
    }

    /// So much of what was brought waits no more.
    fn bring_no_more(&self, bytes: usize) {
        if let Some(node) = self.brought.get().filter(|_| bytes > 0) {
            node.remove(bytes);
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing in here panics half-way.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Puts a frame behind the others; whether the transport is to be woken.
    fn put(&mut self, frame: Bytes, can_wait: CanWait) -> bool {
        let bytes = frame.len() + FRAME_BYTES;
        self.bytes += bytes;
        if can_wait != CanWait::No {
            self.offered += bytes;
        }
        if can_wait == CanWait::Own {
            self.brought += bytes;
        }
        self.queue.push_back(Waiting { frame, can_wait });
        !std::mem::replace(&mut self.woken, true)
    }

    /// So many bytes are taken out.
    fn remove(&mut self, bytes: usize, can_wait: CanWait) {
        self.bytes -= bytes;
        if can_wait != CanWait::No {
            self.offered -= bytes;
        }
        if can_wait == CanWait::Own {
            self.brought -= bytes;
        }
    }

    /// Takes all out; how many bytes of it were brought.
    fn clear(&mut self) -> usize {
        self.queue = VecDeque::new();
        self.bytes = 0;
        self.offered = 0;
        std::mem::take(&mut self.brought)
    }
}

impl Drop for Outbox {
    fn drop(&mut self) {
        let brought = self.lock().clear();
        self.bring_no_more(brought);
    }
}

impl fmt::Debug for Outbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outbox")
            .field("limit", &self.limit)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
