//! Reports all attributes of each event that it gets (`report.attributes`).
#![cfg(target_family = "wasm")]

use hearken_guests::{Event, data_of, plugin, report};
use serde_json::json;

fn tell(event: Event) -> Result<(), String> {
    let attributes = json!({
        "id": event.id,
        "source": event.source,
        "type": event.type_,
        "subject": event.subject,
        "time": event.time,
        "recordedtime": event.recorded_time,
        "datacontenttype": event.datacontenttype,
        "data": data_of(&event),
        "distributed": event.distributed,
        "origin": event.origin,
        "localorigin": event.localorigin,
        "channel": event.channel,
        "sequence": event.sequence,
        "traceparent": event.traceparent,
        "tracestate": event.tracestate,
        "extensions": event.extensions,
    });
    report("report.attributes", attributes)
}

plugin!("custom.attributes.*", tell);
