use hearken_sdk::Event;

#[derive(Default)]
struct State;

#[hearken_sdk::listeners]
impl State {
    #[listener("custom.a")]
    fn consumes(self, _event: Event) {}
}

#[hearken_sdk::listeners]
impl State {
    #[listener("custom.a")]
    fn stateless(_event: Event) {}
}

#[hearken_sdk::listeners]
impl State {
    #[listener]
    fn no_pattern(&self, _event: Event) {}
}

#[hearken_sdk::listeners]
impl State {
    fn nobody_listens(&self, _event: Event) {}
}

#[hearken_sdk::listeners("custom.a")]
impl State {
    fn misplaced(&self, _event: Event) {}
}

impl State {
    #[hearken_sdk::listener("custom.a")]
    fn unmarked_block(&self, _event: Event) {}
}

fn main() {}
