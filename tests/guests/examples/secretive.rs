//! Reports the secret that the event's data names, prints it, and fails with it where the data is `[name]`.
#![cfg(target_family = "wasm")]

use hearken_guests::bindings::wasmcloud::secrets::reveal::reveal;
use hearken_guests::bindings::wasmcloud::secrets::store::{self, SecretValue};
use hearken_guests::{Event, data_of, plugin, report};
use serde_json::{Value, json};

fn secret(key: &str) -> Result<String, String> {
    let secret = store::get(key).map_err(|error| format!("{error:?}"))?;
    match reveal(&secret) {
        SecretValue::String(text) => Ok(text),
        SecretValue::Bytes(bytes) => Err(format!("{} bytes that are no text", bytes.len())),
    }
}

fn tell(event: Event) -> Result<(), String> {
    let data = data_of(&event);
    let (key, fails) = match &data {
        Value::Array(keys) => (keys[0].as_str(), true),
        key => (key.as_str(), false),
    };
    let secret = secret(key.unwrap_or_default());
    println!("it is {secret:?}");
    eprintln!("it is {secret:?}");
    if fails {
        return Err(format!("it did not help: {secret:?}"));
    }
    let (value, error) = match secret {
        Ok(value) => (json!(value), Value::Null),
        Err(error) => (Value::Null, json!(error)),
    };
    report(
        "report.secretive",
        json!({ "value": value, "error": error }),
    )
}

plugin!("custom.secretive.*", tell);
