use hearken_sdk::sessions::{Connected, Connecting, Refusal, Session, Subscribed, Subscribing};

#[derive(Default)]
struct State;

#[hearken_sdk::sessions("chat:1")]
impl State {
    fn connect(&self, _request: &Connecting) -> Result<Connected, Refusal> {
        Ok(Connected::new())
    }
}

#[hearken_sdk::sessions("chat")]
impl State {
    fn nobody_asks(&self) {}
}

#[hearken_sdk::sessions("chat")]
impl State {
    fn subscribe(&self, _request: &Subscribing) -> Result<Subscribed, Refusal> {
        Ok(Subscribed::new())
    }
}

#[hearken_sdk::sessions("chat")]
impl State {
    fn refresh(_session: &Session, _token: Option<&str>) {}
}

#[hearken_sdk::sessions]
fn no_block() {}

fn main() {}
