//! The pages of memory that the process has.

/// Has the system give the process small pages of memory from now on, where it would give large
/// ones, and what the process starts. Of two megabytes at once a node that holds a little of
/// many things uses a part: without them an empty node takes a third less, and a channel that is
/// idle half, and events take no longer.
///
/// On another system than Linux, or where that is refused, nothing changes.
pub fn keep_small() {
    #[cfg(target_os = "linux")]
    let _ = rustix::thread::disable_transparent_huge_pages(true);
}
