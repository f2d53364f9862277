//! Whoever is subscribed gets all that is published between, once and in order, however
//! publishing, subscribing and handing on fall together.

use proptest::prelude::*;
use serde_json::json;

use crate::session::test_client::Client;
use crate::session::test_support::{Rig, kept, open};

#[derive(Clone, Copy, Debug)]
enum Step {
    Publish,
    Subscribe(usize),
    Unsubscribe(usize),
    /// Others get the thread so many times.
    Yield(u8),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => Just(Step::Publish),
        2 => (0..3usize).prop_map(Step::Subscribe),
        1 => (0..3usize).prop_map(Step::Unsubscribe),
        2 => (1..4u8).prop_map(Step::Yield),
    ]
}

/// What a client is to have got.
#[derive(Default)]
struct Expected {
    is_subscribed: bool,
    /// What was published since it subscribed.
    owed: Vec<u64>,
}

/// The numbers that a client got.
async fn got(client: &mut Client) -> Vec<u64> {
    let messages = client.messages().await;
    let numbers = messages.iter().map(|it| it["push"]["pub"]["data"].as_u64());
    numbers.collect::<Option<_>>().unwrap()
}

async fn run(steps: Vec<Step>, channel: &str) {
    let rig = Rig::new(&[kept("kept"), open("live")], |_| {});
    let mut clients = Vec::new();
    for _ in 0..3 {
        clients.push((rig.connected().await, Expected::default()));
    }
    let request = json!({ "channel": channel });
    let mut published = 0;
    for step in steps {
        match step {
            Step::Publish => {
                published += 1;
                rig.publish(channel, &json!(published));
                for (_, expected) in &mut clients {
                    if expected.is_subscribed {
                        expected.owed.push(published);
                    }
                }
            }
            Step::Subscribe(at) => {
                let (client, expected) = &mut clients[at];
                if !expected.is_subscribed {
                    client.subscribe(request.clone()).await;
                    expected.is_subscribed = true;
                }
            }
            Step::Unsubscribe(at) => {
                let (client, expected) = &mut clients[at];
                if expected.is_subscribed {
                    client.ask("unsubscribe", &request).await;
                    expected.is_subscribed = false;
                    // What was not handed on is not any more: the beginning is there.
                    let got = got(client).await;
                    assert!(expected.owed.starts_with(&got), "{got:?}");
                    expected.owed.clear();
                }
            }
            Step::Yield(times) => {
                for _ in 0..times {
                    tokio::task::yield_now().await;
                }
            }
        }
    }
    for (client, expected) in &mut clients {
        assert_eq!(got(client).await, expected.owed);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn nothing_is_lost_and_nothing_comes_twice(
        steps in proptest::collection::vec(step(), 0..60),
        is_kept in any::<bool>(),
    ) {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = runtime.enable_all().build().unwrap();
        runtime.block_on(run(steps, if is_kept { "kept:1" } else { "live:1" }));
    }
}
