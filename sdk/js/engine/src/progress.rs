//! What the node is shown of this instance, and says to it while it is at work.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};

use zerocopy::IntoBytes as _;

use crate::bindings::hearken::plugin::progress;

/// How many events have been begun, and whether no other is to be.
static SHOWN: LazyLock<&'static [AtomicU64; 2]> = LazyLock::new(|| {
    let mut shown: Box<[AtomicU64; 2]> = Box::default();
    progress::watch(shown.as_mut_bytes());
    // Leaked, so that it stays in its place.
    Box::leak(shown)
});

/// Shows the node the place where it can look.
pub(crate) fn show() {
    LazyLock::force(&SHOWN);
}

/// Shows it again to a node that has not seen it: the instance was made on another.
pub(crate) fn show_again() {
    let shown: &'static [AtomicU64; 2] = *SHOWN;
    for number in shown {
        number.store(0, Ordering::Relaxed);
    }
    let place = std::ptr::from_ref(shown).cast::<u8>();
    #[expect(
        unsafe_code,
        reason = "numbers that change are shown as the bytes that they are"
    )]
    // SAFETY: it is as long as that and is never freed; nobody writes while it is lent, for
    // the call alone.
    let bytes = unsafe { std::slice::from_raw_parts(place, size_of::<[AtomicU64; 2]>()) };
    progress::watch(bytes);
}

/// Whether the event in hand has all but used up its deadline, and is to fail at once.
pub(crate) fn is_interrupted() -> bool {
    let [_, stop] = *SHOWN;
    stop.load(Ordering::Relaxed) > 1
}

/// Begins an event, unless the node wants no further one begun.
#[inline]
pub(crate) fn begin() -> bool {
    let [begun, stop] = *SHOWN;
    let begins = stop.load(Ordering::Relaxed) == 0;
    if begins {
        begun.fetch_add(1, Ordering::Relaxed);
    }
    begins
}
