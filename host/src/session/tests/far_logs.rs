//! Durable channels of other nodes.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::time::{Instant, sleep};

use crate::channel::{Channel, Channels, NamespaceFailure, OtherNodes, SetFailure};
use crate::event::{Draft, EventType};
use crate::mesh::{News, PeerNode};
use crate::session::across::Home;
use crate::session::history::PageRequest;
use crate::session::name::ChannelName;
use crate::session::receipt::{PublishOptions, SessionReceipt};
use crate::session::refused::Refused;
use crate::session::test_client::{Client, pass};
use crate::session::test_net::Net;
use crate::session::test_support::{Rig, durable};

/// What is known of the channels of other nodes.
#[derive(Clone, Default)]
struct Known(Arc<watch::Sender<u64>>, Arc<Mutex<Vec<(String, String)>>>);

impl Known {
    fn has(&self, node: &str, channel: &str) {
        let row = (node.to_owned(), channel.to_owned());
        self.1.lock().unwrap().push(row);
        self.0.send_modify(|changes| *changes += 1);
    }
}

impl OtherNodes for Known {
    fn that_have(&self, channel: &str) -> Vec<String> {
        let known = self.1.lock().unwrap();
        let rows = known.iter().filter(|(_, name)| name == channel);
        rows.map(|(node, _)| node.clone()).collect()
    }

    fn changes(&self) -> watch::Receiver<u64> {
        self.0.subscribe()
    }
}

/// What a node has, as another one knows it at once.
struct Seen(&'static str, Channels);

impl OtherNodes for Seen {
    fn that_have(&self, channel: &str) -> Vec<String> {
        let has = self.1.has(channel).then(|| self.0.to_owned());
        has.into_iter().collect()
    }

    fn changes(&self) -> watch::Receiver<u64> {
        self.1.changes()
    }
}

/// Two nodes, of which the second knows which channels the first has.
async fn two() -> (Net, [Rig; 2], Known) {
    let net = Net::new();
    let rigs = ["a", "b"].map(|name| Rig::beside(&net, name, &[durable("log")]));
    let known = Known::default();
    rigs[1].channels().beside(Arc::new(known.clone()));
    pass(Duration::from_millis(50)).await;
    (net, rigs, known)
}

async fn publish(rig: &Rig, channel: &str, data: &Value) -> Result<SessionReceipt, Refused> {
    let draft = Draft {
        data: Some(data.to_string().into_bytes().into()),
        ..Draft::new(EventType::custom("test").unwrap())
    };
    let publisher = Arc::new(rig.bus.publisher("/nodes/b/clients/key:test", "test"));
    let options = PublishOptions::default();
    let published = rig
        .sessions
        .publish_anywhere(publisher, "key:test", channel, draft, options);
    published.await
}

async fn back(rig: &Rig, channel: &str, offset: u64, epoch: &Value) -> (Client, Value) {
    let mut client = rig.connected().await;
    let request = json!({
        "channel": channel, "recover": true, "offset": offset, "epoch": epoch,
    });
    let result = client.subscribe(request).await;
    (client, result)
}

/// A channel of the first node, and its log.
async fn made(rigs: &[Rig; 2], known: &Known) -> (String, Arc<Channel>) {
    let members = &rigs[0].sessions.0.across.members;
    let mut names = (0..1000).map(|number| format!("log:{number}"));
    let is_here = |name: &String| {
        let name = ChannelName::new(name).unwrap();
        members.home_of(&name) == Home::Here
    };
    let name = names.find(is_here).expect("each has its share");
    let mut client = rigs[0].connected().await;
    client
        .subscribe(json!({ "channel": name, "recoverable": true }))
        .await;
    let channel = rigs[0].channels().get(&name).unwrap();
    known.has("a", &name);
    (name, channel)
}

fn numbers(name: &str, numbers: impl IntoIterator<Item = u64>) -> Vec<String> {
    let told = |number| format!("{name} {number} at {number}");
    numbers.into_iter().map(told).collect()
}

#[tokio::test(start_paused = true)]
async fn a_channel_of_another_node_is_read_and_written_as_one_s_own() {
    let (_net, rigs, known) = two().await;
    let (name, channel) = made(&rigs, &known).await;
    let mut client = rigs[1].connected().await;
    let result = client
        .subscribe(json!({ "channel": name, "recoverable": true }))
        .await;
    assert_eq!(result["epoch"], channel.epoch().to_string());
    assert_eq!(result["recoverable"], true);
    for number in 1..=3 {
        rigs[0].append(&channel, &json!(number)).await;
    }
    for number in 4..=6 {
        let receipt = publish(&rigs[1], &name, &json!(number)).await.unwrap();
        let position = receipt.position.unwrap();
        assert_eq!(
            (position.offset, &json!(&*position.epoch)),
            (number, &result["epoch"])
        );
    }
    pass(Duration::from_millis(100)).await;
    assert_eq!(client.all_pushes().await, numbers(&name, 1..=6));
    let history = json!({ "channel": name, "limit": 2, "reverse": true });
    let reply = client.ask("history", &history).await;
    let publications = reply["history"]["publications"].as_array().unwrap();
    let offsets: Vec<_> = publications.iter().map(|it| it["offset"].clone()).collect();
    assert_eq!(offsets, [6, 5]);
    let sent = json!({ "channel": name, "data": 7 });
    client.ask("publish", &sent).await;
    pass(Duration::from_millis(100)).await;
    assert_eq!(client.all_pushes().await, numbers(&name, [7]));
}

#[tokio::test(start_paused = true)]
async fn who_comes_back_gets_all_however_much_that_is() {
    let (_net, rigs, known) = two().await;
    let (name, channel) = made(&rigs, &known).await;
    for number in 1..=700 {
        rigs[0].append(&channel, &json!(number)).await;
    }
    let epoch = json!(channel.epoch().to_string());
    for offset in [0, 350, 700] {
        let (mut client, result) = back(&rigs[1], &name, offset, &epoch).await;
        assert_eq!(result["recovered"], true);
        let mut got = Vec::new();
        for _ in 0..100 {
            pass(Duration::from_millis(5)).await;
            got.extend(client.all_pushes().await);
        }
        assert_eq!(got, numbers(&name, offset + 1..=700));
    }
    channel.trim(600).await.unwrap();
    let (_, result) = back(&rigs[1], &name, 300, &epoch).await;
    assert!(result["recovered"].is_null(), "{result}");
}

#[tokio::test(start_paused = true)]
async fn while_its_node_is_away_nothing_is_published_and_nobody_misses_anything() {
    let (net, rigs, known) = two().await;
    let (name, channel) = made(&rigs, &known).await;
    let mut client = rigs[1].connected().await;
    client
        .subscribe(json!({ "channel": name, "recoverable": true }))
        .await;
    rigs[0].append(&channel, &json!(1)).await;
    pass(Duration::from_millis(50)).await;
    let start = rigs[0].peer();
    let hearing = |news: fn(PeerNode) -> News| rigs[1].sessions.ears().hear(news(start.clone()));
    hearing(News::Unreachable);
    let published = publish(&rigs[1], &name, &json!("lost")).await;
    let Err(Refused::Error(error)) = published else {
        panic!("it is away: {published:?}");
    };
    assert_eq!((error.code, error.temporary), (100, true));
    net.lose(true);
    for number in 2..=4 {
        rigs[0].append(&channel, &json!(number)).await;
    }
    pass(Duration::from_secs(2)).await;
    net.lose(false);
    hearing(News::Joined);
    pass(Duration::from_secs(2)).await;
    rigs[0].append(&channel, &json!(5)).await;
    pass(Duration::from_millis(100)).await;
    assert_eq!(client.all_pushes().await, numbers(&name, 1..=5));
}

#[tokio::test(start_paused = true)]
async fn a_channel_that_is_removed_ends_for_sessions_of_other_nodes_too() {
    let (_net, rigs, known) = two().await;
    let (name, channel) = made(&rigs, &known).await;
    let mut client = rigs[1].connected().await;
    client
        .subscribe(json!({ "channel": name, "recoverable": true }))
        .await;
    let end = crate::channel::ExpectedEnd {
        epoch: None,
        last: None,
    };
    rigs[0].channels().remove(&channel, end).await.unwrap();
    pass(Duration::from_millis(100)).await;
    assert_eq!(client.pushes().await, [format!("{name} unsubscribe 2500")]);
    let request = json!({ "channel": name, "recoverable": true });
    assert_eq!(client.refused("subscribe", &request).await, 100);
}

#[tokio::test(start_paused = true)]
async fn what_a_channel_has_is_dropped_from_whatever_node() {
    let (net, rigs, known) = two().await;
    let (name, channel) = made(&rigs, &known).await;
    let (epoch, called) = (
        json!(channel.epoch().to_string()),
        ChannelName::new(&name).unwrap(),
    );
    for rig in &rigs {
        rigs[0].append(&channel, &json!("old")).await;
        rig.sessions.remove_history(&called).await.unwrap();
        let bounds = channel.bounds().unwrap();
        assert_eq!(bounds.first, bounds.last + 1);
        let asked = PageRequest {
            since: None,
            limit: 10,
            reverse: false,
        };
        for rig in &rigs {
            let page = rig.sessions.history(&called, &asked).await.unwrap();
            assert_eq!(page.publications, []);
            assert_eq!(page.top.offset, bounds.last);
        }
    }
    let (_client, result) = back(&rigs[1], &name, 2, &epoch).await;
    assert_eq!(result["recovered"], true, "{result}");
    // While its node is away, nothing is.
    net.cut(&rigs[0].peer(), &rigs[1].peer());
    let removed = rigs[1].sessions.remove_history(&called).await;
    let Err(Refused::Error(error)) = removed else {
        panic!("it is away: {removed:?}");
    };
    assert_eq!((error.code, error.temporary), (100, true));
}

#[tokio::test(start_paused = true)]
async fn a_channel_that_a_request_has_made_is_made_on_its_home() {
    let (_net, rigs, known) = two().await;
    let members = &rigs[1].sessions.0.across.members;
    let mut names = (0..1000).map(|number| format!("log:{number}"));
    let is_there = |name: &String| {
        let name = ChannelName::new(name).unwrap();
        members.home_of(&name) != Home::Here
    };
    let name = names.find(is_there).expect("each has its share");
    // It does not say that it has it.
    let made = rigs[1].sessions.make_if_durable(&name).await;
    let busy = NamespaceFailure::Set(SetFailure::Busy).to_string();
    assert_eq!(made.expect_err("it is not known").to_string(), busy);
    known.has("a", &name);
    rigs[1].sessions.make_if_durable(&name).await.unwrap();
    // It says so a moment later.
    let later = names.find(is_there).expect("each has its share");
    let begun = Instant::now();
    let saying = async {
        sleep(Duration::from_millis(500)).await;
        known.has("a", &later);
    };
    let (made, ()) = tokio::join!(rigs[1].sessions.make_if_durable(&later), saying);
    made.unwrap();
    assert!(
        begun.elapsed() < Duration::from_millis(510),
        "{:?}",
        begun.elapsed()
    );
    let has = |rig: &Rig| rig.channels().get(&name).is_some();
    assert_eq!([has(&rigs[0]), has(&rigs[1])], [true, false]);
}

#[tokio::test(start_paused = true)]
async fn a_channel_of_a_namespace_is_made_once_whoever_uses_it_first() {
    let net = Net::new();
    let rigs = ["a", "b"].map(|name| Rig::beside(&net, name, &[durable("log")]));
    for (rig, name, other) in [(0, "b", 1), (1, "a", 0)] {
        let seen = Seen(name, rigs[other].channels().clone());
        rigs[rig].channels().beside(Arc::new(seen));
    }
    pass(Duration::from_millis(50)).await;
    let mut clients = Vec::new();
    let mut epochs = Vec::new();
    for number in 0..2 {
        let channel = json!({ "channel": format!("log:{number}") });
        for rig in &rigs {
            let mut client = rig.connected().await;
            epochs.push(client.subscribe(channel.clone()).await["epoch"].clone());
            clients.push(client);
        }
        assert_eq!(epochs[2 * number], epochs[2 * number + 1]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_channel_that_another_node_knows_to_be_away_is_made_nowhere() {
    let net = Net::new();
    let rigs = ["a", "b"].map(|name| Rig::beside(&net, name, &[durable("log")]));
    let known = Known::default();
    rigs[0].channels().beside(Arc::new(known.clone()));
    pass(Duration::from_millis(50)).await;
    for number in 0..8 {
        let name = format!("log:{number}");
        known.has("z", &name);
        let refused = publish(&rigs[1], &name, &json!(1)).await;
        let Err(Refused::Error(refused)) = refused else {
            panic!("{name}: {refused:?}");
        };
        assert_eq!(refused.code, 100, "{name}");
        assert!(rigs.iter().all(|rig| !rig.channels().has(&name)), "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_channel_of_a_namespace_that_is_none_here_is_nobody_s() {
    let net = Net::new();
    let rigs = [
        Rig::beside(&net, "a", &[durable("log")]),
        Rig::beside(&net, "b", &[]),
    ];
    let known = Known::default();
    rigs[1].channels().beside(Arc::new(known.clone()));
    pass(Duration::from_millis(50)).await;
    let (name, channel) = made(&rigs, &known).await;
    rigs[0].append(&channel, &json!(1)).await;
    let published = publish(&rigs[1], &name, &json!(2)).await;
    let Err(Refused::Error(error)) = published else {
        panic!("it is of no namespace: {published:?}");
    };
    assert_eq!(error.code, 102);
    assert_eq!(channel.bounds().unwrap().last, 1);
}
