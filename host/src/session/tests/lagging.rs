//! Who reads a durable channel more slowly than it grows, and a model of all who do.

use std::time::Duration;

use proptest::prelude::*;
use serde_json::{Value, json};

use crate::session::test_client::{Client, settle};
use crate::session::test_support::Rig;

fn at(channel: &str) -> Value {
    json!({ "channel": channel })
}

/// Somebody for whom so many bytes may wait, connected.
async fn slow(rig: &Rig, queue: usize) -> Client {
    let mut client = rig.client_with(queue);
    client.ask("connect", &json!({})).await;
    client
}

/// The numbers of publications that came to a client; nothing else did.
async fn numbers(client: &mut Client) -> Vec<u64> {
    let mut numbers = Vec::new();
    loop {
        let messages = client.messages().await;
        if messages.is_empty() {
            return numbers;
        }
        for message in messages {
            let number = message["push"]["pub"]["offset"].as_u64();
            numbers.push(number.unwrap_or_else(|| panic!("{message}")));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn who_reads_slowly_gets_all_and_takes_no_more_memory() {
    const QUEUE: usize = 64 << 10;
    let rig = Rig::new(&[], |_| {});
    let channel = rig.declare("orders", None).await;
    let mut lagging = slow(&rig, QUEUE).await;
    let mut fast = rig.connected().await;
    lagging.subscribe(at("orders")).await;
    fast.subscribe(at("orders")).await;
    let large = "x".repeat(4 << 10);
    let mut came = Vec::new();
    for number in 1..=1000 {
        rig.append(&channel, &json!([number, large])).await;
        came.extend(numbers(&mut fast).await);
        assert!(lagging.waiting() <= QUEUE / 2, "{}", lagging.waiting());
    }
    assert_eq!(came, (1..=1000).collect::<Vec<_>>(), "others do not wait");
    // Its own commands are answered meanwhile.
    let history = json!({ "channel": "orders", "limit": 0 });
    let reply = lagging.ask("history", &history).await;
    assert_eq!(reply["history"]["offset"], 1000);
    assert_eq!(numbers(&mut lagging).await, (1..=1000).collect::<Vec<_>>());
    assert_eq!(lagging.end(), None);
    // Then it goes on with the others.
    rig.append(&channel, &json!(0)).await;
    assert_eq!(numbers(&mut lagging).await, [1001]);
}

#[tokio::test(start_paused = true)]
async fn what_is_larger_than_a_queue_comes_all_the_same() {
    let rig = Rig::new(&[], |_| {});
    let channel = rig.declare("orders", None).await;
    let mut client = slow(&rig, 4 << 10).await;
    client.subscribe(at("orders")).await;
    let large = "x".repeat(512 << 10);
    for _ in 0..3 {
        rig.append(&channel, &json!(large)).await;
    }
    settle().await;
    // And what else comes has its place.
    let history = json!({ "channel": "orders", "limit": 0 });
    assert_eq!(client.refused("history", &history).await, 0);
    assert_eq!(numbers(&mut client).await, [1, 2, 3]);
    assert_eq!(client.end(), None);
}

#[tokio::test(start_paused = true)]
async fn who_lags_behind_what_is_kept_is_told() {
    let rig = Rig::new(&[], |_| {});
    let channel = rig.declare("orders", Some(10)).await;
    let mut client = slow(&rig, 2 << 10).await;
    client.subscribe(at("orders")).await;
    let text = "x".repeat(1 << 10);
    for _ in 0..100 {
        rig.append(&channel, &json!(text)).await;
        settle().await;
    }
    let pushes = client.all_pushes().await;
    assert_eq!(pushes.last().unwrap(), "orders unsubscribe 2500");
    assert!(pushes.len() < 90);
    let request = json!({
        "channel": "orders", "recover": true, "offset": pushes.len() - 1,
        "epoch": channel.epoch().to_string(),
    });
    let result = client.subscribe(request).await;
    assert_eq!(result["recovered"], Value::Null);
    assert_eq!(result["offset"], 100);
    rig.append(&channel, &json!(1)).await;
    assert_eq!(client.pushes().await, ["orders 1 at 101"]);
}

#[tokio::test(start_paused = true)]
async fn who_unsubscribes_while_it_lags_gets_no_more() {
    let rig = Rig::new(&[], |_| {});
    let channel = rig.declare("orders", None).await;
    let mut client = slow(&rig, 2 << 10).await;
    client.subscribe(at("orders")).await;
    let text = "x".repeat(256);
    for _ in 0..100 {
        rig.append(&channel, &json!(text)).await;
    }
    settle().await;
    client.ask("unsubscribe", &at("orders")).await;
    client.messages().await;
    assert!(client.all_pushes().await.is_empty());
    // And from where it says, if it comes back at once.
    let request = json!({
        "channel": "orders", "recover": true, "offset": 90,
        "epoch": channel.epoch().to_string(),
    });
    assert_eq!(client.subscribe(request).await["recovered"], true);
    assert_eq!(numbers(&mut client).await, (91..=100).collect::<Vec<_>>());
}

#[tokio::test(start_paused = true)]
async fn who_reads_slowly_but_reads_is_not_taken_for_gone() {
    let rig = Rig::new(&[], |_| {});
    let channel = rig.declare("orders", None).await;
    let mut client = rig.connected().await;
    client.subscribe(at("orders")).await;
    let text = "x".repeat(1 << 10);
    for _ in 0..1000 {
        rig.append(&channel, &json!(text)).await;
    }
    // So little at a time that it sees no ping within the time that it has to answer.
    for _ in 0..60 {
        tokio::time::advance(Duration::from_secs(1)).await;
        settle().await;
        client.read(1);
        assert_eq!(client.ended(), None);
    }
    // Once it reads no more, it is.
    for _ in 0..40 {
        tokio::time::advance(Duration::from_secs(1)).await;
        settle().await;
    }
    client.all_pushes().await;
    assert_eq!(client.end(), Some(3012));
}

/// What happens to a channel and its readers.
#[derive(Clone, Debug)]
enum Step {
    /// So many events of so many bytes are appended.
    Append(u64, usize),
    /// The oldest are dropped, up to so many before the last.
    Trim(u64),
    /// A reader reads a little.
    Read(usize),
    /// A reader goes, if it is there, or comes back with its position.
    Switch(usize),
    /// All that can go on does.
    Settle,
}

fn any_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (1..20_u64, 1..900_usize).prop_map(|(count, bytes)| Step::Append(count, bytes)),
        1 => (0..40_u64).prop_map(Step::Trim),
        4 => (0..3_usize).prop_map(Step::Read),
        3 => (0..3_usize).prop_map(Step::Switch),
        3 => Just(Step::Settle),
    ]
}

/// A reader, and what is known of it.
struct Reader {
    client: Client,
    is_subscribed: bool,
    /// Number of the last publication that it got, or was told that it begins behind.
    position: u64,
}

impl Reader {
    /// Looks at all that has come.
    async fn look(&mut self, first: u64) {
        for message in self.client.messages().await {
            let push = &message["push"];
            if push["unsubscribe"].is_object() {
                // Only who has missed something is told so.
                assert_eq!(push["unsubscribe"]["code"], 2500);
                assert!(self.position + 1 < first, "{} {first}", self.position);
                self.is_subscribed = false;
                continue;
            }
            let number = push["pub"]["offset"].as_u64();
            assert_eq!(number, Some(self.position + 1), "{message}");
            self.position += 1;
        }
        assert_eq!(self.client.end(), None);
    }
}

async fn run(steps: Vec<Step>) {
    let rig = Rig::new(&[], |_| {});
    let channel = rig.declare("orders", None).await;
    let epoch = channel.epoch().to_string();
    let mut readers = Vec::new();
    for queue in [1 << 10, 4 << 10, 1 << 20] {
        let client = slow(&rig, queue).await;
        readers.push(Reader {
            client,
            is_subscribed: false,
            position: 0,
        });
    }
    for step in steps {
        let bounds = channel.bounds().unwrap();
        match step {
            Step::Append(count, bytes) => {
                for _ in 0..count {
                    rig.append(&channel, &json!("x".repeat(bytes))).await;
                }
            }
            Step::Trim(before) => {
                channel
                    .trim(bounds.last.saturating_sub(before))
                    .await
                    .unwrap();
            }
            Step::Read(which) => readers[which].client.read(1),
            Step::Switch(which) => {
                let reader = &mut readers[which];
                reader.look(bounds.first).await;
                if reader.is_subscribed {
                    reader.client.ask("unsubscribe", &at("orders")).await;
                    // What was on its way before the answer.
                    reader.look(bounds.first).await;
                    reader.is_subscribed = false;
                    continue;
                }
                let request = json!({
                    "channel": "orders", "recover": true, "offset": reader.position,
                    "epoch": epoch,
                });
                let result = reader.client.subscribe(request).await;
                let is_kept = reader.position + 1 >= bounds.first;
                assert_eq!(result["recovered"].as_bool().unwrap_or_default(), is_kept);
                let offset = result["offset"].as_u64().unwrap_or_default();
                match is_kept {
                    true => assert_eq!(offset, reader.position),
                    false => assert_eq!(offset, bounds.last),
                }
                reader.position = offset;
                reader.is_subscribed = true;
            }
            Step::Settle => settle().await,
        }
    }
    let bounds = channel.bounds().unwrap();
    for reader in &mut readers {
        let mut before = u64::MAX;
        while before != reader.position {
            before = reader.position;
            reader.look(bounds.first).await;
        }
        assert!(!reader.is_subscribed || reader.position == bounds.last);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Whatever happens, a reader gets all that follows on its position, in order and once,
    /// or is told that it does not.
    #[test]
    fn readers_get_what_the_model_says(steps in proptest::collection::vec(any_step(), 1..60)) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .start_paused(true)
            .build()
            .unwrap();
        runtime.block_on(run(steps));
    }
}
