//! How many events are touched while the lock of a mailbox is held: never more than a
//! publisher may wait for. Counted in tests alone.

#[cfg(test)]
use std::cell::Cell;

#[cfg(test)]
thread_local! {
    static NOW: Cell<usize> = const { Cell::new(0) };
    static MOST: Cell<usize> = const { Cell::new(0) };
}

/// So many more are touched.
#[inline]
pub(super) fn note(_events: usize) {
    #[cfg(test)]
    {
        let now = NOW.get() + _events;
        NOW.set(now);
        MOST.set(MOST.get().max(now));
    }
}

/// The lock was taken.
#[inline]
pub(super) fn begin() {
    #[cfg(test)]
    NOW.set(0);
}

/// Most events that this thread touched under one lock since the last call.
#[cfg(test)]
pub(super) fn most() -> usize {
    NOW.set(0);
    MOST.replace(0)
}
