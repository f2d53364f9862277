//! Consumes the channel `orders`, the one that `also` of its configuration names, and listens
//! live to `custom.both.*`. It reports each
//! attempt with the event's id, data, channel, number and attempt; then does what the data
//! says: `{"do": "fail", "times": N}` fails the first N times that this instance has it,
//! `reject` and `trap` do so each time, `append` appends an event with its id as data to the
//! channel `handled`.
#![cfg(target_family = "wasm")]

use std::cell::RefCell;
use std::collections::BTreeMap;

use hearken_guests::bindings::hearken::plugin::channels;
use hearken_guests::bindings::hearken::plugin::types::ChannelDelivery;
use hearken_guests::{
    Delivery, Description, Event, Failure, Filter, Guest, ListenerDescription, OutgoingEvent,
    config, data_of, report,
};
use serde_json::json;

thread_local! {
    /// How often events have failed, by their ids.
    static FAILED: RefCell<BTreeMap<String, u64>> = const { RefCell::new(BTreeMap::new()) };
}

struct Plugin;

fn listener(name: &str, pattern: &str, delivery: Delivery) -> ListenerDescription {
    ListenerDescription {
        name: name.to_owned(),
        filter: Filter {
            pattern: pattern.to_owned(),
            subject: None,
            channel: None,
            local_only: false,
        },
        delivery,
    }
}

fn append(event: &Event) -> Result<(), Failure> {
    let derived = OutgoingEvent {
        type_: "handled".to_owned(),
        id: None,
        subject: event.subject.clone(),
        time: None,
        datacontenttype: None,
        data: Some(json!(event.id).to_string().into_bytes()),
        distributed: false,
        channel: None,
        extensions: Vec::new(),
    };
    match channels::append("handled", &[derived], None) {
        Ok(_) => Ok(()),
        Err(error) => Err(Failure::Again(format!("{error:?}"))),
    }
}

impl Guest for Plugin {
    fn describe() -> Description {
        let channel = |name: String| Delivery::Channel(ChannelDelivery { name, from: None });
        let orders = channel("orders".to_owned());
        let mut listeners = vec![
            listener("consume", "custom.{order,both}.*", orders),
            listener("hear", "custom.{both,poison}.*", Delivery::Live),
        ];
        let also = config("also").map(channel);
        listeners.extend(also.map(|also| listener("also", "custom.order.*", also)));
        Description {
            version: config("version").unwrap_or_else(|| "1".to_owned()),
            listeners,
        }
    }

    fn handle(event: Event, attempt: Option<u32>) -> Result<(), Failure> {
        let data = data_of(&event);
        let found = json!({
            "id": event.id, "data": data, "channel": event.channel,
            "sequence": event.sequence, "attempt": attempt,
        });
        if config("quiet").is_none() {
            report("report.consuming", found).map_err(Failure::Again)?;
        }
        match data["do"].as_str().unwrap_or_default() {
            "fail" => {
                let failed = FAILED.with_borrow_mut(|failed| {
                    let failed = failed.entry(event.id.clone()).or_default();
                    *failed += 1;
                    *failed
                });
                if failed <= data["times"].as_u64().unwrap_or(u64::MAX) {
                    return Err(Failure::Again("it is told to fail".to_owned()));
                }
            }
            "reject" => return Err(Failure::Reject("it is told to reject".to_owned())),
            "trap" => core::arch::wasm32::unreachable(),
            "append" => append(&event)?,
            _ => {}
        }
        Ok(())
    }
}

hearken_guests::bindings::export!(Plugin with_types_in hearken_guests::bindings);
