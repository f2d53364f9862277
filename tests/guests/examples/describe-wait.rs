//! Waits for an hour when it is asked what it listens to.
#![cfg(target_family = "wasm")]

use hearken_guests::{Filter, describe, events, plugin};

plugin!(
    describe: || {
        let filter = Filter {
            pattern: "custom.never".to_owned(),
            subject: None,
            channel: None,
            local_only: false,
        };
        let _ = events::wait(&filter, 3_600_000);
        describe("0.1.0", "custom.describe-wait.*")
    },
    |_| Ok(())
);
