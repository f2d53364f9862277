use hearken_sdk::Event;

#[hearken_sdk::listener("custom.a", topic = "x")]
fn unknown(_event: Event) {}

#[hearken_sdk::listener("custom.a", subject = 7)]
fn not_text(_event: Event) {}

#[hearken_sdk::listener("custom.a", subject = "")]
fn empty(_event: Event) {}

#[hearken_sdk::listener("custom.a", local_only, local_only)]
fn twice(_event: Event) {}

#[hearken_sdk::listener("custom.a", local_only = true)]
fn value(_event: Event) {}

#[hearken_sdk::listener("custom.a", live)]
fn live_anyway(_event: Event) {}

#[hearken_sdk::listener("custom.a", from = "new")]
fn from_nowhere(_event: Event) {}

#[hearken_sdk::listener("custom.a", channel = "c", live, from = 7)]
fn live_from(_event: Event) {}

#[hearken_sdk::listener("custom.a", channel = "c", from = "last")]
fn unknown_start(_event: Event) {}

#[hearken_sdk::listener("custom.a" "custom.b")]
fn no_comma(_event: Event) {}

fn main() {}
