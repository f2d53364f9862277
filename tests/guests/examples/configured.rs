//! Sends its whole configuration.
#![cfg(target_family = "wasm")]

use hearken_guests::bindings::wasi::config::store;
use hearken_guests::{Event, plugin, report};
use serde_json::{Map, Value};

fn tell(_: Event) -> Result<(), String> {
    let config = store::get_all().map_err(|error| format!("{error:?}"))?;
    let config: Map<_, _> = config
        .into_iter()
        .map(|(key, value)| (key, Value::String(value)))
        .collect();
    report("report.configured", Value::Object(config))
}

plugin!("custom.configured.*", tell);
