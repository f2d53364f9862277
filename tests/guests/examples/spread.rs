//! Passes the data of each event on to all nodes, under the type `attributes.spread`.
#![cfg(target_family = "wasm")]

use hearken_guests::{Event, OutgoingEvent, events, plugin};

fn spread(event: Event) -> Result<(), String> {
    let distributed = OutgoingEvent {
        type_: "attributes.spread".to_owned(),
        id: None,
        subject: event.subject,
        time: None,
        datacontenttype: Some(event.datacontenttype),
        data: Some(event.data),
        distributed: true,
        channel: None,
        extensions: Vec::new(),
    };
    match events::send(&distributed) {
        Ok(_) => Ok(()),
        Err(error) => Err(format!("{error:?}")),
    }
}

plugin!("custom.spread.*", spread);
