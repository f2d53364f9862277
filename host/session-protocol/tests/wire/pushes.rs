//! Pushes are the same in both encodings, with and without the reply around them.

use bytes::Bytes;
use hearken_session_protocol::payload::push_json_string;
use hearken_session_protocol::{
    ClientInfo, ConnectResult, Disconnect, Encoding, Publication, Push, PushChannel, SubscribePush,
    Unsubscribe, encode_bare_push, encode_ping, encode_push, end_message,
};
use proptest::prelude::*;
use prost::Message as _;
use serde_json::{Value, json};

use crate::commands::{any_data, any_text, data, object};
use crate::replies::{
    any_connect_result, any_info, any_publication, connect_json, connect_schema, info_json,
    info_schema, publication_json, publication_schema,
};
use crate::{push_text, schema};

/// A push that owns what it says.
#[derive(Debug, Clone)]
enum Owned {
    Publication(Publication),
    Join(ClientInfo),
    Leave(ClientInfo),
    Unsubscribe(Unsubscribe),
    Message(Bytes),
    Subscribe(SubscribePush),
    Connect(ConnectResult),
    Disconnect(Disconnect),
    Refresh(bool, u32),
}

impl Owned {
    fn push(&self) -> Push<'_> {
        match self {
            Self::Publication(publication) => Push::Publication(publication),
            Self::Join(info) => Push::Join(info),
            Self::Leave(info) => Push::Leave(info),
            Self::Unsubscribe(unsubscribe) => Push::Unsubscribe(unsubscribe),
            Self::Message(data) => Push::Message { data },
            Self::Subscribe(subscribe) => Push::Subscribe(subscribe),
            Self::Connect(connect) => Push::Connect(connect),
            Self::Disconnect(disconnect) => Push::Disconnect(disconnect),
            &Self::Refresh(expires, ttl) => Push::Refresh { expires, ttl },
        }
    }
}

fn any_push() -> impl Strategy<Value = Owned> {
    let unsubscribe = (any::<u32>(), any_text()).prop_map(|(code, reason)| {
        let reason = reason.into();
        Owned::Unsubscribe(Unsubscribe { code, reason })
    });
    let disconnect = (any::<u32>(), any_text()).prop_map(|(code, reason)| {
        let reason = reason.into();
        Owned::Disconnect(Disconnect { code, reason })
    });
    let flags = (any::<bool>(), any::<bool>());
    let subscribe = (flags, any_text(), any::<u64>(), any_data());
    let subscribe = subscribe.prop_map(|((recoverable, positioned), epoch, offset, data)| {
        Owned::Subscribe(SubscribePush {
            recoverable,
            epoch,
            offset,
            positioned,
            data: Some(data),
        })
    });
    prop_oneof![
        any_publication().prop_map(Owned::Publication),
        any_info().prop_map(Owned::Join),
        any_info().prop_map(Owned::Leave),
        unsubscribe,
        any_data().prop_map(Owned::Message),
        subscribe,
        any_connect_result().prop_map(Owned::Connect),
        disconnect,
        (any::<bool>(), any::<u32>()).prop_map(|(expires, ttl)| Owned::Refresh(expires, ttl)),
    ]
}

/// A channel's name, or its number.
fn any_channel() -> impl Strategy<Value = Result<String, i64>> {
    prop_oneof![any_text().prop_map(Ok), any::<i64>().prop_map(Err)]
}

fn push_json(channel: &Result<String, i64>, push: &Owned) -> Value {
    let (name, json) = match push {
        Owned::Publication(publication) => ("pub", publication_json(publication)),
        Owned::Join(info) => ("join", json!({ "info": info_json(info) })),
        Owned::Leave(info) => ("leave", json!({ "info": info_json(info) })),
        Owned::Unsubscribe(Unsubscribe { code, reason }) => {
            let json = object([("code", json!(code)), ("reason", json!(reason))]);
            ("unsubscribe", json)
        }
        Owned::Message(bytes) => ("message", object([("data", data(bytes))])),
        Owned::Subscribe(subscribe) => {
            let bytes = subscribe.data.as_deref().unwrap_or_default();
            let json = object([
                ("recoverable", json!(subscribe.recoverable)),
                ("epoch", json!(subscribe.epoch)),
                ("offset", json!(subscribe.offset)),
                ("positioned", json!(subscribe.positioned)),
                ("data", data(bytes)),
            ]);
            ("subscribe", json)
        }
        Owned::Connect(connect) => ("connect", connect_json(connect)),
        Owned::Disconnect(Disconnect { code, reason }) => {
            let json = object([("code", json!(code)), ("reason", json!(reason))]);
            ("disconnect", json)
        }
        Owned::Refresh(expires, ttl) => {
            let json = object([("expires", json!(expires)), ("ttl", json!(ttl))]);
            ("refresh", json)
        }
    };
    let mut pushed = match channel {
        Ok(channel) => object([("channel", json!(channel))]),
        Err(number) => object([("id", json!(number))]),
    };
    pushed[name] = json;
    pushed
}

fn push_schema(channel: &Result<String, i64>, push: &Owned) -> schema::Push {
    let mut expected = schema::Push {
        id: channel.as_ref().err().copied().unwrap_or_default(),
        channel: channel.clone().unwrap_or_default(),
        ..schema::Push::default()
    };
    let about = |info| schema::About {
        info: Some(info_schema(info)),
    };
    match push.clone() {
        Owned::Publication(publication) => {
            expected.r#pub = Some(publication_schema(&publication));
        }
        Owned::Join(info) => expected.join = Some(about(&info)),
        Owned::Leave(info) => expected.leave = Some(about(&info)),
        Owned::Unsubscribe(Unsubscribe { code, reason }) => {
            let reason = reason.into_owned();
            expected.unsubscribe = Some(schema::Unsubscribe { code, reason });
        }
        Owned::Message(data) => expected.message = Some(schema::Data { data }),
        Owned::Subscribe(subscribe) => {
            expected.subscribe = Some(schema::Subscribe {
                recoverable: subscribe.recoverable,
                epoch: subscribe.epoch,
                offset: subscribe.offset,
                positioned: subscribe.positioned,
                data: subscribe.data.unwrap_or_default(),
            });
        }
        Owned::Connect(connect) => expected.connect = Some(connect_schema(&connect)),
        Owned::Disconnect(Disconnect { code, reason }) => {
            expected.disconnect = Some(schema::Disconnect {
                code,
                reason: reason.into_owned(),
                reconnect: false,
            });
        }
        Owned::Refresh(expires, ttl) => {
            expected.refresh = Some(schema::Expiry { expires, ttl });
        }
    }
    expected
}

proptest! {
    #[test]
    fn pushes_come_through(channel in any_channel(), push in any_push()) {
        let about = match &channel {
            Ok(name) => PushChannel::Name(name),
            Err(number) => PushChannel::Number(*number),
        };
        let encoded = |encode: fn(_, PushChannel<'_>, &Push<'_>, &mut _), encoding| {
            let mut out = Vec::new();
            encode(encoding, about, &push.push(), &mut out);
            out
        };
        let expected = push_json(&channel, &push);
        let text = encoded(encode_bare_push, Encoding::Json);
        prop_assert!(!text.contains(&b'\n'));
        prop_assert_eq!(&serde_json::from_slice::<Value>(&text).unwrap(), &expected);
        let text = encoded(encode_push, Encoding::Json);
        let read: Value = serde_json::from_slice(&text).unwrap();
        prop_assert_eq!(read, json!({ "push": expected }));

        let expected = push_schema(&channel, &push);
        let bytes = encoded(encode_bare_push, Encoding::Protobuf);
        let read = schema::Push::decode_length_delimited(&bytes[..]);
        prop_assert_eq!(read.as_ref(), Ok(&expected));
        let bytes = encoded(encode_push, Encoding::Protobuf);
        let read = schema::Reply::decode_length_delimited(&bytes[..]).unwrap();
        let push = Some(expected);
        prop_assert_eq!(read, schema::Reply { push, ..schema::Reply::default() });
    }

    #[test]
    fn lengths_of_all_sizes_are_right(length in prop::sample::select(vec![
        0, 1, 100, 110, 120, 125, 126, 127, 128, 129, 16_370, 16_380, 16_384, 16_390, 2_097_152,
    ])) {
        let data = vec![b'1'; length];
        let push = Push::Message { data: &data };
        let mut out = vec![7];
        encode_push(Encoding::Protobuf, PushChannel::None, &push, &mut out);
        let mut rest = &out[1..];
        let read = schema::Reply::decode_length_delimited(&mut rest).unwrap();
        prop_assert!(rest.is_empty() && out[0] == 7);
        prop_assert_eq!(read.push.unwrap().message.unwrap().data.len(), length);
    }
}

#[test]
fn lines_within_data_become_one() {
    let publication = Publication {
        data: "{\r\n  \"a\": \"x\\ny\",\n  \"b\": [\n1\n]\n}\n".into(),
        info: Some(ClientInfo {
            conn_info: Some("[\n]".into()),
            ..ClientInfo::default()
        }),
        ..Publication::default()
    };
    let pushed = push_text(PushChannel::Number(3), &Push::Publication(&publication));
    let expected = concat!(
        r#"{"push":{"id":3,"pub":{"data":{  "a": "x\ny",  "b": [1]},"#,
        r#""info":{"user":"","client":"","conn_info":[]}}}}"#
    );
    assert_eq!(pushed, expected);
    // Protobuf has no lines.
    let mut out = Vec::new();
    let push = Push::Publication(&publication);
    encode_push(Encoding::Protobuf, PushChannel::None, &push, &mut out);
    let read = schema::Reply::decode_length_delimited(&out[..]).unwrap();
    assert_eq!(read.push.unwrap().r#pub.unwrap().data, publication.data);
}

#[test]
fn data_of_subscriptions_with_deltas_is_a_string() {
    let mut data = Vec::new();
    push_json_string("{\n\"ж\": 1}", &mut data);
    let publication = Publication {
        data: data.into(),
        delta: true,
        ..Publication::default()
    };
    let pushed = push_text(PushChannel::Name("c"), &Push::Publication(&publication));
    let expected = r#"{"push":{"channel":"c","pub":{"data":"{\n\"ж\": 1}","delta":true}}}"#;
    assert_eq!(pushed, expected);
}

#[test]
fn numbers_and_data_are_exact() {
    let publication = Publication {
        data: "12345678901234567890123".into(),
        offset: (1 << 53) + 1,
        time: -1,
        ..Publication::default()
    };
    let pushed = push_text(PushChannel::None, &Push::Publication(&publication));
    let expected = concat!(
        r#"{"push":{"pub":{"data":12345678901234567890123,"#,
        r#""offset":9007199254740993,"time":-1}}}"#
    );
    assert_eq!(pushed, expected);
}

#[test]
fn names_are_escaped() {
    let publication = Publication {
        data: "1".into(),
        tags: [("k\"\n".to_owned(), "\\\u{1}".to_owned())].into(),
        ..Publication::default()
    };
    let pushed = push_text(PushChannel::Name("a\"b"), &Push::Publication(&publication));
    let expected = concat!(
        r#"{"push":{"channel":"a\"b","pub":{"data":1,"#,
        r#""tags":{"k\"\n":"\\\u0001"}}}}"#
    );
    assert_eq!(pushed, expected);
}

#[test]
fn messages_follow_each_other() {
    let mut json = Vec::new();
    let mut protobuf = Vec::new();
    for _ in 0..2 {
        encode_ping(Encoding::Json, &mut json);
        end_message(Encoding::Json, &mut json);
        encode_ping(Encoding::Protobuf, &mut protobuf);
        end_message(Encoding::Protobuf, &mut protobuf);
    }
    assert_eq!(json, b"{}\n{}\n");
    assert_eq!(protobuf, [0, 0]);
}
