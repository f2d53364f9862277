//! Waits for an hour when it is asked what it listens to, which it reports first.
#![cfg(target_family = "wasm")]

use hearken_guests::{Filter, describe, events, plugin, report};
use serde_json::json;

plugin!(
    describe: || {
        let filter = Filter {
            pattern: "custom.never".to_owned(),
            subject: None,
            channel: None,
            local_only: false,
        };
        let _ = report("report.describe-wait", json!({}));
        let _ = events::wait(&filter, 3_600_000);
        describe("0.1.0", "custom.describe-wait.*")
    },
    |_| Ok(())
);
