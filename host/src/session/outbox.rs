//! What a session has yet to be sent: bounded in bytes, filled by hubs and by its own
//! commands, emptied by its transport. Frames are shared with all who get the same.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use hearken_session_protocol::codes::{Disconnect, disconnects};
use tokio::sync::Notify;
use tokio::sync::futures::Notified;

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
}

#[derive(Debug, Default)]
struct State {
    queue: VecDeque<Waiting>,
    bytes: usize,
    /// How many of these were offered.
    offered: usize,
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
    is_offered: bool,
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
        }
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
        let mut taken = 0;
        while let Some(waiting) = state.queue.front() {
            let (length, is_offered) = (waiting.frame.len(), waiting.is_offered);
            if taken > 0 && taken + length > bytes {
                break;
            }
            taken += length;
            state.bytes -= length + FRAME_BYTES;
            if is_offered {
                state.offered -= length + FRAME_BYTES;
            }
            frames.extend(state.queue.pop_front().map(|waiting| waiting.frame));
        }
        state.taken += taken as u64;
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

    /// Most bytes of publications that are brought at once to who comes back: half of all that
    /// may wait.
    pub(super) fn room_to_recover(&self) -> usize {
        self.limit / 2
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
                state.clear();
                state.end = Some(disconnects::SLOW);
                (true, true)
            } else {
                (state.put(frame, false), false)
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
        let wakes = {
            let mut state = self.lock();
            if state.end.is_some() {
                return true;
            }
            let bytes = frame.len() + FRAME_BYTES;
            // One alone may be of any size.
            if state.bytes > 0 && state.bytes + bytes > self.window() {
                return false;
            }
            state.put(frame, true)
        };
        if wakes {
            (self.wake)();
        }
        true
    }

    /// Whether a frame of so many bytes can be offered, and half of all that can be, or the
    /// outbox has ended.
    pub(super) fn has_room(&self, bytes: usize) -> bool {
        let state = self.lock();
        let needed = bytes.saturating_add(FRAME_BYTES).max(self.window() / 2);
        let is_over = state.bytes.saturating_add(needed) > self.window();
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
            state.clear();
            state.end.get_or_insert(disconnects::CONNECTION_CLOSED);
        }
        self.tell_readers();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing in here panics half-way.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Puts a frame behind the others; whether the transport is to be woken.
    fn put(&mut self, frame: Bytes, is_offered: bool) -> bool {
        let bytes = frame.len() + FRAME_BYTES;
        self.bytes += bytes;
        if is_offered {
            self.offered += bytes;
        }
        self.queue.push_back(Waiting { frame, is_offered });
        !std::mem::replace(&mut self.woken, true)
    }

    fn clear(&mut self) {
        self.queue = VecDeque::new();
        self.bytes = 0;
        self.offered = 0;
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
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    fn outbox(limit: usize) -> (Outbox, Arc<AtomicUsize>) {
        let woken = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&woken);
        let wake = move || {
            counter.fetch_add(1, Ordering::Relaxed);
        };
        (Outbox::new(limit, wake), woken)
    }

    fn frames(texts: &[&'static str]) -> Taken {
        let frames = texts.iter().map(|text| Bytes::from_static(text.as_bytes()));
        Taken::Frames(frames.collect())
    }

    #[test]
    fn the_transport_is_woken_once_until_it_has_found_nothing() {
        let (outbox, woken) = outbox(1000);
        for text in ["one", "two", "three"] {
            outbox.push(Bytes::from_static(text.as_bytes()));
        }
        assert_eq!(woken.load(Ordering::Relaxed), 1);
        assert_eq!(outbox.take(6), frames(&["one", "two"]));
        outbox.push(Bytes::from_static(b"four"));
        assert_eq!(outbox.take(0), frames(&["three"]));
        assert_eq!(outbox.take(100), frames(&["four"]));
        assert_eq!(outbox.bytes(), 0);
        assert_eq!(outbox.take(100), Taken::Nothing);
        assert_eq!(woken.load(Ordering::Relaxed), 1);
        outbox.push(Bytes::from_static(b"five"));
        assert_eq!(woken.load(Ordering::Relaxed), 2);
    }

    #[test]
    fn who_does_not_read_is_ended_and_takes_no_more_memory() {
        let (outbox, woken) = outbox(2 * (3 + FRAME_BYTES));
        for _ in 0..2 {
            outbox.push(Bytes::from_static(b"one"));
        }
        assert!(!outbox.has_ended());
        outbox.push(Bytes::from_static(b"one"));
        assert_eq!(woken.load(Ordering::Relaxed), 2);
        assert_eq!(outbox.bytes(), 0);
        assert_eq!(outbox.take(100), Taken::End(disconnects::SLOW));
        outbox.push(Bytes::from_static(b"one"));
        assert_eq!(outbox.take(100), Taken::End(disconnects::SLOW));
    }

    #[test]
    fn what_waits_is_written_before_the_end() {
        let (outbox, woken) = outbox(1000);
        outbox.push(Bytes::from_static(b"one"));
        outbox.end(disconnects::SHUTDOWN);
        outbox.end(disconnects::SLOW);
        assert_eq!(woken.load(Ordering::Relaxed), 2);
        assert_eq!(outbox.take(100), frames(&["one"]));
        assert_eq!(outbox.take(100), Taken::End(disconnects::SHUTDOWN));
    }

    #[tokio::test]
    async fn what_can_be_had_again_waits_elsewhere_and_ends_nobody() {
        let (outbox, _) = outbox(8 * (3 + FRAME_BYTES));
        let one = || Bytes::from_static(b"one");
        // Of any size, where nothing else waits.
        let large: &'static [u8] = &[b'x'; 4096];
        assert!(outbox.offer(Bytes::from_static(large)));
        assert!(!outbox.offer(one()));
        assert!(!outbox.has_room(0));
        for _ in 0..8 {
            outbox.push(one());
        }
        assert!(!outbox.has_ended(), "what was offered does not count");
        let room = outbox.told();
        assert!(matches!(outbox.take(1), Taken::Frames(_)));
        assert!(matches!(outbox.take(20), Taken::Frames(_)));
        room.await;
        assert!(outbox.has_room(0) && !outbox.has_room(100));
        assert!(outbox.offer(one()));
        let room = outbox.told();
        outbox.end(disconnects::SHUTDOWN);
        room.await;
        assert!(outbox.has_room(0) && outbox.offer(one()), "none is needed");
    }
}
