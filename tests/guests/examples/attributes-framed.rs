//! On the SDK: reports all attributes of each event that it gets (`report.attributes`).
#![cfg(target_family = "wasm")]

use std::time::{SystemTime, SystemTimeError};

use hearken_sdk::{Event, OutgoingEvent, send};
use serde_json::{Value, json};

#[hearken_sdk::listener("custom.attributes.*")]
fn tell(event: &Event, data: Value) -> Result<(), String> {
    let time = event.recorded_time().duration_since(SystemTime::UNIX_EPOCH);
    let time = time.map_err(|error: SystemTimeError| error.to_string())?;
    let extensions: Vec<(&str, &str)> = event.extensions().collect();
    let attributes = json!({
        "id": event.id(),
        "source": event.source(),
        "type": event.event_type(),
        "subject": event.subject(),
        "time": event.producer_time(),
        "recordedtime": u64::try_from(time.as_millis()).map_err(|error| error.to_string())?,
        "datacontenttype": event.datacontenttype(),
        "data": data,
        "distributed": event.is_distributed(),
        "origin": event.origin(),
        "localorigin": event.is_local(),
        "channel": event.channel(),
        "sequence": event.sequence(),
        "traceparent": event.traceparent(),
        "tracestate": event.tracestate(),
        "extensions": extensions,
    });
    match send(OutgoingEvent::new("report.attributes").json(&attributes)) {
        Ok(_) => Ok(()),
        Err(error) => Err(error.to_string()),
    }
}
