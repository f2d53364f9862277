//! What a session has yet to be sent: bounded in bytes, filled by hubs and by its own
//! commands, emptied by its transport. Frames are shared with all who get the same.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use hearken_session_protocol::codes::{Disconnect, disconnects};

/// What each frame counts beyond its bytes, for what the queue itself takes.
pub const FRAME_BYTES: usize = 32;

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
}

#[derive(Debug, Default)]
struct State {
    queue: VecDeque<Bytes>,
    bytes: usize,
    /// Whether the transport was woken and has not found it empty since.
    woken: bool,
    end: Option<Disconnect>,
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
        while let Some(frame) = state.queue.front() {
            if taken > 0 && taken + frame.len() > bytes {
                break;
            }
            taken += frame.len();
            state.bytes -= frame.len() + FRAME_BYTES;
            frames.extend(state.queue.pop_front());
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

    /// Whether a frame of so many bytes can ever wait in it.
    pub(super) fn takes(&self, bytes: usize) -> bool {
        bytes.saturating_add(FRAME_BYTES) <= self.limit
    }

    /// Most bytes that may wait.
    pub(super) fn limit(&self) -> usize {
        self.limit
    }

    /// Puts a frame behind the others. Where there is no room the outbox ends with
    /// [`disconnects::SLOW`], and what waits is dropped.
    pub(super) fn push(&self, frame: Bytes) {
        let wakes = {
            let mut state = self.lock();
            if state.end.is_some() {
                return;
            }
            let bytes = frame.len() + FRAME_BYTES;
            if state.bytes + bytes > self.limit {
                state.queue = VecDeque::new();
                state.bytes = 0;
                state.end = Some(disconnects::SLOW);
                true
            } else {
                state.bytes += bytes;
                state.queue.push_back(frame);
                !std::mem::replace(&mut state.woken, true)
            }
        };
        if wakes {
            (self.wake)();
        }
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
    }

    /// Ends it where the connection is gone already: nothing of it is written any more.
    pub(super) fn abandon(&self) {
        let mut state = self.lock();
        state.queue = VecDeque::new();
        state.bytes = 0;
        state.end.get_or_insert(disconnects::CONNECTION_CLOSED);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing in here panics half-way.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
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
}
