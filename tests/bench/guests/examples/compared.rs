//! The listener that is compared with those of other languages: what an event costs, a field
//! of its JSON, and one that is sent.

#![cfg(target_family = "wasm")]

use std::hint::black_box;

use hearken_sdk::{Event, OutgoingEvent, send};
use serde_json::Value;

type Outcome = Result<(), Box<dyn std::error::Error>>;

#[hearken_sdk::listener("custom.bench.empty")]
fn empty(_event: &Event) {}

#[hearken_sdk::listener("custom.bench.field")]
fn field(event: &Event) -> Outcome {
    black_box(quantity(event)?);
    Ok(())
}

#[hearken_sdk::listener("custom.bench.send")]
fn sending(event: &Event) -> Outcome {
    send(OutgoingEvent::new("bench.sent").json(&quantity(event)?))?;
    Ok(())
}

/// As a script reads it: the whole JSON as values.
fn quantity(event: &Event) -> Result<Value, Box<dyn std::error::Error>> {
    let data: Value = event.json()?;
    Ok(data["quantity"].clone())
}
