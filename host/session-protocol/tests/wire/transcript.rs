//! A conversation between a client library and a server, as it was on the wire.

use std::collections::BTreeMap;

use bytes::Bytes;
use hearken_session_protocol::codes::{errors, unsubscribes};
use hearken_session_protocol::{
    Answer, ClientInfo, Command, ConnectRequest, ConnectResult, Encoding, Publication, Push,
    PushChannel, Reply, Request, SubscribeRequest, SubscribeResult, encode_ping,
};

use crate::{commands, json, push_text, reply_text};

fn replied(id: u32, answer: Answer) -> serde_json::Value {
    let outcome = Ok(answer);
    json(&reply_text(&Reply { id, outcome }))
}

#[test]
fn the_first_frame_connects_and_subscribes() {
    let frame = r#"{"connect":{"token":"T"},"id":1}
{"subscribe":{"channel":"chat:42","recoverable":true,"flag":1},"id":2}"#;
    let connect = ConnectRequest {
        token: "T".into(),
        ..ConnectRequest::default()
    };
    let subscribe = SubscribeRequest {
        channel: "chat:42".into(),
        recoverable: true,
        flag: SubscribeRequest::COMPACTION,
        ..SubscribeRequest::default()
    };
    let expected = [
        (1, Request::Connect(connect)),
        (2, Request::Subscribe(subscribe)),
    ];
    let expected = expected.map(|(id, request)| Command { id, request });
    assert_eq!(commands(frame), expected);
}

#[test]
fn the_first_frame_of_the_library_for_javascript_is_understood() {
    let frame = concat!(
        r#"{"connect":{"token":"T","data":{"a":1},"name":"js","headers":{"x-client-key":"k"}},"id":1}"#,
        "\n",
        r#"{"subscribe":{"channel":"news","tf":{"key":"subject","cmp":"eq","val":"order-7"},"#,
        r#""delta":"fossil","data":{},"positioned":true,"join_leave":true,"flag":1},"id":2}"#,
        "\n",
    );
    let commands = commands(frame);
    let Request::Connect(connect) = &commands[0].request else {
        panic!("{commands:?}");
    };
    assert_eq!(connect.data, r#"{"a":1}"#);
    assert_eq!(
        (&*connect.name, &*connect.headers["x-client-key"]),
        ("js", "k")
    );
    let Request::Subscribe(subscribe) = &commands[1].request else {
        panic!("{commands:?}");
    };
    assert_eq!((&*subscribe.channel, &*subscribe.delta), ("news", "fossil"));
    assert!(subscribe.positioned && subscribe.join_leave && !subscribe.recoverable);
    let filter = subscribe.tags_filter.as_ref().unwrap();
    assert_eq!(
        (&*filter.key, &*filter.cmp, &*filter.val),
        ("subject", "eq", "order-7")
    );
}

#[test]
fn connecting_is_answered() {
    let own = SubscribeResult {
        recoverable: true,
        positioned: true,
        epoch: "aB".into(),
        offset: 3,
        ..SubscribeResult::default()
    };
    let answer = Answer::Connect(ConnectResult {
        client: "6f".into(),
        version: "hearken 0.2.0".into(),
        ping: 25,
        pong: true,
        expires: true,
        ttl: 3600,
        subs: BTreeMap::from([("#42".into(), own)]),
        ..ConnectResult::default()
    });
    let expected = r##"{"id":1,"connect":{"client":"6f","version":"hearken 0.2.0","ping":25,
        "pong":true,"expires":true,"ttl":3600,"subs":{"#42":{"recoverable":true,
        "positioned":true,"epoch":"aB","offset":3}}}}"##;
    assert_eq!(replied(1, answer), json(expected));
}

#[test]
fn subscribing_is_answered() {
    let first = SubscribeResult {
        recoverable: true,
        positioned: true,
        epoch: "xY".into(),
        offset: 7,
        ..SubscribeResult::default()
    };
    let expected = r#"{"id":2,"subscribe":{"recoverable":true,"positioned":true,"epoch":"xY",
        "offset":7}}"#;
    assert_eq!(replied(2, Answer::Subscribe(first.clone())), json(expected));

    let missed = Publication {
        data: r#"{"m":2}"#.into(),
        offset: 9,
        ..Publication::default()
    };
    let recovered = SubscribeResult {
        offset: 8,
        recovered: true,
        was_recovering: true,
        publications: vec![missed],
        ..first.clone()
    };
    let expected = r#"{"id":9,"subscribe":{"recoverable":true,"positioned":true,"epoch":"xY",
        "offset":8,"recovered":true,"was_recovering":true,
        "publications":[{"data":{"m":2},"offset":9}]}}"#;
    assert_eq!(replied(9, Answer::Subscribe(recovered)), json(expected));

    let lost = SubscribeResult {
        epoch: "zZ".into(),
        offset: 4,
        was_recovering: true,
        ..first
    };
    let expected = r#"{"id":9,"subscribe":{"recoverable":true,"positioned":true,"epoch":"zZ",
        "offset":4,"was_recovering":true}}"#;
    assert_eq!(replied(9, Answer::Subscribe(lost)), json(expected));
}

#[test]
fn a_publication_is_pushed() {
    let publication = Publication {
        data: Bytes::from_static(br#"{"m":1}"#),
        offset: 8,
        info: Some(ClientInfo {
            user: "42".into(),
            client: "6f".into(),
            ..ClientInfo::default()
        }),
        tags: BTreeMap::from([("type".into(), "custom.chat.published".into())]),
        ..Publication::default()
    };
    let push = Push::Publication(&publication);
    let expected = r#"{"push":{"channel":"chat:42","pub":{"data":{"m":1},"offset":8,
        "info":{"user":"42","client":"6f"},"tags":{"type":"custom.chat.published"}}}}"#;
    let pushed = push_text(PushChannel::Name("chat:42"), &push);
    assert_eq!(json(&pushed), json(expected));
}

#[test]
fn pings_and_pongs_are_empty() {
    let mut ping = Vec::new();
    encode_ping(Encoding::Json, &mut ping);
    assert_eq!(ping, b"{}");
    let pong = Command {
        id: 0,
        request: Request::Pong,
    };
    assert_eq!(commands("{}"), [pong]);
}

#[test]
fn refusals_and_ends_are_told() {
    let refused = Reply {
        id: 5,
        outcome: Err(errors::PERMISSION_DENIED),
    };
    let expected = r#"{"id":5,"error":{"code":103,"message":"permission denied"}}"#;
    assert_eq!(reply_text(&refused), expected);
    let push = Push::Unsubscribe(&unsubscribes::INSUFFICIENT_STATE);
    let expected = concat!(
        r#"{"push":{"channel":"chat:42","unsubscribe":"#,
        r#"{"code":2500,"reason":"insufficient state"}}}"#
    );
    assert_eq!(push_text(PushChannel::Name("chat:42"), &push), expected);
}
