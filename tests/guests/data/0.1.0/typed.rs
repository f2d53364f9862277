//! On plain bindings of 0.1.0: does what the event's data says, and then reports the event (`kept.handled`).

wit_bindgen::generate!({ world: "plugin", path: "wit", generate_all });

use exports::hearken::plugin::listener::{Description, Event, Guest};
use hearken::plugin::events::{self, WaitError};
use hearken::plugin::types::{Filter, ListenerDescription, OutgoingEvent};
use serde_json::{Value, json};

fn filter(pattern: &str) -> Filter {
    Filter { pattern: pattern.to_owned(), subject: None, channel: None, local_only: false }
}

struct Plugin;

impl Guest for Plugin {
    fn describe() -> Description {
        let listener = ListenerDescription {
            name: "handle".to_owned(),
            filter: filter("custom.kept.do.*"),
        };
        Description { version: "0.1.0".to_owned(), listeners: vec![listener] }
    }

    fn handle(event: Event) -> Result<(), String> {
        let task: Value = serde_json::from_slice(&event.data).unwrap_or_default();
        let answer = match task["do"].as_str() {
            Some("fail") => return Err(format!("no to {}", event.id)),
            Some("trap") => panic!("alas, {}", event.id),
            Some("wait") => {
                let pattern = task["for"].as_str().unwrap_or_default();
                let millis = task["millis"].as_u64().unwrap_or_default();
                match events::wait(&filter(pattern), millis) {
                    Ok(answer) => answer.id,
                    Err(WaitError::TimedOut) => "no matching event came in time".to_owned(),
                    Err(WaitError::Invalid(reason)) => reason,
                }
            }
            _ => String::new(),
        };
        let report = json!({
            "id": event.id,
            "source": event.source,
            "subject": event.subject,
            "time": event.time,
            "sequence": event.sequence,
            "extensions": event.extensions,
            "data": task,
            "answer": answer,
        });
        let report = OutgoingEvent {
            type_: "kept.handled".to_owned(),
            subject: None,
            datacontenttype: None,
            data: Some(report.to_string().into_bytes()),
            distributed: false,
            channel: None,
            extensions: Vec::new(),
        };
        events::send(&report).map(|_| ()).map_err(|error| format!("{error:?}"))
    }
}

export!(Plugin);
