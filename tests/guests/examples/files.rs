//! Tries to read, list and write files and reports the errors.
#![cfg(target_family = "wasm")]

use hearken_guests::{Event, plugin, report};
use serde_json::{Value, json};

fn error<T>(outcome: std::io::Result<T>) -> Value {
    outcome.map_or_else(|error| json!(error.to_string()), |_| Value::Null)
}

fn attempt(_: Event) -> Result<(), String> {
    report(
        "report.files",
        json!({
            "read": error(std::fs::read("/etc/passwd")),
            "list": error(std::fs::read_dir(".")),
            "write": error(std::fs::write("written-by-a-guest", b"!")),
        }),
    )
}

plugin!("custom.files.*", attempt);
