//! What was read from logs for sessions that lag and still waits for their transports, of all
//! sessions of a node together.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// Most bytes of it, as long as each session has no more than one frame of them: the windows of
/// 2,048 sessions. Each could be the copy of another part of another log, and sessions that do
/// not read may be as many as a node has.
const MAX_BROUGHT: usize = 128 << 20;

/// Counts it.
#[derive(Debug, Default)]
pub(super) struct Brought {
    bytes: AtomicUsize,
    held_back: AtomicU64,
}

impl Brought {
    /// Whether so many bytes more may wait beside what waits for the same session already.
    pub(super) fn has_room(&self, bytes: usize) -> bool {
        let waiting = self.bytes.load(Ordering::Relaxed);
        waiting.saturating_add(bytes) <= MAX_BROUGHT
    }

    pub(super) fn add(&self, bytes: usize) {
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    /// So many do not wait any more.
    pub(super) fn remove(&self, bytes: usize) {
        self.bytes.fetch_sub(bytes, Ordering::Relaxed);
    }

    /// A frame for which its session has room is not brought, for there is none on the node.
    pub(super) fn hold_back(&self) {
        self.held_back.fetch_add(1, Ordering::Relaxed);
    }

    /// How often that was.
    pub(super) fn held_back(&self) -> u64 {
        self.held_back.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use bytes::Bytes;

    use super::*;
    use crate::session::outbox::{FRAME_BYTES, Outbox};

    #[test]
    fn where_much_waits_each_session_has_one_frame_at_a_time() {
        let brought = Arc::new(Brought::default());
        let outbox = Outbox::new(1 << 20, || {});
        outbox.share(&brought);
        let one = || Bytes::from_static(b"one");
        let size = one().len() + FRAME_BYTES;
        assert!(outbox.bring(one()) && outbox.bring(one()));
        // As if for others.
        let others = MAX_BROUGHT - 2 * size;
        brought.add(others);
        assert!(!outbox.bring(one()) && !outbox.has_room(0));
        assert_eq!(brought.held_back(), 1);
        assert!(outbox.offer(one()), "all who keep up have the same");
        let taken = outbox.take(1000);
        assert_eq!(outbox.bytes(), 0, "{taken:?}");
        brought.add(2 * size);
        assert!(outbox.has_room(0) && outbox.bring(one()) && !outbox.bring(one()));
        drop(outbox);
        brought.remove(others + 2 * size);
        assert_eq!(brought.bytes.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn what_is_dropped_waits_no_more() {
        let brought = Arc::new(Brought::default());
        let outbox = Outbox::new(1 << 20, || {});
        outbox.share(&brought);
        assert!(outbox.bring(Bytes::from_static(b"one")));
        outbox.abandon();
        assert_eq!(brought.bytes.load(Ordering::Relaxed), 0);
    }
}
