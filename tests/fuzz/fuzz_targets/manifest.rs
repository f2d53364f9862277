//! An arbitrary plugin manifest: it is refused with a text, or reads the same again. Run
//! it with `cargo fuzz run --fuzz-dir tests/fuzz -s none manifest`.

#![no_main]

use std::path::Path;

use hearken::config::Manifest;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let path = Path::new("fuzzed.toml");
    match Manifest::parse(path, text) {
        Ok(manifest) => {
            let again = Manifest::parse(path, text).expect("it was taken before");
            assert_eq!(format!("{again:?}"), format!("{manifest:?}"));
        }
        Err(error) => {
            let error = error.to_string();
            assert!(error.contains("fuzzed.toml"), "{error}");
        }
    }
});
