//! A component for wasmCloud: answers each message that wants an answer with its body in capitals.
#![cfg(target_family = "wasm")]

wit_bindgen::generate!({
    world: "messaging-guest",
    path: "../../wit/deps/wasmcloud-messaging",
});

use exports::wasmcloud::messaging::handler::{BrokerMessage, Guest};
use wasmcloud::messaging::consumer;

struct Echo;

impl Guest for Echo {
    fn handle_message(message: BrokerMessage) -> Result<(), String> {
        let Some(reply_to) = message.reply_to else {
            return Ok(());
        };
        consumer::publish(&BrokerMessage {
            subject: reply_to,
            body: message.body.to_ascii_uppercase(),
            reply_to: None,
        })
    }
}

export!(Echo);
