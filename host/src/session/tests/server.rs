use std::time::Duration;

use hearken_session_protocol::codes::{disconnects, unsubscribes};
use serde_json::json;
use tokio::time::Instant;

use crate::session::grant::SubscriptionGrant;
use crate::session::name::ChannelName;
use crate::session::server::{Spared, Whose};
use crate::session::test_client::{Client, settle};
use crate::session::test_support::{BEGIN, Rig, kept, open};

fn name(text: &str) -> ChannelName {
    ChannelName::new(text).unwrap()
}

fn user(user: &str) -> Whose {
    Whose::User(user.to_owned())
}

#[tokio::test(start_paused = true)]
async fn sessions_are_listed_and_closed() {
    let rig = Rig::guarded(&[open("chat")], |_| {});
    let mut all = [
        rig.user("1").await,
        rig.user("1").await,
        rig.user("2").await,
    ];
    all[0].subscribe(json!({ "channel": "chat:1" })).await;
    let shown = rig.sessions.show(&all[0].id).unwrap();
    assert_eq!((&*shown.user, shown.transport), ("1", "http_stream"));
    assert_eq!(shown.channels, [(name("chat:1"), false)].into());
    assert_eq!(rig.sessions.list(None, "", 10).len(), 3);
    assert_eq!(rig.sessions.list(Some("1"), "", 1).len(), 1);
    let spared = Spared::client(all[1].id.clone());
    let why = disconnects::FORCE_DISCONNECT;
    assert_eq!(rig.sessions.disconnect(&user("1"), &why, &spared), 1);
    assert_eq!(
        rig.sessions
            .disconnect(&Whose::Client("x".to_owned()), &why, &Spared::default()),
        0
    );
    assert_eq!(all.each_mut().map(Client::end), [Some(3503), None, None]);
    assert_eq!(rig.sessions.show(&all[0].id), None);
}

#[tokio::test(start_paused = true)]
async fn the_server_subscribes_and_unsubscribes() {
    let rig = Rig::guarded(&[kept("chat")], |_| {});
    rig.publish("chat:1", &json!(1));
    let mut client = rig.user("1").await;
    let grant = SubscriptionGrant::default();
    let subscribe = async |channel| {
        let (whose, channel) = (user("1"), name(channel));
        let subscribed = rig.sessions.subscribe(&whose, &channel, &grant, None, None);
        subscribed.await
    };
    assert_eq!(subscribe("chat:1").await, Ok(1));
    assert_eq!(subscribe("chat:1").await, Ok(0));
    assert!(subscribe("nothing:1").await.is_err());
    rig.publish("chat:1", &json!(2));
    let messages = client.messages().await;
    assert_eq!(messages[0]["push"]["subscribe"]["offset"], 1);
    assert_eq!(messages[1]["push"]["pub"]["offset"], 2);
    let unsubscribe = || {
        let channel = name("chat:1");
        rig.sessions
            .unsubscribe(&user("1"), &channel, &unsubscribes::SERVER)
    };
    assert_eq!((unsubscribe(), unsubscribe()), (1, 0));
    rig.publish("chat:1", &json!(3));
    assert_eq!(client.pushes().await, ["chat:1 unsubscribe 2000"]);
    client.subscribe(json!({ "channel": "chat:1" })).await;
}

#[tokio::test(start_paused = true)]
async fn messages_go_to_those_who_are_meant() {
    let rig = Rig::guarded(&[open("chat")], |_| {});
    let mut all = [
        rig.user("1").await,
        rig.user("2").await,
        rig.user("2").await,
    ];
    all[0].subscribe(json!({ "channel": "chat:1" })).await;
    for (whose, data, count) in [
        (Whose::Client(all[1].id.clone()), "1", 1),
        (user("2"), "2", 2),
        (Whose::Channel(name("chat:1")), "3", 1),
        (Whose::Node, "4", 3),
    ] {
        assert_eq!(
            rig.sessions
                .message(&whose, data.as_bytes(), None, &Spared::default()),
            count
        );
    }
    let excluded = Spared {
        clients: vec![all[0].id.clone(), all[1].id.clone()],
        ..Spared::default()
    };
    assert_eq!(rig.sessions.message(&Whose::Node, b"5", None, &excluded), 1);
    let mut came = Vec::new();
    for client in &mut all {
        let messages = client.messages().await;
        let data = messages
            .iter()
            .map(|it| it["push"]["message"]["data"].to_string());
        came.push(data.collect::<String>());
    }
    assert_eq!(came, ["34", "124", "245"]);
}

#[tokio::test(start_paused = true)]
async fn the_server_puts_off_when_sessions_expire() {
    let rig = Rig::guarded(&[], |_| {});
    let mut client = rig.user("1").await;
    assert_eq!(rig.sessions.refresh(&user("1"), Some(BEGIN + 60)), 1);
    let push = client.messages().await.remove(0)["push"].take();
    assert_eq!(push["refresh"], json!({ "expires": true, "ttl": 60 }));
    assert_eq!(rig.sessions.refresh(&user("1"), Some(BEGIN)), 1);
    assert_eq!(client.end(), Some(3005));
}

#[tokio::test(start_paused = true)]
async fn a_node_that_ends_closes_its_sessions_one_after_the_other() {
    let rig = Rig::new(&[open("chat")], |_| {});
    let mut all = Vec::new();
    for _ in 0..100 {
        all.push(rig.connected().await);
    }
    let sessions = rig.sessions.clone();
    let deadline = Instant::now() + Duration::from_secs(10);
    let finish = tokio::spawn(async move { sessions.finish(deadline).await });
    settle().await;
    let closed = |all: &mut Vec<Client>| all.iter_mut().filter_map(Client::end).count();
    assert_eq!(closed(&mut all), 2);
    tokio::time::advance(Duration::from_secs(10)).await;
    finish.await.unwrap();
    assert_eq!(closed(&mut all), 100);
    assert_eq!(all[0].end(), Some(3001));
    assert_eq!(rig.client().end(), Some(3001));
}

#[tokio::test(start_paused = true)]
async fn who_connects_as_the_node_ends_is_refused() {
    let rig = Rig::new(&[], |_| {});
    let mut there = rig.connected().await;
    let mut late = rig.client();
    let sessions = rig.sessions.clone();
    let deadline = Instant::now() + Duration::from_secs(10);
    let finish = tokio::spawn(async move { sessions.finish(deadline).await });
    settle().await;
    assert_eq!(there.end(), Some(3001));
    assert_eq!(late.closed_by("connect", &json!({})).await, Some(3001));
    finish.await.unwrap();
    assert_eq!(rig.sessions.stats().sessions, 0);
}
