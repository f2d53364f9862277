//! Speaks a version of the listener interface that does not exist yet.
#![cfg(target_family = "wasm")]

wit_bindgen::generate!({
    inline: "
        package hearken:plugin@0.3.0;

        interface listener {
            describe: func() -> string;
            handle: func(event: string) -> result<_, string>;
        }

        world plugin {
            export listener;
        }
    ",
});

use exports::hearken::plugin::listener::Guest;

struct Plugin;

impl Guest for Plugin {
    fn describe() -> String {
        "custom.wrong-package.*".to_owned()
    }

    fn handle(_: String) -> Result<(), String> {
        Ok(())
    }
}

export!(Plugin);
