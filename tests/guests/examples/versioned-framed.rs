//! On the SDK: what the versions of the plugin that is replaced while events arrive do, in frames; it reports where in its memory each event's data is, too.
#![cfg(target_family = "wasm")]

use hearken_sdk::{Event, OutgoingEvent, SendError, send};
use serde_json::{Value, json};

#[hearken_sdk::listener("custom.versioned.*")]
fn handle(event: &Event, data: Value) -> Result<(), SendError> {
    let at = event.data_bytes().as_ptr() as usize;
    let report = json!({ "id": event.id(), "data": data, "at": at });
    send(OutgoingEvent::new("handled").json(&report)).map(|_| ())
}
