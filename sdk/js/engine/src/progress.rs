//! What the node is shown of this instance, and says to it while it is at work.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::bindings::hearken::plugin::progress;

/// How many events have been begun, and whether no other is to be.
static SHOWN: [AtomicU64; 2] = [AtomicU64::new(0), AtomicU64::new(0)];

/// Shows the node the place where it can look. Again where the instance has been on another
/// node before.
pub(crate) fn show() {
    for number in &SHOWN {
        number.store(0, Ordering::Relaxed);
    }
    let place = std::ptr::from_ref(&SHOWN).cast::<u8>();
    #[expect(
        unsafe_code,
        reason = "numbers that change are shown as the bytes that they are"
    )]
    // SAFETY: it is as long as that and always there; nobody writes while it is lent, for the
    // call alone.
    let bytes = unsafe { std::slice::from_raw_parts(place, size_of::<[AtomicU64; 2]>()) };
    progress::watch(bytes);
}

/// Whether the event in hand has all but used up its deadline, and is to fail at once.
pub(crate) fn is_interrupted() -> bool {
    let [_, stop] = &SHOWN;
    stop.load(Ordering::Relaxed) > 1
}

/// Begins an event, unless the node wants no further one begun.
#[inline]
pub(crate) fn begin() -> bool {
    let [begun, stop] = &SHOWN;
    let begins = stop.load(Ordering::Relaxed) == 0;
    if begins {
        begun.fetch_add(1, Ordering::Relaxed);
    }
    begins
}
