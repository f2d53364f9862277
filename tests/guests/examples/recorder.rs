//! Answers every event but its own with `recorded.<type>`, so that a test sees that nothing was missed.
#![cfg(target_family = "wasm")]

use hearken_guests::{Event, data_of, plugin, report};
use serde_json::json;

fn record(event: Event) -> Result<(), String> {
    if event.type_.starts_with("custom.recorded.") {
        return Ok(());
    }
    report(
        &format!("recorded.{}", event.type_),
        json!({ "id": event.id, "source": event.source, "subject": event.subject, "data": data_of(&event) }),
    )
}

plugin!("custom.*", record);
