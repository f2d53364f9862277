//! Opens the `bucket` of its configuration, which nobody granted, and reports the error.
#![cfg(target_family = "wasm")]

use hearken_guests::bindings::wasi::keyvalue::store;
use hearken_guests::{Event, config, plugin, report};
use serde_json::json;

fn attempt(_: Event) -> Result<(), String> {
    let bucket = config("bucket").unwrap_or_else(|| "secrets".to_owned());
    let error = store::open(&bucket).err().map(|error| format!("{error:?}"));
    report(
        "report.ungranted-kv",
        json!({ "bucket": bucket, "error": error }),
    )
}

plugin!("custom.ungranted-kv.*", attempt);
