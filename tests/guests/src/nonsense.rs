//! What hostile guests do with the CPU, the memory and the stack.

use std::hint::black_box;

/// Uses the CPU for ever.
pub fn spin() -> ! {
    loop {
        std::hint::spin_loop();
    }
}

/// Takes and touches memory, 1 MiB at a time, until it gets no more, and traps.
pub fn leak() -> ! {
    let mut kept = Vec::new();
    loop {
        kept.push(black_box(vec![1_u8; 1024 * 1024]));
    }
}

/// Calls itself until the stack is used up.
pub fn recurse() {
    fn descend(depth: u64) -> u64 {
        let frame = black_box([depth; 16]);
        // Never true, but the compiler does not know.
        if frame[0] == u64::MAX {
            return depth;
        }
        // Two calls: one would let the compiler make a loop of it.
        descend(depth + 1).wrapping_add(descend(depth + 2)) ^ frame[15]
    }
    black_box(descend(black_box(0)));
}
