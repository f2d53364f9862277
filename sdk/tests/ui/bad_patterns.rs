use hearken_sdk::Event;

#[hearken_sdk::listener("custom.hello world")]
fn space(_event: Event) {}

#[hearken_sdk::listener("custom.a", "custom.{b")]
fn brace(_event: Event) {}

#[hearken_sdk::listener("")]
fn empty(_event: Event) {}

#[hearken_sdk::listener]
fn missing(_event: Event) {}

fn main() {}
