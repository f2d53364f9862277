//! A sound component that has nothing to do with events.
#![cfg(target_family = "wasm")]

wit_bindgen::generate!({
    inline: "
        package guests:no-handler;

        world calculator {
            export add: func(a: u32, b: u32) -> u32;
        }
    ",
});

struct Calculator;

impl Guest for Calculator {
    fn add(a: u32, b: u32) -> u32 {
        a.wrapping_add(b)
    }
}

export!(Calculator);
