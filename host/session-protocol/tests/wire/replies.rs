//! Replies are the same in both encodings.

use std::collections::BTreeMap;

use bytes::Bytes;
use hearken_session_protocol::codes::errors;
use hearken_session_protocol::{
    Answer, ClientError, ClientInfo, ConnectResult, Encoding, HistoryResult, PresenceResult,
    PresenceStatsResult, Publication, RefreshResult, Reply, RpcResult, SubRefreshResult,
    SubscribeResult, encode_reply,
};
use proptest::prelude::*;
use prost::Message as _;
use serde_json::{Map, Value, json};

use crate::commands::{any_data, any_text, data, object};
use crate::{reply_text, schema};

pub fn any_info() -> impl Strategy<Value = ClientInfo> {
    let data = || any_data().prop_map(|data| Some(data).filter(|data| !data.is_empty()));
    (any_text(), any_text(), data(), data()).prop_map(|(user, client, conn_info, chan_info)| {
        ClientInfo {
            user,
            client,
            conn_info,
            chan_info,
        }
    })
}

pub fn info_json(info: &ClientInfo) -> Value {
    let bytes = |data: &Option<Bytes>| data.as_deref().map_or(Value::Null, data_json);
    let mut json = object([
        ("conn_info", bytes(&info.conn_info)),
        ("chan_info", bytes(&info.chan_info)),
    ]);
    json["user"] = json!(info.user);
    json["client"] = json!(info.client);
    json
}

fn data_json(bytes: &[u8]) -> Value {
    data(bytes)
}

pub fn info_schema(info: &ClientInfo) -> schema::ClientInfo {
    schema::ClientInfo {
        user: info.user.clone(),
        client: info.client.clone(),
        conn_info: info.conn_info.clone().unwrap_or_default(),
        chan_info: info.chan_info.clone().unwrap_or_default(),
    }
}

prop_compose! {
    pub fn any_publication()(
        data in any_data(),
        info in prop::option::of(any_info()),
        offset in any::<u64>(),
        tags in prop::collection::btree_map(any_text(), any_text(), 0..3),
        delta in any::<bool>(),
        time in any::<i64>(),
    ) -> Publication {
        Publication { data, info, offset, tags, delta, time }
    }
}

pub fn publication_json(publication: &Publication) -> Value {
    object([
        ("data", data(&publication.data)),
        ("info", json!(publication.info.as_ref().map(info_json))),
        ("offset", json!(publication.offset)),
        ("tags", json!(publication.tags)),
        ("delta", json!(publication.delta)),
        ("time", json!(publication.time)),
    ])
}

pub fn publication_schema(publication: &Publication) -> schema::Publication {
    schema::Publication {
        data: publication.data.clone(),
        info: publication.info.as_ref().map(info_schema),
        offset: publication.offset,
        tags: publication.tags.clone(),
        delta: publication.delta,
        time: publication.time,
    }
}

prop_compose! {
    fn any_subscribe_result()(
        [expires, recoverable, recovered, positioned, was_recovering, delta] in
            prop::array::uniform6(any::<bool>()),
        ttl in any::<u32>(),
        epoch in any_text(),
        publications in prop::collection::vec(any_publication(), 0..3),
        offset in any::<u64>(),
        data in any_data(),
        id in any::<i64>(),
    ) -> SubscribeResult {
        SubscribeResult {
            expires, ttl, recoverable, epoch, publications, recovered, offset, positioned,
            data: Some(data), was_recovering, delta, id,
        }
    }
}

fn subscribe_json(result: &SubscribeResult) -> Value {
    let publications: Vec<Value> = result.publications.iter().map(publication_json).collect();
    object([
        ("expires", json!(result.expires)),
        ("ttl", json!(result.ttl)),
        ("recoverable", json!(result.recoverable)),
        ("epoch", json!(result.epoch)),
        ("publications", json!(publications)),
        ("recovered", json!(result.recovered)),
        ("offset", json!(result.offset)),
        ("positioned", json!(result.positioned)),
        ("data", data(result.data.as_deref().unwrap_or_default())),
        ("was_recovering", json!(result.was_recovering)),
        ("delta", json!(result.delta)),
        ("id", json!(result.id)),
    ])
}

fn subscribe_schema(result: &SubscribeResult) -> schema::SubscribeResult {
    let publications = result.publications.iter().map(publication_schema);
    schema::SubscribeResult {
        expires: result.expires,
        ttl: result.ttl,
        recoverable: result.recoverable,
        epoch: result.epoch.clone(),
        publications: publications.collect(),
        recovered: result.recovered,
        offset: result.offset,
        positioned: result.positioned,
        data: result.data.clone().unwrap_or_default(),
        was_recovering: result.was_recovering,
        delta: result.delta,
        id: result.id,
    }
}

prop_compose! {
    pub fn any_connect_result()(
        [client, version, session, node] in prop::array::uniform4(any_text()),
        [expires, pong] in prop::array::uniform2(any::<bool>()),
        [ttl, ping] in prop::array::uniform2(any::<u32>()),
        data in any_data(),
        subs in prop::collection::btree_map(any_text(), any_subscribe_result(), 0..3),
        time in any::<i64>(),
    ) -> ConnectResult {
        ConnectResult {
            client, version, expires, ttl, data: Some(data), subs, ping, pong, session, node,
            time,
        }
    }
}

pub fn connect_json(result: &ConnectResult) -> Value {
    let subs: Map<String, Value> = result
        .subs
        .iter()
        .map(|(channel, sub)| (channel.clone(), subscribe_json(sub)))
        .collect();
    object([
        ("client", json!(result.client)),
        ("version", json!(result.version)),
        ("expires", json!(result.expires)),
        ("ttl", json!(result.ttl)),
        ("data", data(result.data.as_deref().unwrap_or_default())),
        ("subs", Value::Object(subs)),
        ("ping", json!(result.ping)),
        ("pong", json!(result.pong)),
        ("session", json!(result.session)),
        ("node", json!(result.node)),
        ("time", json!(result.time)),
    ])
}

pub fn connect_schema(result: &ConnectResult) -> schema::ConnectResult {
    let subs = result.subs.iter();
    schema::ConnectResult {
        client: result.client.clone(),
        version: result.version.clone(),
        expires: result.expires,
        ttl: result.ttl,
        data: result.data.clone().unwrap_or_default(),
        subs: subs
            .map(|(channel, sub)| (channel.clone(), subscribe_schema(sub)))
            .collect(),
        ping: result.ping,
        pong: result.pong,
        session: result.session.clone(),
        node: result.node.clone(),
        time: result.time,
        flag: 0,
    }
}

fn any_answer() -> impl Strategy<Value = Answer> {
    let presence = prop::collection::btree_map(any_text(), any_info(), 0..3)
        .prop_map(|presence| Answer::Presence(PresenceResult { presence }));
    let stats = (any::<u32>(), any::<u32>()).prop_map(|(num_clients, num_users)| {
        Answer::PresenceStats(PresenceStatsResult {
            num_clients,
            num_users,
        })
    });
    let history = (
        prop::collection::vec(any_publication(), 0..3),
        any_text(),
        any::<u64>(),
    );
    let history = history.prop_map(|(publications, epoch, offset)| {
        Answer::History(HistoryResult {
            publications,
            epoch,
            offset,
        })
    });
    let refresh = (any_text(), any_text(), any::<bool>(), any::<u32>());
    let refresh = refresh.prop_map(|(client, version, expires, ttl)| {
        Answer::Refresh(RefreshResult {
            client,
            version,
            expires,
            ttl,
        })
    });
    let sub_refresh = (any::<bool>(), any::<u32>());
    prop_oneof![
        any_connect_result().prop_map(Answer::Connect),
        any_subscribe_result().prop_map(Answer::Subscribe),
        Just(Answer::Unsubscribe),
        Just(Answer::Publish),
        presence,
        stats,
        history,
        any_data().prop_map(|data| Answer::Rpc(RpcResult { data: Some(data) })),
        refresh,
        sub_refresh
            .prop_map(|(expires, ttl)| Answer::SubRefresh(SubRefreshResult { expires, ttl })),
    ]
}

fn any_reply() -> impl Strategy<Value = Reply> {
    let error = (1_u32.., any_text(), any::<bool>());
    let error = error.prop_map(|(code, message, temporary)| ClientError {
        code,
        message: message.into(),
        temporary,
    });
    let outcome = prop_oneof![4 => any_answer().prop_map(Ok), 1 => error.prop_map(Err)];
    (1_u32.., outcome).prop_map(|(id, outcome)| Reply { id, outcome })
}

fn reply_json(reply: &Reply) -> Value {
    let (name, json) = match &reply.outcome {
        Err(error) => {
            let json = object([
                ("code", json!(error.code)),
                ("message", json!(error.message)),
                ("temporary", json!(error.temporary)),
            ]);
            ("error", json)
        }
        Ok(Answer::Connect(result)) => ("connect", connect_json(result)),
        Ok(Answer::Subscribe(result)) => ("subscribe", subscribe_json(result)),
        Ok(Answer::Unsubscribe) => ("unsubscribe", json!({})),
        Ok(Answer::Publish) => ("publish", json!({})),
        Ok(Answer::Presence(result)) => {
            let presence: BTreeMap<_, _> = result
                .presence
                .iter()
                .map(|(client, info)| (client, info_json(info)))
                .collect();
            ("presence", json!({ "presence": presence }))
        }
        Ok(Answer::PresenceStats(result)) => {
            let (clients, users) = (result.num_clients, result.num_users);
            let json = json!({ "num_clients": clients, "num_users": users });
            ("presence_stats", json)
        }
        Ok(Answer::History(result)) => {
            let publications = result.publications.iter().map(publication_json);
            let json = json!({
                "publications": publications.collect::<Vec<_>>(),
                "epoch": result.epoch,
                "offset": result.offset,
            });
            ("history", json)
        }
        Ok(Answer::Rpc(result)) => {
            let bytes = result.data.as_deref().unwrap_or_default();
            ("rpc", object([("data", data(bytes))]))
        }
        Ok(Answer::Refresh(result)) => {
            let json = object([
                ("client", json!(result.client)),
                ("version", json!(result.version)),
                ("expires", json!(result.expires)),
                ("ttl", json!(result.ttl)),
            ]);
            ("refresh", json)
        }
        Ok(Answer::SubRefresh(result)) => {
            let (expires, ttl) = (json!(result.expires), json!(result.ttl));
            ("sub_refresh", object([("expires", expires), ("ttl", ttl)]))
        }
    };
    json!({ "id": reply.id, name: json })
}

fn reply_schema(reply: &Reply) -> schema::Reply {
    let mut expected = schema::Reply {
        id: reply.id,
        ..schema::Reply::default()
    };
    match &reply.outcome {
        Err(error) => {
            expected.error = Some(schema::Error {
                code: error.code,
                message: error.message.to_string(),
                temporary: error.temporary,
            });
        }
        Ok(Answer::Connect(result)) => expected.connect = Some(connect_schema(result)),
        Ok(Answer::Subscribe(result)) => expected.subscribe = Some(subscribe_schema(result)),
        Ok(Answer::Unsubscribe) => expected.unsubscribe = Some(schema::Empty {}),
        Ok(Answer::Publish) => expected.publish = Some(schema::Empty {}),
        Ok(Answer::Presence(result)) => {
            let presence = result.presence.iter();
            expected.presence = Some(schema::PresenceResult {
                presence: presence
                    .map(|(client, info)| (client.clone(), info_schema(info)))
                    .collect(),
            });
        }
        Ok(Answer::PresenceStats(result)) => {
            expected.presence_stats = Some(schema::PresenceStatsResult {
                num_clients: result.num_clients,
                num_users: result.num_users,
            });
        }
        Ok(Answer::History(result)) => {
            let publications = result.publications.iter().map(publication_schema);
            expected.history = Some(schema::HistoryResult {
                publications: publications.collect(),
                epoch: result.epoch.clone(),
                offset: result.offset,
            });
        }
        Ok(Answer::Rpc(result)) => {
            let data = result.data.clone().unwrap_or_default();
            expected.rpc = Some(schema::Data { data });
        }
        Ok(Answer::Refresh(result)) => {
            expected.refresh = Some(schema::RefreshResult {
                client: result.client.clone(),
                version: result.version.clone(),
                expires: result.expires,
                ttl: result.ttl,
            });
        }
        Ok(Answer::SubRefresh(result)) => {
            expected.sub_refresh = Some(schema::Expiry {
                expires: result.expires,
                ttl: result.ttl,
            });
        }
    }
    expected
}

proptest! {
    #[test]
    fn replies_come_through(replies in prop::collection::vec(any_reply(), 1..4)) {
        let mut protobuf = Vec::new();
        for reply in &replies {
            encode_reply(Encoding::Protobuf, reply, &mut protobuf);
            let text = reply_text(reply);
            prop_assert!(!text.contains('\n'));
            prop_assert_eq!(crate::json(&text), reply_json(reply), "{}", text);
        }
        let mut rest = &protobuf[..];
        for reply in &replies {
            let read = schema::Reply::decode_length_delimited(&mut rest);
            prop_assert_eq!(read, Ok(reply_schema(reply)));
        }
        prop_assert!(rest.is_empty());
    }
}

fn answered(answer: Answer) -> String {
    reply_text(&Reply {
        id: 1,
        outcome: Ok(answer),
    })
}

#[test]
fn what_is_empty_is_left_out_but_for_what_never_is() {
    let connect = answered(Answer::Connect(ConnectResult::default()));
    assert_eq!(connect, r#"{"id":1,"connect":{}}"#);
    let subscribe = answered(Answer::Subscribe(SubscribeResult::default()));
    assert_eq!(subscribe, r#"{"id":1,"subscribe":{}}"#);
    assert_eq!(
        answered(Answer::Unsubscribe),
        r#"{"id":1,"unsubscribe":{}}"#
    );
    assert_eq!(answered(Answer::Publish), r#"{"id":1,"publish":{}}"#);
    let rpc = answered(Answer::Rpc(RpcResult::default()));
    assert_eq!(rpc, r#"{"id":1,"rpc":{}}"#);
    let presence = BTreeMap::from([("6f".to_owned(), ClientInfo::default())]);
    assert_eq!(
        answered(Answer::Presence(PresenceResult { presence })),
        r#"{"id":1,"presence":{"presence":{"6f":{"user":"","client":""}}}}"#
    );
    assert_eq!(
        answered(Answer::Presence(PresenceResult::default())),
        r#"{"id":1,"presence":{"presence":{}}}"#
    );
    assert_eq!(
        answered(Answer::PresenceStats(PresenceStatsResult::default())),
        r#"{"id":1,"presence_stats":{"num_clients":0,"num_users":0}}"#
    );
    assert_eq!(
        answered(Answer::History(HistoryResult::default())),
        r#"{"id":1,"history":{"publications":[],"epoch":"","offset":0}}"#
    );
    let temporary = Reply {
        id: 1,
        outcome: Err(errors::TOO_MANY_REQUESTS),
    };
    assert_eq!(
        reply_text(&temporary),
        r#"{"id":1,"error":{"code":111,"message":"too many requests","temporary":true}}"#
    );
}

#[test]
fn a_session_is_not_shown() {
    let result = ConnectResult {
        session: "SECRET".into(),
        ..ConnectResult::default()
    };
    assert!(!format!("{:?}", Answer::Connect(result)).contains("SECRET"));
}
