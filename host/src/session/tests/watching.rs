use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;

use crate::access::{Granted, Role};
use crate::bus::{Publisher, ReceiverKind};
use crate::event::{Draft, EventType, Pattern};
use crate::session::across::KNOWN_WITHIN;
use crate::session::name::ChannelName;
use crate::session::namespace::Namespace;
use crate::session::server::{Spared, Whose};
use crate::session::test_client::settle;
use crate::session::test_support::{Rig, open};

/// A role that hears these types.
fn hears(patterns: &[&str]) -> Role {
    let granted = |text: &&str| Granted {
        value: Pattern::new(text).unwrap(),
        place: "test".to_owned(),
    };
    Role {
        place: "test".to_owned(),
        listen: patterns.iter().map(granted).collect(),
        ..Role::default()
    }
}

fn publish(publisher: &Publisher, event_type: &str, subject: Option<&str>, data: i32) {
    let draft = Draft {
        subject: subject.map(Into::into),
        data: Some(data.to_string().into_bytes().into()),
        ..Draft::new(EventType::custom(event_type).unwrap())
    };
    publisher.publish(&draft).unwrap();
}

fn at(channel: &str) -> Value {
    json!({ "channel": channel })
}

#[tokio::test(start_paused = true)]
async fn who_watches_a_thing_gets_what_happens_about_it_and_may_be_heard() {
    let roles = [
        ("shop", hears(&["custom.shop.*"])),
        ("all", hears(&["custom.*"])),
        ("none", hears(&[])),
    ];
    let rig = Rig::with_roles(&[open("chat")], &roles);
    let mut shop = rig.in_role("shop").await;
    let mut all = rig.in_role("all").await;
    let mut none = rig.in_role("none").await;
    let channel = "subject:ORDER-7";
    let result = shop.subscribe(at(channel)).await;
    assert_eq!(result["recoverable"], Value::Null);
    assert_eq!(result["positioned"], Value::Null);
    all.subscribe(at(channel)).await;
    assert_eq!(none.refused("subscribe", &at(channel)).await, 103);
    let publisher = &rig.publisher;
    publish(publisher, "shop.paid", Some("ORDER-7"), 1);
    publish(publisher, "bank.paid", Some("ORDER-7"), 2);
    publish(publisher, "shop.paid", Some("ORDER-8"), 3);
    publish(publisher, "shop.paid", None, 4);
    publish(publisher, "shop.sent", Some("ORDER-7"), 5);
    let messages = shop.messages().await;
    assert_eq!(messages[0]["push"]["pub"]["data"], 1);
    assert_eq!(
        messages[0]["push"]["pub"]["tags"],
        json!({ "type": "custom.shop.paid", "subject": "ORDER-7" })
    );
    assert_eq!(messages[1]["push"]["pub"]["data"], 5);
    assert_eq!(messages.len(), 2);
    let told = ["1", "2", "5"].map(|data| format!("{channel} {data}"));
    assert_eq!(all.pushes().await, told);
}

#[tokio::test(start_paused = true)]
async fn who_may_hear_other_things_from_now_on_subscribes_anew() {
    let roles = [
        ("shop", hears(&["custom.shop.*"])),
        ("bank", hears(&["custom.bank.*"])),
    ];
    let rig = Rig::with_roles(&[], &roles);
    let mut client = rig.in_role("shop").await;
    client.subscribe(at("subject:a")).await;
    for role in ["shop", "bank"] {
        let token = json!({ "token": rig.role_token(role) });
        assert_eq!(client.refused("refresh", &token).await, 0);
        publish(&rig.publisher, "shop.paid", Some("a"), 1);
        let expected = match role {
            "shop" => "subject:a 1",
            _ => "subject:a unsubscribe 2501",
        };
        assert_eq!(client.pushes().await, [expected], "{role}");
    }
    client.subscribe(at("subject:a")).await;
    publish(&rig.publisher, "shop.paid", Some("a"), 2);
    publish(&rig.publisher, "bank.paid", Some("a"), 3);
    assert_eq!(client.pushes().await, ["subject:a 3"]);
}

#[tokio::test(start_paused = true)]
async fn who_watches_is_answered_once_other_nodes_know_of_it_and_never_late() {
    let rig = Rig::new(&[], |_| {});
    let mut client = rig.connected().await;
    let others = rig.bus.interest();
    // Nobody has said yet that it knows of anything.
    others.set_known(0);
    let begun = Instant::now();
    client.subscribe(at("subject:a")).await;
    assert_eq!(begun.elapsed(), KNOWN_WITHIN);
    others.set_known(u64::MAX);
    let begun = Instant::now();
    client.subscribe(at("events:custom.a")).await;
    assert_eq!(begun.elapsed(), Duration::ZERO);
    client.ask("unsubscribe", &at("subject:a")).await;
    client.ask("unsubscribe", &at("events:custom.a")).await;
    settle().await;
    let wanted = others.look(|wishes| wishes.size().entries);
    assert_eq!(
        wanted, 0,
        "nothing is wanted for longer than somebody watches"
    );
}

#[tokio::test(start_paused = true)]
async fn types_are_watched_by_a_pattern_and_channels_of_sessions_too() {
    let rig = Rig::new(&[open("chat")], |_| {});
    let mut client = rig.connected().await;
    client.subscribe(at("events:custom.{shop,test}*")).await;
    assert_eq!(client.refused("subscribe", &at("events:{a")).await, 107);
    assert_eq!(client.refused("subscribe", &at("events:")).await, 107);
    publish(&rig.publisher, "shop.paid", None, 1);
    publish(&rig.publisher, "bank.paid", None, 2);
    rig.publish("chat:1", &json!(3));
    let channel = "events:custom.{shop,test}*";
    let told = ["1", "3"].map(|data| format!("{channel} {data}"));
    assert_eq!(client.pushes().await, told);
}

#[tokio::test(start_paused = true)]
async fn nothing_is_published_to_what_only_shows_and_nothing_kept() {
    let rig = Rig::new(&[open("chat")], |_| {});
    let mut client = rig.connected().await;
    for channel in ["subject:a", "events:custom.a"] {
        client.subscribe(at(channel)).await;
        let publish = json!({ "channel": channel, "data": 1 });
        assert_eq!(client.refused("publish", &publish).await, 103);
        assert_eq!(client.refused("history", &at(channel)).await, 108);
        assert_eq!(client.refused("presence", &at(channel)).await, 108);
    }
}

#[tokio::test(start_paused = true)]
async fn there_is_one_receiver_for_a_channel_as_long_as_somebody_watches() {
    let rig = Rig::new(&[Namespace::new("chat")], |_| {});
    let receivers = || rig.bus.receivers(ReceiverKind::Stream);
    let before = receivers();
    let mut one = rig.connected().await;
    let mut other = rig.connected().await;
    one.subscribe(at("subject:a")).await;
    other.subscribe(at("subject:a")).await;
    settle().await;
    assert_eq!(receivers(), before + 1);
    one.ask("unsubscribe", &at("subject:a")).await;
    publish(&rig.publisher, "x", Some("a"), 1);
    assert_eq!(other.pushes().await, ["subject:a 1"]);
    assert!(one.pushes().await.is_empty());
    other.leave();
    settle().await;
    assert_eq!(receivers(), before);
    assert_eq!(rig.sessions.stats().channels, 0);
    // And again from the start.
    one.subscribe(at("subject:a")).await;
    publish(&rig.publisher, "x", Some("a"), 2);
    assert_eq!(one.pushes().await, ["subject:a 2"]);
}

#[tokio::test(start_paused = true)]
async fn a_message_goes_to_those_who_watch_a_thing_but_to_who_is_excluded() {
    let rig = Rig::new(&[], |_| {});
    let mut one = rig.connected().await;
    let mut other = rig.connected().await;
    let mut third = rig.connected().await;
    for client in [&mut one, &mut other] {
        client.subscribe(at("subject:ORDER-7")).await;
    }
    let whose = Whose::Channel(ChannelName::new("subject:ORDER-7").unwrap());
    let excluded = Spared::client(other.id.clone());
    assert_eq!(rig.sessions.message(&whose, b"\"hi\"", None, &excluded), 1);
    let told = json!({ "push": { "message": { "data": "hi" } } });
    assert_eq!(one.messages().await, [told]);
    assert!(other.messages().await.is_empty());
    assert!(third.messages().await.is_empty());
}
