//! Logs once at each level, and prints a line to each output and half a line to one.
#![cfg(target_family = "wasm")]

use std::io::Write;

use hearken_guests::bindings::wasi::logging::logging::{Level, log};
use hearken_guests::{Event, plugin, report};
use serde_json::json;

fn talk(event: Event) -> Result<(), String> {
    for (level, name) in [
        (Level::Trace, "trace"),
        (Level::Debug, "debug"),
        (Level::Info, "info"),
        (Level::Warn, "warn"),
        (Level::Error, "error"),
        (Level::Critical, "critical"),
    ] {
        log(level, "logger", &format!("a message of level {name}"));
    }
    println!("a line on stdout");
    eprintln!("a line on stderr");
    print!("half a line on stdout");
    // Otherwise the guest's own buffer keeps it.
    std::io::stdout()
        .flush()
        .map_err(|error| error.to_string())?;
    report("report.logger", json!({ "id": event.id }))
}

plugin!("custom.logger.*", talk);
