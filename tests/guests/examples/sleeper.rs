//! Sleeps for an hour on `custom.sleeper.clock`, and waits as long for an event on any other.
#![cfg(target_family = "wasm")]

use std::time::Duration;

use hearken_guests::{Event, Filter, events, plugin, report};
use serde_json::json;

const HOUR: Duration = Duration::from_secs(3_600);

#[allow(
    clippy::disallowed_methods,
    reason = "in a guest the host does the sleeping, which is what is tested"
)]
fn sleep(event: Event) -> Result<(), String> {
    if event.type_ == "custom.sleeper.clock" {
        std::thread::sleep(HOUR);
    } else {
        let filter = Filter {
            pattern: "custom.never".to_owned(),
            subject: None,
            channel: None,
            local_only: false,
        };
        let _ = events::wait(&filter, HOUR.as_millis() as u64);
    }
    report("report.sleeper", json!({ "id": event.id }))
}

plugin!("custom.sleeper.*", sleep);
