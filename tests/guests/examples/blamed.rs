//! On the SDK: reports each event that it begins (`report.blamed`), and then does what the event's data says.
#![cfg(target_family = "wasm")]

use std::sync::atomic::{AtomicU64, Ordering};

use hearken_sdk::{Event, OutgoingEvent, send};
use serde_json::{Value, json};

/// Events begun by this instance.
static BEGUN: AtomicU64 = AtomicU64::new(0);

#[hearken_sdk::listener("custom.blamed.*")]
fn handle(event: &Event, task: Value) -> Result<(), String> {
    let begun = BEGUN.fetch_add(1, Ordering::Relaxed) + 1;
    let report = json!({ "id": event.id(), "number": task["number"], "begun": begun });
    send(OutgoingEvent::new("report.blamed").json(&report)).map_err(|error| error.to_string())?;
    match task["do"].as_str() {
        Some("print") => {
            println!("content with {}", task["number"]);
            Ok(())
        }
        Some("fail") => Err(format!("no to {}", task["number"])),
        Some("panic") => panic!("alas, {}", task["number"]),
        Some("spin") => loop {
            std::hint::spin_loop();
        },
        _ => Ok(()),
    }
}
