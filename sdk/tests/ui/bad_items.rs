use hearken_sdk::Event;

#[hearken_sdk::listener("custom.a")]
struct NotAFunction;

struct State;

#[hearken_sdk::listener("custom.a")]
impl State {
    fn on_a(&mut self, _event: Event) {}
}

#[hearken_sdk::listeners]
fn not_an_impl(_event: Event) {}

fn main() {}
