//! Breaks the rules of the canonical ABI: sends a type, or returns an error text, that is not UTF-8.
#![cfg(target_family = "wasm")]

use hearken_guests::{Event, OutgoingEvent, events, plugin};

fn not_text() -> String {
    // SAFETY: nothing in this guest reads the string as text; its bytes go to the
    // host as they are, and what the host does with them is what is tested.
    unsafe { String::from_utf8_unchecked(vec![0xff, 0xfe, 0xc0]) }
}

fn break_rules(event: Event) -> Result<(), String> {
    if event.type_ != "custom.bad-utf8.send" {
        return Err(not_text());
    }
    let _ = events::send(&OutgoingEvent {
        type_: not_text(),
        id: None,
        subject: None,
        time: None,
        datacontenttype: None,
        data: None,
        distributed: false,
        channel: None,
        extensions: Vec::new(),
    });
    Ok(())
}

plugin!("custom.bad-utf8.*", break_rules);
