//! Sends the type that the event's data names (`send`), or waits for a pattern (`wait`), for ten seconds or as many milliseconds as `for` says, or first one and then the other, and reports what came of the last.
#![cfg(target_family = "wasm")]

use hearken_guests::{Event, Filter, OutgoingEvent, data_of, events, plugin, report};
use serde_json::{Value, json};

fn send(type_: &str) -> Result<String, String> {
    let event = OutgoingEvent {
        type_: type_.to_owned(),
        id: None,
        subject: None,
        time: None,
        datacontenttype: None,
        data: None,
        distributed: false,
        channel: None,
        extensions: Vec::new(),
    };
    events::send(&event).map_err(|error| format!("{error:?}"))
}

fn wait(pattern: &str, millis: u64) -> Result<String, String> {
    let filter = Filter {
        pattern: pattern.to_owned(),
        subject: None,
        channel: None,
        local_only: false,
    };
    report("report.asking.waits", Value::Null)?;
    let waited = events::wait(&filter, millis);
    waited
        .map(|event| event.type_)
        .map_err(|error| format!("{error:?}"))
}

fn ask(event: Event) -> Result<(), String> {
    let data = data_of(&event);
    let millis = data["for"].as_u64().unwrap_or(10_000);
    let answer = match (data["send"].as_str(), data["wait"].as_str()) {
        (Some(type_), None) => send(type_),
        (Some(type_), Some(pattern)) => wait(pattern, millis).and_then(|_| send(type_)),
        (None, Some(pattern)) => wait(pattern, millis),
        (None, None) => return Err("it is asked for nothing".to_owned()),
    };
    let (done, error) = match answer {
        Ok(done) => (json!(done), Value::Null),
        Err(error) => (Value::Null, json!(error)),
    };
    report("report.asking", json!({ "done": done, "error": error }))
}

plugin!("custom.{asking,other}.*", ask);
