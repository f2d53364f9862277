//! A component for wasmCloud: asks the subject that a message's body names and publishes the answer, or the error, as `wasmcloud.answer`.
#![cfg(target_family = "wasm")]

wit_bindgen::generate!({
    world: "messaging-guest",
    path: "../../wit/deps/wasmcloud-messaging",
});

use exports::wasmcloud::messaging::handler::{BrokerMessage, Guest};
use wasmcloud::messaging::consumer;

struct Asker;

impl Guest for Asker {
    fn handle_message(message: BrokerMessage) -> Result<(), String> {
        let subject = String::from_utf8(message.body).map_err(|error| error.to_string())?;
        let body = match consumer::request(&subject, b"a question", 1_000) {
            Ok(answer) => answer.body,
            Err(error) => format!("error: {error}").into_bytes(),
        };
        consumer::publish(&BrokerMessage {
            subject: "wasmcloud.answer".to_owned(),
            body,
            reply_to: None,
        })
    }
}

export!(Asker);
