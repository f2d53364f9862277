use hearken_channel_log::{ChannelName as LogName, Discard};
use serde_json::{Value, json};

use crate::channel::{ChannelSettings, ExpectedEnd};
use crate::session::grant::SubscriptionGrant;
use crate::session::history::PageRequest;
use crate::session::name::ChannelName;
use crate::session::namespace::{Namespace, RecoveryMode};
use crate::session::publishing::{PublishFailure, PublishOptions};
use crate::session::server::Whose;
use crate::session::test_client::{Client, pass, settle};
use crate::session::test_support::{Rig, open};

/// A namespace of durable channels in which everybody may do everything.
fn durable(name: &str) -> Namespace {
    Namespace {
        durable: true,
        max_channels: 2,
        presence: true,
        ..open(name)
    }
}

fn at(channel: &str) -> Value {
    json!({ "channel": channel })
}

/// Somebody who comes back to `orders` at this position.
async fn back(rig: &Rig, offset: u64, epoch: &Value) -> (Client, Value) {
    let mut client = rig.connected().await;
    let request = json!({
        "channel": "orders", "recover": true, "offset": offset, "epoch": epoch,
    });
    let result = client.subscribe(request).await;
    (client, result)
}

fn orders(numbers: impl IntoIterator<Item = u64>) -> Vec<String> {
    let told = |number| format!("orders {number} at {number}");
    numbers.into_iter().map(told).collect()
}

#[tokio::test(start_paused = true)]
async fn who_comes_back_gets_all_however_much_that_is() {
    let rig = Rig::new(&[], |_| {});
    let channel = rig.declare("orders", None).await;
    let mut client = rig.connected().await;
    let result = client.subscribe(at("orders")).await;
    let epoch = result["epoch"].clone();
    assert_eq!(epoch, channel.epoch().to_string());
    assert_eq!(
        (&result["recoverable"], &result["positioned"]),
        (&json!(true), &json!(true))
    );
    client.leave();
    for number in 1..=1000 {
        rig.append(&channel, &json!(number)).await;
    }
    for offset in [0, 1, 400, 999, 1000] {
        let (mut client, result) = back(&rig, offset, &epoch).await;
        assert_eq!(result["recovered"], true, "{offset}");
        assert_eq!(result["was_recovering"], true);
        assert_eq!(result["offset"].as_u64().unwrap_or_default(), offset);
        assert_eq!(client.pushes().await, orders(offset + 1..=1000));
    }
    // Any log, if the client does not know which.
    let (mut client, result) = back(&rig, 998, &json!("")).await;
    assert_eq!(result["recovered"], true);
    rig.append(&channel, &json!(1001)).await;
    assert_eq!(client.pushes().await, orders(999..=1001));
    assert_eq!(rig.sessions.stats().recovered, 6);
}

#[tokio::test(start_paused = true)]
async fn what_is_not_there_any_more_is_not_said_to_be_recovered() {
    let rig = Rig::new(&[], |_| {});
    let channel = rig.declare("orders", None).await;
    for number in 1..=10 {
        rig.append(&channel, &json!(number)).await;
    }
    let epoch = json!(channel.epoch().to_string());
    channel.trim(5).await.unwrap();
    let asked = [
        (3, epoch.clone(), false),
        (4, epoch.clone(), true),
        (11, epoch.clone(), false),
        (9, json!("00f1e2d3c4b5a697"), false),
        (9, json!("others"), false),
    ];
    for (offset, epoch_given, is_recovered) in asked {
        let (mut client, result) = back(&rig, offset, &epoch_given).await;
        let told = result["recovered"].as_bool().unwrap_or_default();
        assert_eq!(told, is_recovered, "{offset} of {epoch_given}");
        assert_eq!(result["epoch"], epoch);
        if is_recovered {
            assert_eq!(client.pushes().await, orders(offset + 1..=10));
            continue;
        }
        assert_eq!(result["offset"], 10);
        assert!(client.pushes().await.is_empty());
        client.ask("unsubscribe", &at("orders")).await;
        let request = json!({
            "channel": "orders", "recover": true, "offset": offset, "epoch": epoch_given, "flag": 2,
        });
        assert_eq!(client.refused("subscribe", &request).await, 112);
    }
}

#[tokio::test(start_paused = true)]
async fn what_comes_while_others_publish_comes_once_and_in_order() {
    let rig = Rig::new(&[], |_| {});
    let channel = rig.declare("orders", None).await;
    let mut first = rig.connected().await;
    first.subscribe(at("orders")).await;
    for number in 1..=5 {
        rig.append(&channel, &json!(number)).await;
    }
    let epoch = json!(channel.epoch().to_string());
    // Those who come while others are brought on, at once.
    let (mut second, _) = back(&rig, 2, &epoch).await;
    rig.append(&channel, &json!(6)).await;
    let (mut third, _) = back(&rig, 5, &epoch).await;
    let mut fourth = rig.connected().await;
    assert_eq!(fourth.subscribe(at("orders")).await["offset"], 6);
    rig.append(&channel, &json!(7)).await;
    assert_eq!(first.pushes().await, orders(1..=7));
    assert_eq!(second.pushes().await, orders(3..=7));
    assert_eq!(third.pushes().await, orders(6..=7));
    assert_eq!(fourth.pushes().await, orders(7..=7));
}

#[tokio::test(start_paused = true)]
async fn a_channel_that_is_removed_ends_its_subscriptions() {
    let rig = Rig::new(&[], |_| {});
    let channel = rig.declare("orders", None).await;
    rig.append(&channel, &json!(1)).await;
    let mut client = rig.connected().await;
    let epoch = client.subscribe(at("orders")).await["epoch"].clone();
    let any = ExpectedEnd {
        epoch: None,
        last: None,
    };
    rig.channels().remove(&channel, any).await.unwrap();
    assert_eq!(client.pushes().await, ["orders unsubscribe 2500"]);
    assert_eq!(client.refused("subscribe", &at("orders")).await, 102);
    // One of that name that is made anew is another.
    let again = rig.declare("orders", None).await;
    rig.append(&again, &json!(1)).await;
    let (mut client, result) = back(&rig, 1, &epoch).await;
    assert_eq!(result["recovered"], Value::Null);
    rig.append(&again, &json!(2)).await;
    assert_eq!(client.pushes().await, orders(2..=2));
}

#[tokio::test(start_paused = true)]
async fn the_history_is_that_of_the_log() {
    let rig = Rig::new(&[], |_| {});
    let channel = rig.declare("orders", None).await;
    for number in 1..=30 {
        rig.append(&channel, &json!(number)).await;
    }
    channel.trim(3).await.unwrap();
    let epoch = channel.epoch().to_string();
    let mut client = rig.connected().await;
    let all = json!(-1);
    for (limit, since, reverse, expected) in [
        (json!(0), None, false, vec![]),
        (json!(3), None, false, vec![3, 4, 5]),
        (all.clone(), None, false, (3..=30).collect()),
        (json!(3), Some(10), false, vec![11, 12, 13]),
        (json!(3), Some(1), false, vec![3, 4, 5]),
        (json!(3), Some(30), false, vec![]),
        (json!(3), Some(99), false, vec![]),
        (json!(2), None, true, vec![30, 29]),
        (json!(20), None, true, (11..=30).rev().collect()),
        (all.clone(), Some(6), true, vec![5, 4, 3]),
        (all, Some(3), true, vec![]),
    ] {
        let mut request = json!({ "channel": "orders", "limit": limit, "reverse": reverse });
        if let Some(offset) = since {
            request["since"] = json!({ "offset": offset, "epoch": epoch });
        }
        let reply = client.ask("history", &request).await["history"].take();
        let publications = reply["publications"].as_array().unwrap();
        let offsets = publications.iter().map(|it| it["offset"].as_u64().unwrap());
        let offsets: Vec<u64> = offsets.collect();
        assert_eq!(offsets, expected, "{request}");
        assert_eq!((&reply["offset"], &reply["epoch"]), (&json!(30), &json!(epoch)));
    }
    let since = json!({ "offset": 3, "epoch": "00f1e2d3c4b5a697" });
    let other = json!({ "channel": "orders", "limit": 1, "since": since });
    assert_eq!(client.refused("history", &other).await, 112);
    let since = json!({ "offset": 0, "epoch": epoch });
    let first = json!({ "channel": "orders", "limit": 1, "reverse": true, "since": since });
    assert_eq!(client.refused("history", &first).await, 107);
}

#[tokio::test(start_paused = true)]
async fn what_a_client_publishes_is_durable_before_it_is_answered() {
    let quiet = Namespace {
        echo: false,
        event_type: "custom.log.written".to_owned(),
        ..durable("log")
    };
    let rig = Rig::new(&[quiet], |_| {});
    let channel = rig.declare("orders", None).await;
    let mut one = rig.connected().await;
    let mut other = rig.connected().await;
    for client in [&mut one, &mut other] {
        client.subscribe(at("orders")).await;
        client.subscribe(at("log:1")).await;
    }
    for (channel, data) in [("orders", 1), ("log:1", 2)] {
        let publish = json!({ "channel": channel, "data": data });
        assert_eq!(one.ask("publish", &publish).await["publish"], json!({}));
    }
    assert_eq!(channel.bounds().unwrap().last, 1);
    assert_eq!(rig.channels().get("log:1").unwrap().bounds().unwrap().last, 1);
    // Without echo it does not come to who has published it.
    assert_eq!(one.pushes().await, ["orders 1 at 1"]);
    let messages = other.messages().await;
    let of = |at: usize| messages[at]["push"]["pub"].clone();
    assert_eq!(of(0)["tags"], json!({ "type": "custom.channel.published" }));
    assert_eq!(of(1)["tags"], json!({ "type": "custom.log.written" }));
    assert_eq!(of(1)["info"]["client"], one.id);
    let full = json!({ "channel": "orders", "data": "x".repeat(1 << 20) });
    assert_eq!(one.refused("publish", &full).await, 106);
}

#[tokio::test(start_paused = true)]
async fn a_channel_that_takes_no_more_says_so() {
    let rig = Rig::new(&[], |_| {});
    let mut settings = ChannelSettings::default();
    settings.log.max_events = Some(1);
    settings.log.discard = Discard::Refuse;
    let name = LogName::new("orders").unwrap();
    let made = rig.channels().set(&name, settings, None, true).await;
    let mut client = rig.connected().await;
    let publish = json!({ "channel": "orders", "data": 1 });
    assert_eq!(client.refused("publish", &publish).await, 0);
    let reply = client.ask("publish", &publish).await;
    assert_eq!(reply["error"]["code"], 108);
    let told = reply["error"]["message"].as_str().unwrap();
    assert!(told.starts_with("not available: "), "{told}");
    assert_eq!(made.unwrap().0.bounds().unwrap().last, 1);
}

#[tokio::test(start_paused = true)]
async fn channels_of_a_durable_namespace_are_made_by_their_use_and_bounded() {
    let bounded = Namespace {
        history_size: 3,
        ..durable("log")
    };
    let rig = Rig::new(&[bounded], |_| {});
    let mut client = rig.connected().await;
    for (channel, code) in [
        ("log:1", 0),
        ("log:a#b", 107),
        ("log:2", 0),
        ("log:3", 106),
        ("log:1", 105),
    ] {
        let refused = client.refused("subscribe", &at(channel)).await;
        assert_eq!(refused, code, "{channel}");
    }
    let publish = |channel: &str| json!({ "channel": channel, "data": 1 });
    assert_eq!(client.refused("publish", &publish("log:4")).await, 106);
    assert_eq!(client.refused("publish", &publish("log:2")).await, 0);
    let channel = rig.channels().get("log:1").unwrap();
    assert_eq!(channel.namespace().as_deref(), Some("log"));
    for number in 1..=5 {
        rig.append(&channel, &json!(number)).await;
    }
    let kept = channel.bounds().unwrap();
    assert_eq!((kept.first, kept.last), (3, 5));
    // Who is subscribed is known as in any other channel.
    let presence = client.ask("presence_stats", &at("log:1")).await;
    assert_eq!(presence["presence_stats"]["num_clients"], 1);
    // Nobody publishes there without waiting for the disk.
    let sent = rig.publish_with("log:1", &json!(1), PublishOptions::default());
    assert!(matches!(sent, Err(PublishFailure::Durable(_))));
}

#[tokio::test(start_paused = true)]
async fn a_channel_is_made_only_for_who_may_be_there() {
    let closed = Namespace {
        durable: true,
        ..Namespace::new("log")
    };
    let without = Namespace {
        durable: true,
        ..open("default")
    };
    let rig = Rig::guarded(&[closed, without], |settings| settings.channel_limit = 1);
    let dead = rig.declare("dead.cart", None).await;
    let orders = rig.declare("orders", None).await;
    let mut client = rig.user("42").await;
    assert_eq!(client.refused("subscribe", &at("log:1")).await, 103);
    assert_eq!(client.refused("history", &at("log:1")).await, 103);
    let publish = json!({ "channel": "log:1", "data": 1 });
    assert_eq!(client.refused("publish", &publish).await, 103);
    // What operators have declared is not the namespace's, nor what the node lays aside.
    for channel in [&dead, &orders] {
        let name = channel.name().as_str();
        assert_eq!(client.refused("subscribe", &at(name)).await, 103, "{name}");
    }
    assert_eq!(client.refused("subscribe", &at("dead.other")).await, 107);
    assert_eq!(client.refused("subscribe", &at("news")).await, 0);
    assert_eq!(client.refused("subscribe", &at("more")).await, 106);
    let names: Vec<_> = rig.channels().list(None, 10);
    let names: Vec<_> = names.iter().map(|it| it.name().as_str()).collect();
    assert_eq!(names, ["dead.cart", "news", "orders"]);
}

#[tokio::test(start_paused = true)]
async fn the_latest_alone_is_brought_where_the_namespace_says_so() {
    let cached = Namespace {
        force_recovery_mode: RecoveryMode::Cache,
        auto_cache_recover: true,
        ..durable("log")
    };
    let rig = Rig::new(&[cached], |_| {});
    let mut client = rig.connected().await;
    let result = client.subscribe(at("log:1")).await;
    assert_eq!(result["recovered"], Value::Null);
    let epoch = result["epoch"].clone();
    let channel = rig.channels().get("log:1").unwrap();
    for number in 1..=3 {
        rig.append(&channel, &json!(number)).await;
    }
    for (position, expected) in [
        (json!({}), vec!["log:1 3 at 3"]),
        (json!({ "recover": true, "offset": 1, "epoch": epoch }), vec!["log:1 3 at 3"]),
        (json!({ "recover": true, "offset": 3, "epoch": epoch }), vec![]),
    ] {
        let mut request = position.clone();
        request["channel"] = json!("log:1");
        let mut client = rig.connected().await;
        assert_eq!(client.subscribe(request).await["recovered"], true, "{position}");
        assert_eq!(client.pushes().await, expected, "{position}");
    }
}

#[tokio::test(start_paused = true)]
async fn deltas_and_filters_are_as_in_other_channels() {
    use crate::session::namespace::DeltaType;
    let namespace = Namespace {
        allowed_delta_types: vec![DeltaType::Fossil],
        delta_publish: true,
        allow_tags_filter: true,
        ..durable("log")
    };
    let rig = Rig::new(&[namespace], |_| {});
    let mut client = rig.connected().await;
    let request = json!({ "channel": "log:1", "delta": "fossil" });
    assert_eq!(client.subscribe(request).await["delta"], true);
    let mut filtered = rig.connected().await;
    let filter = json!({ "key": "type", "cmp": "eq", "val": "custom.other" });
    let request = json!({ "channel": "log:1", "tf": filter });
    filtered.subscribe(request).await;
    let channel = rig.channels().get("log:1").unwrap();
    let long = "long enough for a delta to be shorter than that. ".repeat(4);
    for number in 1..=3 {
        rig.append(&channel, &json!(format!("{long}{number}"))).await;
    }
    let messages = client.messages().await;
    let deltas: Vec<_> = messages
        .iter()
        .map(|it| it["push"]["pub"]["delta"].as_bool().unwrap_or_default())
        .collect();
    assert_eq!(deltas, [false, true, true]);
    assert!(filtered.pushes().await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn servers_subscribe_sessions_and_publish_and_read() {
    let rig = Rig::new(&[durable("log")], |_| {});
    let mut client = rig.connected().await;
    let name = ChannelName::new("log:1").unwrap();
    let whose = Whose::Client(client.id.clone());
    let grant = SubscriptionGrant::default();
    let subscribed = rig.sessions.subscribe(&whose, &name, &grant, None, None);
    assert_eq!(subscribed.await, Ok(1));
    let publish = async |key: Option<&str>, tags: &[(&str, &str)], skip_history| {
        let draft = crate::event::Draft {
            data: Some(b"1".into()),
            ..crate::event::Draft::new(crate::event::EventType::custom("test").unwrap())
        };
        let tags = tags.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
        let options = PublishOptions {
            idempotency_key: key.map(str::to_owned),
            tags: tags.collect(),
            skip_history,
            ..PublishOptions::default()
        };
        let publisher = std::sync::Arc::new(rig.bus.publisher("/test", "test"));
        let published =
            rig.sessions
                .publish_anywhere(publisher, "key:test", "log:1", draft, options);
        published.await
    };
    let first = publish(Some("k"), &[("of", "cent")], false).await.unwrap();
    assert_eq!(first.position.as_ref().unwrap().offset, 1);
    let again = publish(Some("k"), &[], false).await.unwrap();
    assert!(again.duplicate);
    assert_eq!(again.position, first.position);
    assert!(publish(None, &[], true).await.is_err(), "it keeps all");
    let messages = client.messages().await;
    assert_eq!(messages[0]["push"]["subscribe"]["recoverable"], true);
    let tags = json!({ "of": "cent", "type": "custom.test" });
    assert_eq!(messages[1]["push"]["pub"]["tags"], tags);
    assert_eq!(messages.len(), 2);
    let all = PageRequest {
        since: None,
        limit: 10,
        reverse: false,
    };
    let page = rig.sessions.history(&name, &all).await.unwrap();
    assert_eq!((page.publications.len(), page.top.offset), (1, 1));
    rig.sessions.remove_history(&name).await.unwrap();
    let page = rig.sessions.history(&name, &all).await.unwrap();
    assert_eq!((page.publications.len(), page.top.offset), (0, 1));
}

#[tokio::test(start_paused = true)]
async fn a_namespace_that_is_durable_no_more_ends_what_was_subscribed() {
    let rig = Rig::new(&[durable("log")], |_| {});
    let mut client = rig.connected().await;
    client.subscribe(at("log:1")).await;
    let settings = (*rig.sessions.settings()).clone();
    let live = crate::session::test_support::all(&[open("log")]);
    rig.sessions.replace_settings(settings, live);
    client.stay(std::time::Duration::from_secs(41)).await;
    assert_eq!(client.pushes().await, ["log:1 unsubscribe 2500"]);
    settle().await;
    let result = client.subscribe(at("log:1")).await;
    assert_eq!(result["recoverable"], Value::Null);
    rig.publish("log:1", &json!(1));
    pass(std::time::Duration::from_millis(500)).await;
    assert_eq!(client.pushes().await, ["log:1 1"]);
}
