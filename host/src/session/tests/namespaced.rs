//! Durable channels that are made by their use, for a namespace.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use crate::event::{Draft, EventType};
use crate::session::grant::SubscriptionGrant;
use crate::session::history::PageRequest;
use crate::session::name::ChannelName;
use crate::session::namespace::{DeltaType, Namespace, RecoveryMode};
use crate::session::receipt::{PublishFailure, PublishOptions};
use crate::session::server::Whose;
use crate::session::test_client::{Client, pass, settle};
use crate::session::test_support::{Rig, all, durable, open};

fn at(channel: &str) -> Value {
    json!({ "channel": channel })
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
        (
            json!({ "recover": true, "offset": 1, "epoch": epoch }),
            vec!["log:1 3 at 3"],
        ),
        (
            json!({ "recover": true, "offset": 3, "epoch": epoch }),
            vec![],
        ),
    ] {
        let mut request = position.clone();
        request["channel"] = json!("log:1");
        let mut client = rig.connected().await;
        assert_eq!(
            client.subscribe(request).await["recovered"],
            true,
            "{position}"
        );
        assert_eq!(client.pushes().await, expected, "{position}");
    }
}

#[tokio::test(start_paused = true)]
async fn deltas_and_filters_are_as_in_other_channels() {
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
        rig.append(&channel, &json!(format!("{long}{number}")))
            .await;
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
        let draft = Draft {
            data: Some(b"1".into()),
            ..Draft::new(EventType::custom("test").unwrap())
        };
        let tags = tags
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
        let options = PublishOptions {
            idempotency_key: key.map(str::to_owned),
            tags: tags.collect(),
            skip_history,
            ..PublishOptions::default()
        };
        let publisher = Arc::new(rig.bus.publisher("/test", "test"));
        let published = rig
            .sessions
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
    let wanted = PageRequest {
        since: None,
        limit: 10,
        reverse: false,
    };
    let page = rig.sessions.history(&name, &wanted).await.unwrap();
    assert_eq!((page.publications.len(), page.top.offset), (1, 1));
    rig.sessions.remove_history(&name).await.unwrap();
    let page = rig.sessions.history(&name, &wanted).await.unwrap();
    assert_eq!((page.publications.len(), page.top.offset), (0, 1));
}

#[tokio::test(start_paused = true)]
async fn a_namespace_that_is_durable_no_more_ends_what_was_subscribed() {
    let rig = Rig::new(&[durable("log")], |_| {});
    let mut client = rig.connected().await;
    client.subscribe(at("log:1")).await;
    let settings = (*rig.sessions.settings()).clone();
    let live = all(&[open("log")]);
    rig.sessions.replace_settings(settings, live);
    settle().await;
    assert_eq!(client.pushes().await, ["log:1 unsubscribe 2500"]);
    settle().await;
    let result = client.subscribe(at("log:1")).await;
    assert_eq!(result["recoverable"], Value::Null);
    rig.publish("log:1", &json!(1));
    pass(Duration::from_millis(500)).await;
    assert_eq!(client.pushes().await, ["log:1 1"]);
}

#[tokio::test(start_paused = true)]
async fn a_namespace_that_becomes_durable_ends_what_was_subscribed() {
    let rig = Rig::new(&[open("log")], |_| {});
    let mut client = rig.connected().await;
    client.subscribe(at("log:1")).await;
    let settings = (*rig.sessions.settings()).clone();
    let kept = all(&[durable("log")]);
    rig.sessions.replace_settings(settings, kept);
    settle().await;
    assert_eq!(client.pushes().await, ["log:1 unsubscribe 2500"]);
    settle().await;
    let result = client.subscribe(at("log:1")).await;
    assert_eq!(result["recoverable"], true);
}

#[tokio::test(start_paused = true)]
async fn what_is_subscribed_to_ends_with_its_namespace() {
    let rig = Rig::new(&[open("log"), open("game")], |_| {});
    let mut client = rig.connected().await;
    let mut served = rig.connected().await;
    let whose = Whose::Client(served.id.clone());
    let (name, grant) = (
        ChannelName::new("game:1").unwrap(),
        SubscriptionGrant::default(),
    );
    let subscribed = rig.sessions.subscribe(&whose, &name, &grant, None, None);
    assert_eq!(subscribed.await, Ok(1));
    served.messages().await;
    for channel in ["log:1", "game:1"] {
        client.subscribe(at(channel)).await;
    }
    let replace = |namespaces: &[Namespace]| {
        let settings = (*rig.sessions.settings()).clone();
        rig.sessions.replace_settings(settings, all(namespaces));
    };
    // It may come back, as with a file that is written anew.
    replace(&[open("log")]);
    replace(&[open("log"), open("game")]);
    both_stay(&mut client, &mut served).await;
    assert!(client.pushes().await.is_empty() && served.pushes().await.is_empty());
    replace(&[open("log")]);
    both_stay(&mut client, &mut served).await;
    assert_eq!(client.pushes().await, ["game:1 unsubscribe 2500"]);
    assert_eq!(client.refused("subscribe", &at("game:1")).await, 102);
    assert_eq!(served.pushes().await, ["game:1 unsubscribe 2000"]);
    rig.publish("log:1", &json!(1));
    assert_eq!(client.pushes().await, ["log:1 1"]);
}

/// Lets 44 s pass, in which both answer their pings.
async fn both_stay(one: &mut Client, other: &mut Client) {
    for _ in 0..11 {
        one.stay(Duration::from_secs(2)).await;
        other.stay(Duration::from_secs(2)).await;
    }
    // What may have come to the one in the other's last two seconds.
    one.stay(Duration::from_millis(1)).await;
}

#[tokio::test(start_paused = true)]
async fn what_a_namespace_keeps_holds_for_the_channels_that_it_has() {
    let rig = Rig::new(&[durable("log")], |_| {});
    let mut client = rig.connected().await;
    client.subscribe(at("log:1")).await;
    let channel = rig.channels().get("log:1").unwrap();
    for number in 1..=5 {
        rig.append(&channel, &json!(number)).await;
    }
    let settings = (*rig.sessions.settings()).clone();
    let fewer = Namespace {
        history_size: 2,
        ..durable("log")
    };
    rig.sessions.replace_settings(settings, all(&[fewer]));
    rig.connected().await.subscribe(at("log:1")).await;
    assert_eq!(channel.namespace().as_deref(), Some("log"));
    // Who is subscribed has missed nothing by that.
    rig.append(&channel, &json!(6)).await;
    assert_eq!(channel.bounds().unwrap().first, 5);
    let told: Vec<_> = (1..=6).map(|n| format!("log:1 {n} at {n}")).collect();
    assert_eq!(client.all_pushes().await, told);
}
