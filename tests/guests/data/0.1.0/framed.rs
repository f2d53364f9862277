//! On the SDK of 0.1.0: does what the event's data says, and then reports the event (`kept.handled`).

use std::time::{Duration, SystemTime};

use hearken_sdk::{Event, Filter, OutgoingEvent, send, wait};
use serde_json::{Value, json};

#[hearken_sdk::listener("custom.kept.do.*")]
fn handle(event: &Event, task: Value) -> Result<(), String> {
    let answer = match task["do"].as_str() {
        Some("fail") => return Err(format!("no to {}", event.id())),
        Some("trap") => panic!("alas, {}", event.id()),
        Some("wait") => {
            let pattern = task["for"].as_str().unwrap_or_default();
            let timeout = Duration::from_millis(task["millis"].as_u64().unwrap_or_default());
            let answer = wait(&Filter::new(pattern), timeout);
            answer.map_err(|error| error.to_string()).map(|event| event.id().to_owned())
        }
        _ => Ok(String::new()),
    };
    let time = event.time().duration_since(SystemTime::UNIX_EPOCH);
    let extensions: Vec<(&str, &str)> = event.extensions().collect();
    let report = json!({
        "id": event.id(),
        "source": event.source(),
        "subject": event.subject(),
        "time": time.map_or(0, |time| time.as_millis() as u64),
        "sequence": event.sequence(),
        "extensions": extensions,
        "data": task,
        "answer": answer.unwrap_or_else(|error| error),
    });
    let report = OutgoingEvent::new("kept.handled").json(&report);
    send(report).map(|_| ()).map_err(|error| error.to_string())
}
