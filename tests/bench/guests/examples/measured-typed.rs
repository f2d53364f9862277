//! The listener that is measured, with plain bindings: one event a call, every
//! attribute lifted.

#![cfg(target_family = "wasm")]

use std::hint::black_box;

use hearken_bench_guests::bindings::typed;
use typed::exports::hearken::plugin::listener::{Description, Event, Failure, Guest};
use typed::hearken::plugin::types::{Delivery, Filter, ListenerDescription};

struct Listener;

impl Guest for Listener {
    fn describe() -> Description {
        Description {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            listeners: vec![ListenerDescription {
                name: "count".to_owned(),
                filter: Filter {
                    pattern: "custom.bench.count*".to_owned(),
                    subject: None,
                    channel: None,
                    local_only: false,
                },
                delivery: Delivery::Live,
            }],
        }
    }

    fn handle(event: Event, _: Option<u32>) -> Result<(), Failure> {
        black_box((event.type_.len(), event.data.first()));
        Ok(())
    }
}

typed::export!(Listener with_types_in typed);
