//! Tells that it has begun on an event (`report.slow`), sleeps for the `millis` of its configuration, and prints what it has finished.
#![cfg(target_family = "wasm")]

use std::time::Duration;

use hearken_guests::{Event, config, plugin, report};
use serde_json::json;

#[allow(
    clippy::disallowed_methods,
    reason = "in a guest the host does the sleeping, which is what is tested"
)]
fn work(event: Event) -> Result<(), String> {
    report("report.slow", json!({ "id": event.id }))?;
    let millis = config("millis").and_then(|millis| millis.parse().ok());
    std::thread::sleep(Duration::from_millis(millis.unwrap_or(0)));
    println!(
        "finished {} {}",
        event.type_,
        event.subject.as_deref().unwrap_or("-")
    );
    Ok(())
}

plugin!("custom.slow.*", work);
