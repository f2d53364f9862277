//! What the test guests share. They are written on the bare interface, not on the
//! SDK, so that a fault of the SDK does not hide one of the host. Those that are on
//! the SDK on purpose say so, and share nothing with the others: a component has the
//! bindings of one world.
//!
//! Unless its own file says otherwise, guest `NAME` listens to `custom.NAME.*` and
//! reports what it found by an event of type `report.NAME` with JSON data.
#![cfg(target_family = "wasm")]

pub mod nonsense;

/// Generated from the interfaces in `wit/`.
pub mod bindings {
    wit_bindgen::generate!({
        world: "plugin",
        path: "../../wit",
        generate_all,
        pub_export_macro: true,
        additional_derives: [Clone],
    });
}

use serde_json::Value;

pub use bindings::exports::hearken::plugin::listener::{Description, Failure, Guest};
pub use bindings::hearken::plugin::events;
pub use bindings::hearken::plugin::types::{
    Delivery, Event, Filter, ListenerDescription, OutgoingEvent,
};

/// Makes a plugin of a handler and a pattern, or of a handler and a `describe`.
#[macro_export]
macro_rules! plugin {
    (describe: $describe:expr, $handle:expr) => {
        struct Plugin;

        impl $crate::Guest for Plugin {
            fn describe() -> $crate::Description {
                let describe: fn() -> $crate::Description = $describe;
                describe()
            }

            fn handle(event: $crate::Event, _: Option<u32>) -> Result<(), $crate::Failure> {
                let handle: fn($crate::Event) -> Result<(), String> = $handle;
                handle(event).map_err($crate::Failure::Again)
            }
        }

        $crate::bindings::export!(Plugin with_types_in $crate::bindings);
    };
    ($pattern:expr, $handle:expr) => {
        $crate::plugin!(describe: || $crate::describe("0.1.0", $pattern), $handle);
    };
}

/// A plugin with one listener, `handle`.
pub fn describe(version: &str, pattern: &str) -> Description {
    Description {
        version: version.to_owned(),
        listeners: vec![ListenerDescription {
            name: "handle".to_owned(),
            filter: Filter {
                pattern: pattern.to_owned(),
                subject: None,
                channel: None,
                local_only: false,
            },
            delivery: Delivery::Live,
        }],
    }
}

/// Sends an event with JSON data; what the host refuses becomes the handler's error.
pub fn report(type_: &str, data: Value) -> Result<(), String> {
    let event = OutgoingEvent {
        type_: type_.to_owned(),
        id: None,
        subject: None,
        time: None,
        datacontenttype: None,
        data: Some(data.to_string().into_bytes()),
        distributed: false,
        channel: None,
        extensions: Vec::new(),
    };
    match events::send(&event) {
        Ok(_) => Ok(()),
        Err(error) => Err(format!("{error:?}")),
    }
}

/// The event's data; null when that is not JSON.
pub fn data_of(event: &Event) -> Value {
    serde_json::from_slice(&event.data).unwrap_or_default()
}

/// The plugin's configuration under `key`.
pub fn config(key: &str) -> Option<String> {
    bindings::wasi::config::store::get(key).ok().flatten()
}
