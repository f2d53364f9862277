//! Declares 256 listeners, each with the longest pattern and subject that are allowed: 1.3 MB in all. The first has the subject of its number alone, and reports it.
#![cfg(target_family = "wasm")]

use hearken_guests::{Description, Event, describe, plugin, report};

fn long() -> Description {
    let mut description = describe("0.1.0", "custom.describe-long");
    let first = description.listeners[0].clone();
    let further = (0..255).map(|number| {
        let mut listener = first.clone();
        listener.name = format!("n{number}");
        let pattern = format!("custom.describe-long.{number}.");
        listener.filter.pattern = format!("{pattern:x<1024}");
        listener.filter.subject = Some("s".repeat(4_096));
        listener
    });
    description.listeners.extend(further);
    description
}

fn handle(event: Event) -> Result<(), String> {
    report("report.describe-long", event.origin.into())
}

plugin!(describe: long, handle);
