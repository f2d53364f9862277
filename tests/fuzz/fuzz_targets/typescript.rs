//! An arbitrary text in TypeScript: it is refused by its line, or what is left without its types
//! has each line and each character where it was, and is left so. Run it with
//! `cargo fuzz run --fuzz-dir tests/fuzz -s none typescript`.

#![no_main]

use hearken_typescript::blank;
use libfuzzer_sys::fuzz_target;

/// Longest text that is tried, in bytes: the parser calls itself for what is nested, which a node
/// lets it do where a stack that overflows ends an instance and not the process.
const LONGEST: usize = 512;

fuzz_target!(|text: &str| {
    if text.len() > LONGEST {
        return;
    }
    let Ok(left) = blank(text) else {
        return;
    };
    let is_break = |c: char| matches!(c, '\n' | '\r' | '\u{2028}' | '\u{2029}');
    let places = |text: &str| -> Vec<usize> {
        let lines = text.split(is_break);
        lines.map(|line| line.chars().count()).collect()
    };
    assert_eq!(places(&left), places(text), "{left:?}");
    match blank(&left) {
        Ok(again) => assert_eq!(again, left, "of {text:?}"),
        Err(problem) => panic!("{left:?} of {text:?}: {problem:?}"),
    }
});
