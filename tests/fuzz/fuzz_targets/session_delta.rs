//! Arbitrary data before and after: a delta makes the one of the other, and is text where it
//! has to be; and arbitrary data as a delta, which is refused or applied within its limit.
//! Run it with `cargo fuzz run --fuzz-dir tests/fuzz -s none session_delta`.

#![no_main]

use hearken_session_protocol::delta::{apply, create};
use libfuzzer_sys::fuzz_target;

/// Most bytes that an arbitrary delta may make.
const LIMIT: usize = 1 << 12;

fuzz_target!(|data: (&[u8], &[u8])| {
    let (before, after) = data;
    for text in [false, true] {
        let delta = create(before, after, text);
        let made = apply(before, &delta, after.len()).expect("a delta is one");
        assert_eq!(made, after);
        if text && std::str::from_utf8(after).is_ok() {
            std::str::from_utf8(&delta).expect("a delta of text is text");
        }
    }
    if let Ok(made) = apply(before, after, LIMIT) {
        assert!(made.len() <= LIMIT);
    }
});
