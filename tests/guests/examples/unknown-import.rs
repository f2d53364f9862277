//! Needs an interface that no host has.
#![cfg(target_family = "wasm")]

wit_bindgen::generate!({
    path: "../../wit",
    inline: "
        package guests:unknown-import;

        world plugin {
            import nobody:has/this@1.0.0;
            export hearken:plugin/listener@0.2.0;
        }

        package nobody:has@1.0.0 {
            interface this {
                ask: func() -> string;
            }
        }
    ",
    generate_all,
});

use exports::hearken::plugin::listener::{Description, Event, Failure, Guest};
use hearken::plugin::types::{Delivery, Filter, ListenerDescription};

struct Plugin;

impl Guest for Plugin {
    fn describe() -> Description {
        Description {
            version: "0.1.0".to_owned(),
            listeners: vec![ListenerDescription {
                name: "unknown-import".to_owned(),
                filter: Filter {
                    pattern: "custom.unknown-import.*".to_owned(),
                    subject: None,
                    channel: None,
                    local_only: false,
                },
                delivery: Delivery::Live,
            }],
        }
    }

    fn handle(_: Event, _: Option<u32>) -> Result<(), Failure> {
        Err(Failure::Again(nobody::has::this::ask()))
    }
}

export!(Plugin);
