//! Listens to the channel `orders` from the next event on and reports which attempt each is (`report.consumer-typed`), where the data of each order says what becomes of it: `fail` so many attempts, `reject` with a reason, `trap`, `append` as many events to `bills`. On `custom.consumer-typed.*` it does the same live.
#![cfg(target_family = "wasm")]

use hearken_guests::bindings::exports::hearken::plugin::listener::{Description, Failure, Guest};
use hearken_guests::bindings::hearken::plugin::channels;
use hearken_guests::bindings::hearken::plugin::types::{ChannelDelivery, StartingPoint};
use hearken_guests::{
    Delivery, Event, Filter, ListenerDescription, OutgoingEvent, bindings, data_of, report,
};
use serde_json::json;

struct Plugin;

fn listener(pattern: &str, delivery: Delivery) -> ListenerDescription {
    ListenerDescription {
        name: "handle".to_owned(),
        filter: Filter {
            pattern: pattern.to_owned(),
            subject: None,
            channel: None,
            local_only: false,
        },
        delivery,
    }
}

impl Guest for Plugin {
    fn describe() -> Description {
        let orders = Delivery::Channel(ChannelDelivery {
            name: "orders".to_owned(),
            from: Some(StartingPoint::New),
        });
        Description {
            version: "0.1.0".to_owned(),
            listeners: vec![
                listener("custom.order.*", orders),
                listener("custom.consumer-typed.*", Delivery::Live),
            ],
        }
    }

    fn handle(event: Event, attempt: Option<u32>) -> Result<(), Failure> {
        let data = data_of(&event);
        let mut stored = Vec::new();
        for number in 0..data["append"].as_u64().unwrap_or_default() {
            stored.push(append(number).map_err(Failure::Again)?);
        }
        let told = json!({
            "attempt": attempt,
            "sequence": event.sequence,
            "subject": event.subject,
            "data": data,
            "stored": stored,
        });
        report("report.consumer-typed", told).map_err(Failure::Again)?;
        if data["trap"] == true {
            core::arch::wasm32::unreachable();
        }
        if let Some(reason) = data["reject"].as_str() {
            return Err(Failure::Reject(reason.to_owned()));
        }
        match u64::from(attempt.unwrap_or(1)) <= data["fail"].as_u64().unwrap_or_default() {
            true => Err(Failure::Again("not yet".to_owned())),
            false => Ok(()),
        }
    }
}

/// Appends an event to `bills`; returns its number and id.
fn append(number: u64) -> Result<(u64, String), String> {
    let event = OutgoingEvent {
        type_: "billed".to_owned(),
        id: None,
        subject: None,
        time: None,
        datacontenttype: None,
        data: Some(number.to_string().into_bytes()),
        distributed: false,
        channel: None,
        extensions: Vec::new(),
    };
    let stored = channels::append("bills", &[event], None);
    let stored = stored.map_err(|error| format!("{error:?}"))?;
    let [stored] = &stored[..] else {
        return Err(format!("{} are stored", stored.len()));
    };
    Ok((stored.sequence, stored.id.clone()))
}

bindings::export!(Plugin with_types_in bindings);
