use hearken_sdk::Event;

#[hearken_sdk::listener("custom.a")]
async fn asynchronous(_event: Event) {}

#[hearken_sdk::listener("custom.a")]
fn generic<T>(_event: Event, _data: T) {}

#[hearken_sdk::listener("custom.a")]
unsafe fn not_safe(_event: Event) {}

#[hearken_sdk::listener("custom.a")]
fn nothing() {}

#[hearken_sdk::listener("custom.a")]
fn too_much(_event: Event, _data: u32, _more: u32) {}

#[hearken_sdk::listener("custom.a")]
fn borrowed_data(_event: &Event, _data: &str) {}

fn main() {}
