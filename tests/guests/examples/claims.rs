//! Tries to send an event with the attributes that the event's data says (`claimed`), and reports what came of it.
#![cfg(target_family = "wasm")]

use hearken_guests::{Event, OutgoingEvent, data_of, events, plugin, report};
use serde_json::{Value, json};

fn claim(event: Event) -> Result<(), String> {
    let claims = data_of(&event);
    let extensions = claims["extensions"].as_array().cloned();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let claimed = OutgoingEvent {
        type_: "claimed".to_owned(),
        id: None,
        subject: None,
        time: claims["time"].as_str().map(str::to_owned),
        datacontenttype: None,
        data: claims["data"].as_str().map(|data| data.as_bytes().to_vec()),
        distributed: false,
        channel: None,
        extensions: extensions
            .unwrap_or_default()
            .iter()
            .map(|pair| (text(&pair[0]), text(&pair[1])))
            .collect(),
    };
    let error = events::send(&claimed)
        .err()
        .map(|error| format!("{error:?}"));
    report("report.claims", json!({ "error": error }))
}

plugin!("custom.claims.*", claim);
