//! Keeps so many records of 200 KiB as the event's data says, under keys of their own,
//! and reports each that was not kept, then the number of those that were.
#![cfg(target_family = "wasm")]

use hearken_guests::bindings::wasi::keyvalue::store;
use hearken_guests::{Event, data_of, plugin, report};
use serde_json::json;

fn hoard(event: Event) -> Result<(), String> {
    let bucket = store::open("hoard").map_err(|error| format!("{error:?}"))?;
    let count = data_of(&event).as_u64().ok_or("not a number")?;
    let mut kept = 0;
    for number in 0..count {
        match bucket.set(&format!("{} {number}", event.id), &vec![7; 200 << 10]) {
            Ok(()) => kept += 1,
            Err(store::Error::Other(error)) => {
                report("report.hoarder.lost", json!({ "error": error }))?;
                break;
            }
            Err(error) => return Err(format!("{error:?}")),
        }
    }
    report("report.hoarder.kept", json!({ "kept": kept }))
}

plugin!("custom.hoarder.*", hoard);
