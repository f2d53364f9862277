//! Sends the data of each event that names a type to answer to (`replyto`) back under that type.
#![cfg(target_family = "wasm")]

use hearken_guests::{Event, OutgoingEvent, events, plugin};

fn echo(event: Event) -> Result<(), String> {
    let Some((_, reply_to)) = event
        .extensions
        .into_iter()
        .find(|(name, _)| name == "replyto")
    else {
        return Ok(());
    };
    let answer = OutgoingEvent {
        type_: reply_to,
        id: None,
        subject: event.subject,
        time: None,
        datacontenttype: Some(event.datacontenttype),
        data: Some(event.data),
        distributed: false,
        channel: None,
        extensions: Vec::new(),
    };
    match events::send(&answer) {
        Ok(_) => Ok(()),
        Err(error) => Err(format!("{error:?}")),
    }
}

plugin!("custom.*", echo);
