//! The hooks that are measured, written with the SDK: they let everybody do everything.

#![cfg(target_family = "wasm")]

use hearken_sdk::sessions::{Published, Publishing, Refusal, Session, Subscribed, Subscribing};

#[derive(Default)]
struct Hooked;

#[hearken_sdk::sessions("bench")]
impl Hooked {
    fn subscribe(&self, _: &Session, _: &Subscribing) -> Result<Subscribed, Refusal> {
        Ok(Subscribed::new())
    }

    fn publish(&self, _: &Session, _: &Publishing) -> Result<Published, Refusal> {
        Ok(Published::Unchanged)
    }
}
