//! Overflows its stack when it is asked what it listens to.
#![cfg(target_family = "wasm")]

use hearken_guests::{describe, nonsense, plugin};

plugin!(
    describe: || {
        nonsense::recurse();
        describe("0.1.0", "custom.describe-recurse.*")
    },
    |_| Ok(())
);
