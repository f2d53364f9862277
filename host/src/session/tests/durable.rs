//! Durable channels that are declared.

use std::sync::Arc;

use hearken_channel_log::{ChannelName as LogName, Discard};
use serde_json::{Value, json};

use crate::channel::{ChannelSettings, ExpectedEnd};
use crate::session::name::ChannelName;
use crate::session::namespace::Namespace;
use crate::session::test_client::Client;
use crate::session::test_support::{Rig, durable};

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
        assert_eq!(client.all_pushes().await, orders(offset + 1..=1000));
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
async fn what_was_found_to_be_given_up_is_not_said_to_be_recovered() {
    let rig = Rig::new(&[], |_| {});
    let channel = rig.declare("orders", None).await;
    for number in 1..=5 {
        rig.append(&channel, &json!(number)).await;
    }
    let epoch = json!(channel.epoch().to_string());
    channel.note_missing(3);
    for (offset, is_recovered) in [(2, false), (3, true)] {
        let (_client, result) = back(&rig, offset, &epoch).await;
        let told = result["recovered"].as_bool().unwrap_or_default();
        assert_eq!(told, is_recovered, "{offset}");
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
        assert_eq!(
            (&reply["offset"], &reply["epoch"]),
            (&json!(30), &json!(epoch))
        );
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
    assert_eq!(
        rig.channels().get("log:1").unwrap().bounds().unwrap().last,
        1
    );
    // Without echo it does not come to who has published it.
    assert_eq!(one.pushes().await, ["orders 1 at 1"]);
    let messages = other.messages().await;
    let of = |channel: &str| {
        let found = messages.iter().find(|it| it["push"]["channel"] == channel);
        found.unwrap()["push"]["pub"].clone()
    };
    let tags = json!({ "type": "custom.channel.published" });
    assert_eq!(of("orders")["tags"], tags);
    let tags = json!({ "type": "custom.log.written" });
    assert_eq!(of("log:1")["tags"], tags);
    assert_eq!(of("log:1")["info"]["client"], one.id);
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
async fn whoever_is_cut_off_by_a_mistake_begins_anew() {
    let rig = Rig::new(&[], |_| {});
    let channel = rig.declare("orders", None).await;
    let mut client = rig.connected().await;
    client.subscribe(at("orders")).await;
    rig.append(&channel, &json!(1)).await;
    assert_eq!(client.pushes().await, ["orders 1 at 1"]);
    let shared = Arc::clone(&rig.sessions.0);
    let hub = shared.hubs.get(&ChannelName::new("orders").unwrap());
    let work = async { panic!("a mistake") };
    shared.filling(hub.unwrap(), work).await;
    assert_eq!(client.pushes().await, ["orders unsubscribe 2500"]);
    rig.append(&channel, &json!(2)).await;
    let request = json!({
        "channel": "orders", "recover": true, "offset": 1,
        "epoch": channel.epoch().to_string(),
    });
    assert_eq!(client.subscribe(request).await["recovered"], true);
    rig.append(&channel, &json!(3)).await;
    assert_eq!(client.all_pushes().await, orders(2..=3));
}
