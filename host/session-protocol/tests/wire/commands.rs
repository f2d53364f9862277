//! Commands are the same in both encodings.

use std::collections::BTreeMap;

use bytes::Bytes;
use hearken_session_protocol::filter::FilterNode;
use hearken_session_protocol::{
    Command, ConnectRequest, DecodeLimits, Encoding, HistoryRequest, PresenceRequest,
    PresenceStatsRequest, PublishRequest, RefreshRequest, Request, RpcRequest, SendRequest,
    StreamPosition, SubRefreshRequest, SubscribePosition, SubscribeRequest, UnsubscribeRequest,
    decode_connect,
};
use proptest::prelude::*;
use prost::Message as _;
use serde_json::{Map, Value, json};

use crate::{command, commands, decoded, schema};

/// The fields of an object that are not empty.
pub fn object<const N: usize>(fields: [(&str, Value); N]) -> Value {
    let is_empty = |name: &str, value: &Value| match value {
        Value::Null => true,
        // Data is there, whatever it is.
        _ if matches!(name, "data" | "conn_info" | "chan_info") => false,
        Value::Bool(value) => !value,
        Value::Number(value) => value.as_u64() == Some(0),
        Value::String(value) => value.is_empty(),
        Value::Array(value) => value.is_empty(),
        Value::Object(value) => value.is_empty(),
    };
    let fields = fields
        .into_iter()
        .filter(|(name, value)| !is_empty(name, value));
    Value::Object(
        fields
            .map(|(name, value)| (name.to_owned(), value))
            .collect(),
    )
}

/// Data stands in JSON as what it is.
pub fn data(data: &[u8]) -> Value {
    if data.is_empty() {
        return Value::Null;
    }
    serde_json::from_slice(data).expect("it is JSON")
}

/// A request as JSON, by its name, and as it should be understood.
fn both(command: &schema::Command) -> (Option<(&'static str, Value)>, Request) {
    let sent = command.clone();
    if let Some(sent) = sent.connect {
        let subs: Map<String, Value> = sent
            .subs
            .iter()
            .map(|(channel, sub)| (channel.clone(), subscribe_json(sub)))
            .collect();
        let json = object([
            ("token", json!(sent.token)),
            ("data", data(&sent.data)),
            ("subs", Value::Object(subs)),
            ("name", json!(sent.name)),
            ("version", json!(sent.version)),
            ("headers", json!(sent.headers)),
            ("flag", json!(sent.flag)),
            ("dict", json!(sent.dict)),
            ("profile", json!(sent.profile)),
        ]);
        let position = |sub: schema::SubscribeRequest| SubscribePosition {
            recover: sub.recover,
            epoch: sub.epoch,
            offset: sub.offset,
            delta: sub.delta,
        };
        let subs = sent.subs.into_iter();
        let request = ConnectRequest {
            token: sent.token,
            data: sent.data,
            subs: subs
                .map(|(channel, sub)| (channel, position(sub)))
                .collect(),
            name: sent.name,
            version: sent.version,
            headers: sent.headers,
            flag: sent.flag,
        };
        (Some(("connect", json)), Request::Connect(request))
    } else if let Some(sent) = sent.subscribe {
        let json = subscribe_json(&sent);
        let request = SubscribeRequest {
            channel: sent.channel,
            token: sent.token,
            recover: sent.recover,
            epoch: sent.epoch,
            offset: sent.offset,
            data: sent.data,
            positioned: sent.positioned,
            recoverable: sent.recoverable,
            join_leave: sent.join_leave,
            delta: sent.delta,
            tags_filter: sent.tf.map(filter).map(Box::new),
            flag: sent.flag,
            kind: sent.r#type,
        };
        (Some(("subscribe", json)), Request::Subscribe(request))
    } else if let Some(sent) = sent.unsubscribe {
        let json = object([("channel", json!(sent.channel))]);
        let channel = sent.channel;
        let request = Request::Unsubscribe(UnsubscribeRequest { channel });
        (Some(("unsubscribe", json)), request)
    } else if let Some(sent) = sent.publish {
        let json = object([
            ("channel", json!(sent.channel)),
            ("data", data(&sent.data)),
            ("type", json!(sent.r#type)),
            ("key", json!(sent.key)),
            ("removed", json!(sent.removed)),
        ]);
        let request = PublishRequest {
            channel: sent.channel,
            data: sent.data,
            kind: sent.r#type,
        };
        (Some(("publish", json)), Request::Publish(request))
    } else if let Some(sent) = sent.presence {
        let json = object([("channel", json!(sent.channel))]);
        let channel = sent.channel;
        let request = Request::Presence(PresenceRequest { channel });
        (Some(("presence", json)), request)
    } else if let Some(sent) = sent.presence_stats {
        let json = object([("channel", json!(sent.channel))]);
        let channel = sent.channel;
        let request = Request::PresenceStats(PresenceStatsRequest { channel });
        (Some(("presence_stats", json)), request)
    } else if let Some(sent) = sent.history {
        let since = sent.since.as_ref().map(|since| {
            // An object that is empty is there all the same.
            json!({ "offset": since.offset, "epoch": since.epoch })
        });
        let json = object([
            ("channel", json!(sent.channel)),
            ("limit", json!(sent.limit)),
            ("since", json!(since)),
            ("reverse", json!(sent.reverse)),
        ]);
        let request = HistoryRequest {
            channel: sent.channel,
            limit: sent.limit,
            since: sent.since.map(|since| StreamPosition {
                offset: since.offset,
                epoch: since.epoch,
            }),
            reverse: sent.reverse,
        };
        (Some(("history", json)), Request::History(request))
    } else if let Some(sent) = sent.send {
        let json = object([("data", data(&sent.data))]);
        let data = sent.data;
        (Some(("send", json)), Request::Send(SendRequest { data }))
    } else if let Some(sent) = sent.rpc {
        let json = object([("data", data(&sent.data)), ("method", json!(sent.method))]);
        let request = RpcRequest {
            data: sent.data,
            method: sent.method,
        };
        (Some(("rpc", json)), Request::Rpc(request))
    } else if let Some(sent) = sent.refresh {
        let json = object([("token", json!(sent.token))]);
        let token = sent.token;
        (
            Some(("refresh", json)),
            Request::Refresh(RefreshRequest { token }),
        )
    } else if let Some(sent) = sent.sub_refresh {
        let json = object([
            ("channel", json!(sent.channel)),
            ("token", json!(sent.token)),
            ("type", json!(sent.r#type)),
            ("untrack", json!(sent.untrack)),
        ]);
        let request = SubRefreshRequest {
            channel: sent.channel,
            token: sent.token,
            kind: sent.r#type,
        };
        (Some(("sub_refresh", json)), Request::SubRefresh(request))
    } else if sent.id == 0 {
        (None, Request::Pong)
    } else {
        (None, Request::None)
    }
}

fn subscribe_json(sent: &schema::SubscribeRequest) -> Value {
    object([
        ("channel", json!(sent.channel)),
        ("token", json!(sent.token)),
        ("recover", json!(sent.recover)),
        ("epoch", json!(sent.epoch)),
        ("offset", json!(sent.offset)),
        ("data", data(&sent.data)),
        ("positioned", json!(sent.positioned)),
        ("recoverable", json!(sent.recoverable)),
        ("join_leave", json!(sent.join_leave)),
        ("delta", json!(sent.delta)),
        ("tf", json!(sent.tf.as_ref().map(filter_json))),
        ("flag", json!(sent.flag)),
        ("type", json!(sent.r#type)),
        ("phase", json!(sent.phase)),
        ("cursor", json!(sent.cursor)),
        ("limit", json!(sent.limit)),
        ("asc", json!(sent.asc)),
    ])
}

fn filter_json(sent: &schema::FilterNode) -> Value {
    let nodes: Vec<Value> = sent.nodes.iter().map(filter_json).collect();
    json!({
        "op": sent.op, "key": sent.key, "cmp": sent.cmp, "val": sent.val, "vals": sent.vals,
        "nodes": nodes,
    })
}

fn filter(sent: schema::FilterNode) -> FilterNode {
    FilterNode {
        op: sent.op,
        key: sent.key,
        cmp: sent.cmp,
        val: sent.val,
        vals: sent.vals,
        nodes: sent.nodes.into_iter().map(filter).collect(),
    }
}

pub fn any_text() -> impl Strategy<Value = String> {
    prop_oneof![
        Just(String::new()),
        "[a-z:#$]{1,8}",
        "\\PC{0,6}",
        "[\"\\\\\n\t\u{1}]{1,3}"
    ]
}

/// Nothing, or JSON.
pub fn any_data() -> impl Strategy<Value = Bytes> {
    let any = prop::sample::select(vec![
        "",
        "{}",
        r#"{"a":[1,"ж",null]}"#,
        r#""text\n""#,
        "-1.5e-7",
    ]);
    any.prop_map(|text| Bytes::from_static(text.as_bytes()))
}

fn any_filter() -> impl Strategy<Value = schema::FilterNode> {
    let texts = prop::array::uniform4(any_text());
    let leaf = (texts, prop::collection::vec(any_text(), 0..3));
    let leaf = leaf.prop_map(|([op, key, cmp, val], vals)| schema::FilterNode {
        op,
        key,
        cmp,
        val,
        vals,
        nodes: Vec::new(),
    });
    leaf.prop_recursive(3, 8, 3, |inner| {
        prop::collection::vec(inner, 0..3).prop_map(|nodes| schema::FilterNode {
            op: "and".into(),
            nodes,
            ..schema::FilterNode::default()
        })
    })
}

prop_compose! {
    fn any_subscribe()(
        [channel, token, epoch, delta, cursor] in prop::array::uniform5(any_text()),
        flags in prop::array::uniform5(any::<bool>()),
        offset in any::<u64>(),
        data in any_data(),
        tf in prop::option::of(any_filter()),
        flag in any::<i64>(),
        [kind, phase, limit] in prop::array::uniform3(any::<i32>()),
    ) -> schema::SubscribeRequest {
        let [recover, positioned, recoverable, join_leave, asc] = flags;
        schema::SubscribeRequest {
            channel, token, recover, epoch, offset, data, positioned, recoverable, join_leave,
            delta, tf, flag, r#type: kind, phase, cursor, limit, asc,
        }
    }
}

prop_compose! {
    fn any_connect()(
        [token, name, version, dict, profile] in prop::array::uniform5(any_text()),
        data in any_data(),
        subs in prop::collection::btree_map(any_text(), any_subscribe(), 0..3),
        headers in prop::collection::btree_map(any_text(), any_text(), 0..3),
        flag in any::<i64>(),
    ) -> schema::ConnectRequest {
        schema::ConnectRequest { token, data, subs, name, version, headers, flag, dict, profile }
    }
}

fn any_command() -> impl Strategy<Value = schema::Command> {
    let none = schema::Command::default;
    let channel = || any_text().prop_map(|channel| Some(schema::Channel { channel }));
    let publish = (
        any_text(),
        any_data(),
        any::<i32>(),
        any_text(),
        any::<bool>(),
    );
    let publish = publish.prop_map(
        |(channel, data, kind, key, removed)| schema::PublishRequest {
            channel,
            data,
            r#type: kind,
            key,
            removed,
        },
    );
    let since = (any::<u64>(), any_text());
    let since = since.prop_map(|(offset, epoch)| schema::StreamPosition { offset, epoch });
    let since = prop::option::of(since);
    let history = (any_text(), any::<i32>(), since, any::<bool>());
    let history = history.prop_map(|(channel, limit, since, reverse)| schema::HistoryRequest {
        channel,
        limit,
        since,
        reverse,
    });
    let rpc = (any_data(), any_text());
    let rpc = rpc.prop_map(|(data, method)| schema::RpcRequest { data, method });
    let texts = prop::collection::vec(any_text(), 0..3);
    let sub_refresh = (any_text(), any_text(), any::<i32>(), texts);
    let sub_refresh =
        sub_refresh.prop_map(
            |(channel, token, kind, untrack)| schema::SubRefreshRequest {
                channel,
                token,
                r#type: kind,
                untrack,
            },
        );
    let send = any_data().prop_map(|data| Some(schema::Data { data }));
    let refresh = any_text().prop_map(|token| Some(schema::RefreshRequest { token }));
    let ping = Some(schema::Empty {});
    let numbered = prop_oneof![
        any_connect()
            .prop_map(Some)
            .prop_map(move |connect| schema::Command { connect, ..none() }),
        any_subscribe()
            .prop_map(Some)
            .prop_map(move |subscribe| schema::Command {
                subscribe,
                ..none()
            }),
        channel().prop_map(move |unsubscribe| schema::Command {
            unsubscribe,
            ..none()
        }),
        publish
            .prop_map(Some)
            .prop_map(move |publish| schema::Command { publish, ..none() }),
        channel().prop_map(move |presence| schema::Command { presence, ..none() }),
        channel().prop_map(move |presence_stats| schema::Command {
            presence_stats,
            ..none()
        }),
        history
            .prop_map(Some)
            .prop_map(move |history| schema::Command { history, ..none() }),
        rpc.prop_map(Some)
            .prop_map(move |rpc| schema::Command { rpc, ..none() }),
        refresh.prop_map(move |refresh| schema::Command { refresh, ..none() }),
        sub_refresh
            .prop_map(Some)
            .prop_map(move |sub_refresh| schema::Command {
                sub_refresh,
                ..none()
            }),
        Just(schema::Command { ping, ..none() }),
        Just(none()),
    ];
    let numbered =
        (1..=u32::MAX, numbered).prop_map(|(id, command)| schema::Command { id, ..command });
    let send = send.prop_map(move |send| schema::Command { send, ..none() });
    prop_oneof![8 => numbered, 1 => send, 1 => Just(none())]
}

proptest! {
    #[test]
    fn commands_come_through(sent in prop::collection::vec(any_command(), 1..5), end in any::<bool>()) {
        let mut lines = Vec::new();
        let mut protobuf = Vec::new();
        let mut expected = Vec::new();
        for sent in &sent {
            let (json, request) = both(sent);
            let mut line = Map::from_iter(json.map(|(name, json)| (name.to_owned(), json)));
            // As the library for JavaScript has it, behind the request.
            if sent.id != 0 {
                line.insert("id".into(), sent.id.into());
            }
            lines.push(Value::Object(line).to_string());
            sent.encode_length_delimited(&mut protobuf).unwrap();
            expected.push(Command { id: sent.id, request });
        }
        let lines = lines.join("\n") + if end { "\n" } else { "" };
        prop_assert_eq!(decoded(Encoding::Json, lines), Ok(expected.clone()));
        prop_assert_eq!(decoded(Encoding::Protobuf, protobuf), Ok(expected));
    }

    #[test]
    fn connect_requests_come_alone_too(sent in any_connect()) {
        let sent = schema::Command { id: 1, connect: Some(sent), ..schema::Command::default() };
        let (json, request) = both(&sent);
        let json = json.unwrap().1.to_string();
        let protobuf = sent.connect.unwrap().encode_to_vec();
        let limits = DecodeLimits::default();
        let read = decode_connect(Encoding::Json, json.as_bytes(), &limits);
        prop_assert_eq!(Request::Connect(read.unwrap()), request.clone());
        if !protobuf.is_empty() {
            let read = decode_connect(Encoding::Protobuf, &protobuf, &limits);
            prop_assert_eq!(Request::Connect(read.unwrap()), request);
        }
    }
}

/// What was published by a command.
fn published(message: &str) -> Bytes {
    match command(message).request {
        Request::Publish(publish) => publish.data,
        other => panic!("{other:?}"),
    }
}

#[test]
fn data_stays_as_it_was_sent() {
    for data in [
        "9007199254740993",
        "123456789012345678901234567890.5e-300",
        r#"{"a":1,"a":2}"#,
        r#""\ud800 \u0000""#,
        r#"{ "spaces" : [ ] }"#,
        r#""жЖ😀""#,
        "null",
        "false",
    ] {
        let message = format!(r#"{{"publish":{{"channel":"c","data":{data}}},"id":1}}"#);
        assert_eq!(published(&message), data);
    }
}

#[test]
fn what_is_null_or_unknown_is_passed_over() {
    let message = r#"{"id":7,"connect":null,"error":{"x":[]},"subscribe":{"channel":"c",
        "token":null,"offset":null,"tf":null,"phase":2,"new":{"deep":[1]}}}"#;
    let expected = SubscribeRequest {
        channel: "c".into(),
        ..SubscribeRequest::default()
    };
    // Within one line, of course.
    let message = message.replace('\n', "");
    assert_eq!(command(&message).request, Request::Subscribe(expected));
    let connect = command(r#"{"connect":{"headers":null,"subs":null},"id":1}"#);
    assert_eq!(connect.request, Request::Connect(ConnectRequest::default()));
}

#[test]
fn of_several_requests_the_first_of_the_protocol_counts() {
    let message = r#"{"id":1,"rpc":{"method":"m"},"unsubscribe":{"channel":"c"}}"#;
    let channel = "c".to_owned();
    let expected = Request::Unsubscribe(UnsubscribeRequest { channel });
    assert_eq!(command(message).request, expected);
}

#[test]
fn lines_may_end_as_on_windows() {
    let read = commands("{\"id\":1,\"rpc\":{}}\r\n{}\r\n");
    let ids: Vec<u32> = read.iter().map(|command| command.id).collect();
    assert_eq!(ids, [1, 0]);
}

#[test]
fn offsets_are_exact() {
    let message = r#"{"id":4294967295,"subscribe":{"channel":"c","offset":18446744073709551615}}"#;
    let command = command(message);
    assert_eq!(command.id, u32::MAX);
    let Request::Subscribe(subscribe) = command.request else {
        panic!("{command:?}");
    };
    assert_eq!(subscribe.offset, u64::MAX);
}

#[test]
fn tokens_and_headers_are_not_shown() {
    let messages = [
        r#"{"id":1,"connect":{"token":"SECRET","headers":{"authorization":"SECRET"}}}"#,
        r#"{"id":1,"subscribe":{"channel":"shown","token":"SECRET"}}"#,
        r#"{"id":1,"refresh":{"token":"SECRET"}}"#,
        r#"{"id":1,"sub_refresh":{"channel":"shown","token":"SECRET"}}"#,
    ];
    for message in messages {
        let shown = format!("{:?}", command(message));
        assert!(!shown.contains("SECRET"), "{shown}");
    }
    let empty: BTreeMap<String, String> = BTreeMap::new();
    assert_eq!(ConnectRequest::default().headers, empty);
}
