use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use bytes::Bytes;
use hearken_session_protocol::{
    Command, ConnectRequest, Encoding, PublishRequest, Request, SendRequest, SubscribeRequest,
};
use serde_json::{Value, json};

use crate::bus::{Filter, MailboxLimits, Overflow, Receiver, ReceiverKind, Subscription};
use crate::event::{ExtensionValue, Pattern};
use crate::session::handle::{Next, Session};
use crate::session::hub::Exclude;
use crate::session::namespace::Namespace;
use crate::session::outbox::{Outbox, Taken};
use crate::session::receipt::{PublishFailure, PublishOptions};
use crate::session::test_client::settle;
use crate::session::test_support::{Rig, kept, open};

fn all_heard(rig: &Rig) -> Receiver {
    rig.bus.subscribe(Subscription {
        name: "test".into(),
        kind: ReceiverKind::Stream,
        filters: vec![Filter::new(Pattern::new("custom.*").unwrap())],
        limits: MailboxLimits::default(),
        overflow: Overflow::DropNewest,
        partitions: 1,
    })
}

#[tokio::test(start_paused = true)]
async fn what_a_client_publishes_is_an_event_and_comes_to_all() {
    let rig = Rig::guarded(&[kept("chat")], |_| {});
    let heard = all_heard(&rig);
    let mut one = rig.user("42").await;
    let mut other = rig.connected().await;
    for client in [&mut one, &mut other] {
        client.subscribe(json!({ "channel": "chat:1" })).await;
    }
    let request = json!({ "channel": "chat:1", "data": { "text": "hi" } });
    let reply = one.ask("publish", &request).await;
    assert_eq!(reply["publish"], json!({}));
    let push = other.messages().await.remove(0)["push"].take();
    assert_eq!(
        push["pub"]["info"],
        json!({ "user": "42", "client": one.id })
    );
    assert_eq!(
        push["pub"]["tags"],
        json!({ "type": "custom.chat.published" })
    );
    assert_eq!(one.pushes().await, [r#"chat:1 {"text":"hi"} at 1"#]);
    let event = heard.recv().await.unwrap();
    assert_eq!(event.event_type(), "custom.chat.published");
    assert_eq!(event.source(), "/nodes/a/clients/user%3A42");
    assert_eq!(
        (event.channel(), event.sequence()),
        (Some("chat:1"), Some(1))
    );
    assert_eq!(event.data().unwrap(), br#"{"text":"hi"}"#);
    let named = |name: &str| {
        let found = event.extensions().find(|(known, _)| *known == name);
        found.map(|(_, value)| value)
    };
    let text = |text: &str| Some(ExtensionValue::String(text.to_owned().into()));
    assert_eq!(
        (named("user"), named("client")),
        (text("42"), text(&one.id))
    );
}

#[tokio::test(start_paused = true)]
async fn plugins_and_streams_hear_a_channel_in_its_order_and_once() {
    let rig = Rig::new(&[kept("chat"), open("live")], |_| {});
    let heard = all_heard(&rig);
    let mut client = rig.connected().await;
    client.subscribe(json!({ "channel": "chat:1" })).await;
    for number in 1..=3 {
        let receipt = rig.publish("chat:1", &json!(number));
        assert_eq!(receipt.position.unwrap().offset, number);
        assert_eq!(rig.publish("live:1", &json!(number)).position, None);
    }
    for number in 1..=3 {
        let event = heard.recv().await.unwrap();
        assert_eq!(
            (event.channel(), event.sequence()),
            (Some("chat:1"), Some(number))
        );
        let event = heard.recv().await.unwrap();
        assert_eq!((event.channel(), event.sequence()), (Some("live:1"), None));
    }
    settle().await;
    assert_eq!(heard.received(), 6);
}

#[tokio::test(start_paused = true)]
async fn the_same_key_publishes_once() {
    let rig = Rig::new(&[kept("chat"), open("live")], |_| {});
    let mut client = rig.connected().await;
    for channel in ["chat:1", "live:1"] {
        client.subscribe(json!({ "channel": channel })).await;
        let options = || PublishOptions {
            idempotency_key: Some("k".to_owned()),
            ..PublishOptions::default()
        };
        let first = rig.publish_with(channel, &json!(1), options()).unwrap();
        let again = rig.publish_with(channel, &json!(2), options()).unwrap();
        assert_eq!((&*first.id, first.duplicate), ("k", false));
        assert!(again.duplicate);
        assert_eq!((again.id, again.position), (first.id, first.position));
    }
    assert_eq!(client.pushes().await, ["chat:1 1 at 1", "live:1 1"]);
}

#[tokio::test(start_paused = true)]
async fn what_was_published_with_a_key_does_not_give_way_to_other_channels() {
    let few = Namespace {
        max_channels: 1,
        ..open("live")
    };
    let rig = Rig::new(&[few], |_| {});
    let publish = || {
        let options = PublishOptions {
            idempotency_key: Some("k".to_owned()),
            ..PublishOptions::default()
        };
        rig.publish_with("live:1", &json!(1), options).unwrap()
    };
    assert!(!publish().duplicate);
    let mut client = rig.connected().await;
    let other = json!({ "channel": "live:2" });
    assert_eq!(client.refused("subscribe", &other).await, 106);
    assert!(publish().duplicate);
}

#[tokio::test(start_paused = true)]
async fn who_is_excluded_does_not_get_it() {
    let silent = Namespace {
        echo: false,
        ..open("chat")
    };
    let rig = Rig::guarded(&[silent], |_| {});
    let mut one = rig.user("42").await;
    let mut other = rig.user("43").await;
    for client in [&mut one, &mut other] {
        client.subscribe(json!({ "channel": "chat:1" })).await;
    }
    let request = json!({ "channel": "chat:1", "data": 1 });
    one.ask("publish", &request).await;
    for (exclude, data) in [
        (Exclude::User("43".into()), 2),
        (Exclude::Client(one.id.as_str().into()), 3),
    ] {
        let options = PublishOptions {
            exclude: Some(exclude),
            ..PublishOptions::default()
        };
        rig.publish_with("chat:1", &json!(data), options).unwrap();
    }
    assert_eq!(one.pushes().await, ["chat:1 2"]);
    assert_eq!(other.pushes().await, ["chat:1 1", "chat:1 3"]);
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_published_is_refused_by_its_code() {
    let subscribers = Namespace {
        publish: crate::session::namespace::AllowedFor {
            subscriber: true,
            ..Default::default()
        },
        ..open("chat")
    };
    let rig = Rig::guarded(&[subscribers, Namespace::new("closed")], |_| {});
    let mut client = rig.user("42").await;
    let to = |channel: &str, data: Value| json!({ "channel": channel, "data": data });
    for (request, code) in [
        (to("chat:1", json!(1)), 103),
        (to("closed:1", json!(1)), 103),
        (to("nothing:1", json!(1)), 102),
        (to("subject:a", json!(1)), 103),
        (json!({ "channel": "chat:1" }), 107),
        (json!({ "channel": "chat:1", "data": 1, "type": 1 }), 108),
    ] {
        assert_eq!(client.refused("publish", &request).await, code, "{request}");
    }
    client.subscribe(json!({ "channel": "chat:1" })).await;
    let reply = client.ask("publish", &to("chat:1", json!(1))).await;
    assert_eq!(reply["publish"], json!({}));
    let failed = |channel| rig.publish_with(channel, &json!(1), PublishOptions::default());
    assert!(matches!(
        failed("other:1"),
        Err(PublishFailure::UnknownChannel(_))
    ));
    assert!(matches!(
        failed("events:a"),
        Err(PublishFailure::NotPublished(_))
    ));
    assert!(matches!(failed(""), Err(PublishFailure::Name(_))));
}

#[tokio::test(start_paused = true)]
async fn commands_that_come_too_fast_are_refused_and_then_the_connection_closed() {
    let rig = Rig::new(&[open("chat")], |settings| {
        settings.rate = Some("2/s".parse().unwrap());
    });
    let mut client = rig.connected().await;
    let request = json!({ "channel": "chat:1", "data": 1 });
    for code in [0, 0, 111] {
        assert_eq!(client.refused("publish", &request).await, code);
    }
    tokio::time::advance(std::time::Duration::from_secs(1)).await;
    assert_eq!(client.refused("publish", &request).await, 0);
    for _ in 0..64 {
        client
            .send(&json!({ "id": 1, "publish": request }).to_string())
            .await;
    }
    assert_eq!(client.end(), Some(3013));
}

#[tokio::test(start_paused = true)]
async fn who_does_not_read_is_closed_and_others_go_on() {
    let rig = Rig::new(&[open("chat")], |_| {});
    let mut slow = rig.client_with(4096);
    slow.ask("connect", &json!({})).await;
    let mut fast = rig.connected().await;
    for client in [&mut slow, &mut fast] {
        client.subscribe(json!({ "channel": "chat:1" })).await;
    }
    let long = "x".repeat(1000);
    let mut came = 0;
    for _ in 0..10 {
        rig.publish("chat:1", &json!(long));
        came += fast.pushes().await.len();
    }
    assert_eq!(came, 10);
    assert_eq!(slow.end(), Some(3008));
    slow.leave();
    assert_eq!(rig.sessions.stats().sessions, 1);
}

#[tokio::test(start_paused = true)]
async fn messages_and_calls_to_the_node_need_somebody_who_takes_them() {
    let open_node = Rig::new(&[], |_| {});
    let heard = all_heard(&open_node);
    let mut client = open_node.connected().await;
    client.send(r#"{"send":{"data":{"a":1}}}"#).await;
    assert_eq!(
        heard.recv().await.unwrap().event_type(),
        "custom.session.message"
    );
    let call = json!({ "method": "m", "data": {} });
    assert_eq!(client.refused("rpc", &call).await, 108);
    let guarded = Rig::guarded(&[], |_| {});
    let mut client = guarded.connected().await;
    client.send(r#"{"send":{"data":{"a":1}}}"#).await;
    assert_eq!(client.end(), Some(3508));
}

#[tokio::test(start_paused = true)]
async fn where_a_plugin_decides_and_none_answers_nobody_may() {
    let decided = Namespace {
        authorize: Some("judge".to_owned()),
        ..open("chat")
    };
    let narrowed = Namespace {
        hooks: Some("judge".to_owned()),
        ..open("game")
    };
    let rig = Rig::new(&[decided, narrowed], |settings| {
        settings.rpc = vec![crate::session::settings::RpcRule {
            methods: hearken_pattern::Glob::new("shop.*".to_owned()),
            plugin: "shop".to_owned(),
        }];
    });
    let mut client = rig.connected().await;
    for channel in ["chat:1", "game:1"] {
        let request = json!({ "channel": channel, "data": 1 });
        assert_eq!(client.refused("subscribe", &request).await, 100);
        assert_eq!(client.refused("publish", &request).await, 100);
    }
    for (method, code) in [("shop.buy", 100), ("other", 104)] {
        let call = json!({ "method": method, "data": {} });
        assert_eq!(client.refused("rpc", &call).await, code);
    }
    let rig = Rig::new(&[], |settings| settings.connect = Some("judge".to_owned()));
    let end = rig.client().closed_by("connect", &json!({})).await;
    assert_eq!(end, Some(3004));
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_handed_on_is_dropped_and_who_has_a_position_is_told() {
    let free = Namespace {
        force_recovery: false,
        ..kept("chat")
    };
    let rig = Rig::new(&[free], |_| {});
    let mut positioned = rig.connected().await;
    let request = json!({ "channel": "chat:1", "positioned": true });
    assert_eq!(positioned.subscribe(request).await["positioned"], true);
    let mut other = rig.connected().await;
    other.subscribe(json!({ "channel": "chat:1" })).await;
    // As many as may wait, and one more.
    for number in 0..=16_384 {
        rig.publish("chat:1", &json!(number));
    }
    assert_eq!(positioned.pushes().await, ["chat:1 unsubscribe 2500"]);
    assert_eq!(other.pushes().await, ["chat:1 16384 at 16385"]);
    assert_eq!(rig.sessions.stats().dropped, 16_384);
}

fn nested(levels: usize) -> String {
    format!("{}{}", "[".repeat(levels), "]".repeat(levels))
}

/// Has a client that speaks protobuf ask for something.
async fn ask(session: &Session, request: Request) -> Next {
    session.handle(Command { id: 1, request }).await
}

async fn connected_in_protobuf(rig: &Rig) -> Session {
    let outbox = Arc::new(Outbox::new(1 << 20, || {}));
    let address = IpAddr::V4(Ipv4Addr::LOCALHOST);
    let session = rig.session(Encoding::Protobuf, address, outbox);
    let request = Request::Connect(ConnectRequest::default());
    assert_eq!(ask(&session, request).await, Next::Continue);
    session
}

#[tokio::test(start_paused = true)]
async fn pushes_in_protobuf_have_the_name_though_a_number_is_asked_for() {
    let rig = Rig::new(&[open("chat")], |_| {});
    let session = connected_in_protobuf(&rig).await;
    let request = SubscribeRequest {
        channel: "chat:1".to_owned(),
        flag: SubscribeRequest::COMPACTION,
        ..SubscribeRequest::default()
    };
    ask(&session, Request::Subscribe(request)).await;
    let taken = || match session.outbox().take(1 << 20) {
        Taken::Frames(frames) => frames,
        other => panic!("frames and not {other:?}"),
    };
    assert_eq!(taken().len(), 2, "the replies");
    rig.publish("chat:1", &json!(1));
    settle().await;
    let frames = taken();
    let has_name = frames[0].windows(6).any(|part| part == b"chat:1");
    assert!(has_name, "{frames:?}");
}

#[tokio::test(start_paused = true)]
async fn clients_publish_no_json_that_is_deeper_than_that_of_others() {
    let rig = Rig::new(&[open("chat")], |_| {});
    let heard = all_heard(&rig);
    let publish = |levels| {
        let data = nested(levels);
        format!(r#"{{"id":1,"publish":{{"channel":"chat:1","data":{data}}}}}"#)
    };
    let mut client = rig.connected().await;
    assert_eq!(client.send(&publish(100)).await, Next::Continue);
    assert_eq!(client.send(&publish(101)).await, Next::End);
    assert_eq!(client.end(), Some(3501));
    let session = connected_in_protobuf(&rig).await;
    for levels in [100, 101] {
        let request = PublishRequest {
            channel: "chat:1".to_owned(),
            data: nested(levels).into(),
            ..PublishRequest::default()
        };
        ask(&session, Request::Publish(request)).await;
    }
    let mut came = Vec::new();
    for _ in 0..3 {
        let event = heard.recv().await.unwrap();
        came.push((
            event.datacontenttype().to_owned(),
            event.data().unwrap().len(),
        ));
    }
    let [json, bytes] = ["application/json", "application/octet-stream"].map(str::to_owned);
    assert_eq!(came, [(json.clone(), 200), (json, 200), (bytes, 202)]);
}

#[tokio::test(start_paused = true)]
async fn a_message_to_the_node_is_json_only_if_it_is() {
    let rig = Rig::new(&[], |_| {});
    let heard = all_heard(&rig);
    let session = connected_in_protobuf(&rig).await;
    for data in ["{}", "\u{1}", ""] {
        let data = Bytes::from_static(data.as_bytes());
        let request = Request::Send(SendRequest { data });
        assert_eq!(ask(&session, request).await, Next::Continue);
    }
    for (media_type, data) in [
        ("application/json", Some(&b"{}"[..])),
        ("application/octet-stream", Some(b"\x01")),
        ("application/json", None),
    ] {
        let event = heard.recv().await.unwrap();
        assert_eq!((event.datacontenttype(), event.data()), (media_type, data));
    }
}
