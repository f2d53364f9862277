use std::net::{IpAddr, Ipv4Addr};

use serde_json::{Value, json};

use crate::bus::{Filter, MailboxLimits, Overflow, Receiver, ReceiverKind, Subscription};
use crate::event::Pattern;
use crate::session::test_client::{Client, settle};
use crate::session::test_support::{Rig, open};

pub(super) fn sessions_heard(rig: &Rig) -> Receiver {
    rig.bus.subscribe(Subscription {
        name: "test".into(),
        kind: ReceiverKind::Stream,
        filters: vec![Filter::new(Pattern::new("session.*").unwrap())],
        limits: MailboxLimits::default(),
        overflow: Overflow::DropNewest,
        partitions: 1,
    })
}

/// The next host event: its type, and its channel and code.
async fn heard(receiver: &Receiver) -> (String, Value, Value) {
    let event = receiver.recv().await.unwrap();
    let data: Value = serde_json::from_slice(event.data().unwrap()).unwrap();
    assert_eq!(event.subject(), data["client"].as_str());
    let event_type = event.event_type().to_owned();
    (event_type, data["channel"].clone(), data["code"].clone())
}

#[tokio::test(start_paused = true)]
async fn the_first_command_connects_and_no_other_does() {
    let rig = Rig::new(&[], |_| {});
    let mut early = rig.client();
    let request = json!({ "channel": "a" });
    assert_eq!(early.closed_by("subscribe", &request).await, Some(3501));
    let mut pong = rig.client();
    pong.send("{}").await;
    assert_eq!(pong.end(), Some(3501));
    let mut twice = rig.client();
    let reply = twice.ask("connect", &json!({})).await;
    let connected = &reply["connect"];
    assert_eq!(connected["client"].as_str().unwrap().len(), 36);
    assert!(
        connected["version"]
            .as_str()
            .unwrap()
            .starts_with("hearken ")
    );
    assert_eq!(
        (&connected["ping"], &connected["pong"]),
        (&json!(25), &json!(true))
    );
    assert_eq!(twice.closed_by("connect", &json!({})).await, Some(3501));
    let mut unknown = rig.connected().await;
    unknown.send(r#"{"id":3}"#).await;
    assert_eq!(unknown.messages().await[0]["error"]["code"], 104);
}

#[tokio::test(start_paused = true)]
async fn a_token_says_who_somebody_is() {
    let rig = Rig::guarded(&[], |settings| settings.anonymous = false);
    let mut client = rig.client();
    let token = rig.token("42", None, 60);
    let reply = client.ask("connect", &json!({ "token": token })).await;
    assert_eq!(reply["connect"]["expires"], true);
    assert_eq!(reply["connect"]["ttl"], 60);
    let client = reply["connect"]["client"].as_str().unwrap();
    assert_eq!(&*rig.sessions.show(client).unwrap().user, "42");
    // An expired one is renewed by the client; until then nothing else is answered.
    let mut late = rig.client();
    let expired = json!({ "token": rig.token("42", None, 0) });
    assert_eq!(late.refused("connect", &expired).await, 109);
    assert_eq!(late.closed_by("connect", &json!({})).await, Some(3501));
    for (request, code) in [
        (json!({ "token": "no" }), 3500),
        (json!({ "token": rig.token("42", Some("a"), 60) }), 3500),
        (json!({}), 3501),
    ] {
        let mut refused = rig.client();
        assert_eq!(refused.closed_by("connect", &request).await, Some(code));
    }
}

#[tokio::test(start_paused = true)]
async fn there_are_as_many_sessions_as_there_may_be() {
    let rig = Rig::guarded(&[], |settings| {
        settings.max = 4;
        settings.per_address = Some(3);
        settings.per_user = Some(1);
    });
    let there = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1));
    let mut first = rig.user("42").await;
    let token = json!({ "token": rig.token("42", None, 60) });
    let mut second = rig.client();
    assert_eq!(second.closed_by("connect", &token).await, Some(3504));
    second.leave();
    let mut here: Vec<Client> = (0..3).map(|_| rig.client()).collect();
    let ends = here.iter_mut().map(Client::end);
    assert_eq!(ends.collect::<Vec<_>>(), [None, None, Some(3504)]);
    let mut others = [rig.client_from(there, 99), rig.client_from(there, 99)];
    let ends = others.iter_mut().map(Client::end);
    assert_eq!(ends.collect::<Vec<_>>(), [None, Some(3504)]);
    // Who is gone makes room.
    first.leave();
    let mut again = rig.client();
    assert!(again.ask("connect", &token).await["error"].is_null());
}

#[tokio::test(start_paused = true)]
async fn too_many_at_once_come_back_later() {
    let rig = Rig::new(&[], |settings| {
        settings.connect_rate = Some("2/s".parse().unwrap());
    });
    let _first = [rig.connected().await, rig.connected().await];
    assert_eq!(rig.client().refused("connect", &json!({})).await, 111);
    tokio::time::advance(std::time::Duration::from_secs(1)).await;
    rig.connected().await;
}

#[tokio::test(start_paused = true)]
async fn a_user_may_have_one_connection_only() {
    let rig = Rig::guarded(&[], |settings| settings.single_connection = true);
    let mut first = rig.user("42").await;
    let mut other = rig.user("43").await;
    let mut second = rig.user("42").await;
    assert_eq!(
        [&mut first, &mut other, &mut second].map(Client::end),
        [Some(3504), None, None]
    );
}

#[tokio::test(start_paused = true)]
async fn what_becomes_of_sessions_is_told() {
    let rig = Rig::new(&[open("chat")], |_| {});
    let heard_of = sessions_heard(&rig);
    let mut client = rig.connected().await;
    client.subscribe(json!({ "channel": "chat:1" })).await;
    client.subscribe(json!({ "channel": "chat:2" })).await;
    client
        .ask("unsubscribe", &json!({ "channel": "chat:1" }))
        .await;
    client.leave();
    let mut closed = rig.connected().await;
    closed
        .send(&json!({ "id": 1, "connect": {} }).to_string())
        .await;
    let told = |event_type: &str, channel: Option<&str>, code: Option<u32>| {
        (format!("session.{event_type}"), json!(channel), json!(code))
    };
    for expected in [
        told("connected", None, None),
        told("subscribed", Some("chat:1"), None),
        told("subscribed", Some("chat:2"), None),
        told("unsubscribed", Some("chat:1"), None),
        told("unsubscribed", Some("chat:2"), None),
        told("disconnected", None, None),
        told("connected", None, None),
        told("disconnected", None, Some(3501)),
    ] {
        assert_eq!(heard(&heard_of).await, expected);
    }
    settle().await;
    assert_eq!(rig.sessions.stats().sessions, 0);
    assert_eq!(rig.sessions.stats().channels, 0);
}

#[tokio::test(start_paused = true)]
async fn channels_in_a_token_are_subscribed_at_once() {
    let rig = Rig::guarded(&[open("chat"), open("default")], |settings| {
        settings.personal_channel = true;
    });
    let mut client = rig.client();
    let token = rig.token("42", None, 60);
    let reply = client.ask("connect", &json!({ "token": token })).await;
    assert_eq!(reply["connect"]["subs"], json!({ "#42": {} }));
    rig.publish("#42", &json!("hi"));
    assert_eq!(client.pushes().await, [r##"#42 "hi""##]);
    let request = json!({ "channel": "#42" });
    assert_eq!(client.refused("subscribe", &request).await, 105);
}
