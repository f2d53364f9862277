//! A hint to the processor: what another registration had last is on its way here while this one
//! still does something else.
//!
//! What a publisher writes into a mailbox its consumer has read, on another registration, and so
//! each of these cache lines must be fetched before it can be written. Without the hint
//! the publisher waits for them with the lock in its hand, a third of the time that it
//! needs for an event of 256 bytes (`hearken-bench -- dispatch`, `hearken/framed`).

use std::mem::size_of_val;

/// Bytes of a cache line, on most processors.
const LINE: usize = 64;

/// More lines are not fetched at once by most processors.
const MOST_LINES: usize = 16;

/// Fetches the first lines of `memory`, to be written to soon. Changes nothing but speed.
#[inline]
pub(super) fn for_writing<T>(memory: &[T]) {
    let start = memory.as_ptr().cast::<u8>();
    let into_line = start.addr() % LINE;
    let first = start.wrapping_sub(into_line);
    let lines = (into_line + size_of_val(memory)).div_ceil(LINE);
    for line in 0..lines.min(MOST_LINES) {
        line_for_writing(first.wrapping_add(line * LINE));
    }
}

#[cfg(target_arch = "x86_64")]
#[inline]
fn line_for_writing(at: *const u8) {
    // SAFETY: PREFETCHW is a hint: it changes neither memory nor registers nor flags, and
    // never faults, whatever the address (AMD64 manual, volume 3; Intel manual, volume
    // 2B). Processors that lack it take it for a NOP. `_mm_prefetch` does not help: it
    // becomes a PREFETCHT0, which leaves the line with the other registration as well, unless the
    // whole program is compiled for processors that have PREFETCHW.
    #[expect(unsafe_code, reason = "see the SAFETY comment")]
    unsafe {
        std::arch::asm!(
            "prefetchw [{at}]",
            at = in(reg) at,
            options(nostack, preserves_flags, readonly)
        );
    }
}

#[cfg(target_arch = "aarch64")]
#[inline]
fn line_for_writing(at: *const u8) {
    // SAFETY: PRFM is a hint: it changes neither memory nor registers nor flags, and
    // never faults, whatever the address (Arm architecture manual, C6.2, PRFM).
    #[expect(unsafe_code, reason = "see the SAFETY comment")]
    unsafe {
        std::arch::asm!(
            "prfm pstl1keep, [{at}]",
            at = in(reg) at,
            options(nostack, preserves_flags, readonly)
        );
    }
}

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
#[inline]
fn line_for_writing(_at: *const u8) {}

#[cfg(test)]
mod tests {
    use super::*;

    /// `.ci/run` runs this under memcheck too, for what is `unsafe` above.
    #[test]
    fn a_hint_changes_nothing() {
        let mut bytes: Vec<u8> = (0..=255).cycle().take(3 * MOST_LINES * LINE).collect();
        let before = bytes.clone();
        for start in [0, 1, LINE - 1, LINE, bytes.len() - 1, bytes.len()] {
            for_writing(&bytes[start..]);
        }
        assert_eq!(bytes, before);
        bytes.clear();
        for_writing(bytes.spare_capacity_mut());
        for_writing::<u64>(&[]);
        assert!(bytes.is_empty());
    }
}
