use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use hearken_channel_log::ChannelName;
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tower::ServiceExt;
use tracing_subscriber::layer::SubscriberExt as _;

use crate::access::AccessSettings;
use crate::channel::ChannelSettings;
use crate::channel::test_engine::{Call, Fate};
use crate::channel::test_support::{channels_on, failing_engines};
use crate::config::NodeConfig;
use crate::gateway::GatewayLimits;
use crate::gateway::test_support::{
    SERVER_KEY, access, bus, gateway, gateway_missing, gateway_with_sessions,
    gateway_with_sessions_on, send,
};
use crate::passing::Alone;
use crate::session::{Namespace, Sessions, SessionsSettings};

fn node() -> (Router, Sessions) {
    node_with(AccessSettings::default())
}

fn node_with(access_settings: AccessSettings) -> (Router, Sessions) {
    let access = access(access_settings);
    let (gateway, sessions) = gateway_with_sessions(&bus(), access, Arc::new(Alone), settings());
    (gateway.router(), sessions)
}

fn settings() -> SessionsSettings {
    let kept = Namespace {
        history_size: 10,
        history_ttl: Duration::from_secs(60),
        presence: true,
        ..Namespace::new("chat")
    };
    SessionsSettings {
        anonymous: true,
        namespaces: BTreeMap::from([
            ("chat".to_owned(), kept),
            ("plain".to_owned(), Namespace::new("plain")),
        ]),
        ..NodeConfig::default().sessions
    }
}

/// As `cent` sends it.
fn request(method: &str, body: &str) -> Request<Body> {
    Request::post(format!("/api/{method}"))
        .header("x-api-key", SERVER_KEY)
        .header(header::CONTENT_TYPE, "application/json")
        .body(Body::from(body.to_owned()))
        .unwrap()
}

async fn call(router: &Router, method: &str, body: Value) -> Value {
    let answer = send(router, request(method, &body.to_string())).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    answer.json()
}

#[tokio::test]
async fn what_is_published_is_in_the_history() {
    let (router, _) = node();
    let publish = json!({"channel": "chat:1", "data": {"m": 1}, "tags": {"a": "b"}});
    let first = call(&router, "publish", publish).await;
    let epoch = first["result"]["epoch"].as_str().unwrap().to_owned();
    assert_eq!(first["result"]["offset"], 1);
    // As it is written, and bytes.
    let raw = r#"{"channel":"chat:1","data":12345678901234567890123}"#;
    let answer = send(&router, request("publish", raw)).await;
    assert_eq!(answer.json()["result"]["offset"], 2);
    let bytes = json!({"channel": "chat:1", "b64data": "/w=="});
    call(&router, "publish", bytes).await;
    let broadcast = json!({"channels": ["plain:1", "chat:1", "none:1"], "data": null});
    let responses = call(&router, "broadcast", broadcast).await;
    let responses = &responses["result"]["responses"];
    assert_eq!(responses[0], json!({"result": {}}));
    assert_eq!(responses[1]["result"]["offset"], 4);
    assert_eq!(responses[2]["error"]["code"], 102);

    let asked = r#"{"channel":"chat:1","limit":10}"#;
    let answer = send(&router, request("history", asked)).await;
    assert!(
        answer.body.contains("\"data\":12345678901234567890123"),
        "{}",
        answer.body
    );
    let history = &answer.json()["result"];
    assert_eq!(
        (&history["offset"], &history["epoch"]),
        (&json!(4), &json!(epoch))
    );
    let kept = history["publications"].as_array().unwrap();
    assert_eq!(kept[0]["data"], json!({"m": 1}));
    assert_eq!(kept[0]["tags"]["a"], "b");
    assert_eq!(kept[0]["tags"]["type"], "custom.chat.published");
    assert_eq!(kept[2]["data"], json!({"data_base64": "/w=="}));
    assert_eq!(kept[3]["data"], Value::Null);
    let since = json!({"channel": "chat:1", "limit": 1, "since": {"offset": 1, "epoch": epoch}});
    let page = call(&router, "history", since).await;
    assert_eq!(page["result"]["publications"][0]["offset"], 2);
    let other = json!({"channel": "chat:1", "limit": 1, "since": {"offset": 1, "epoch": "x"}});
    assert_eq!(call(&router, "history", other).await["error"]["code"], 112);
    assert_eq!(
        call(&router, "history_remove", json!({"channel": "chat:1"})).await,
        json!({"result": {}})
    );
    let page = call(&router, "history", json!({"channel": "chat:1", "limit": 9})).await;
    assert_eq!(page["result"]["publications"], json!([]));
    assert_eq!(page["result"]["offset"], 4);
    let none = call(&router, "history", json!({"channel": "plain:1"})).await;
    assert_eq!(none["error"]["code"], 108);
}

#[tokio::test]
async fn what_was_published_under_a_key_is_not_again() {
    let (router, _) = node();
    for _ in 0..2 {
        let publish = json!({"channel": "chat:1", "data": 1, "idempotency_key": "k"});
        let answer = call(&router, "publish", publish).await;
        assert_eq!(answer["result"]["offset"], 1);
    }
}

#[tokio::test]
async fn sessions_are_commanded() {
    let (router, sessions) = node();
    let connect = Request::post("/connection/uni_http_stream")
        .header(header::HOST, "localhost")
        .body(Body::from("{}"))
        .unwrap();
    let response = router.clone().oneshot(connect).await.unwrap();
    let mut body = response.into_body();
    let mut next = async || {
        let frame = body.frame().await?.unwrap();
        let text = frame.into_data().unwrap();
        Some(serde_json::from_slice::<Value>(&text).unwrap())
    };
    let connected = next().await.unwrap();
    let client = connected["connect"]["client"].as_str().unwrap().to_owned();
    let target = json!({"client": client, "channel": "chat:1", "data": {"a": 1}});
    let done = json!({"result": {}});
    assert_eq!(call(&router, "subscribe", target.clone()).await, done);
    let told = next().await.unwrap();
    assert_eq!(told["subscribe"]["data"], json!({"a": 1}));

    let of_channel = || json!({"channel": "chat:1"});
    let presence = call(&router, "presence", of_channel()).await;
    assert_eq!(presence["result"]["presence"][&client]["client"], client);
    let stats = call(&router, "presence_stats", of_channel()).await;
    assert_eq!(stats["result"], json!({"num_clients": 1, "num_users": 1}));
    let channels = call(&router, "channels", json!({})).await;
    let one = json!({"chat:1": {"num_clients": 1}});
    assert_eq!(channels["result"]["channels"], one);
    let others = call(&router, "channels", json!({"pattern": "plain:*"})).await;
    assert_eq!(others["result"]["channels"], json!({}));
    let info = send(&router, request("info", "")).await.json();
    let own = &info["result"]["nodes"][0];
    assert_eq!(
        (&own["name"], &own["num_clients"]),
        (&json!("a"), &json!(1))
    );
    assert_eq!(
        (&own["num_subs"], &own["num_channels"]),
        (&json!(1), &json!(1))
    );

    // It is nobody's, and so not of that user.
    let others = json!({"user": "42", "client": client, "channel": "chat:1"});
    assert_eq!(call(&router, "unsubscribe", others).await, done);
    assert_eq!(call(&router, "unsubscribe", target).await, done);
    let told = next().await.unwrap();
    assert_eq!(told["unsubscribe"]["code"], 2000);
    let refresh = json!({"client": client, "expire_at": 0});
    assert_eq!(call(&router, "refresh", refresh).await, done);
    assert_eq!(next().await.unwrap()["refresh"], json!({}));
    let disconnect = json!({
        "client": client,
        "disconnect": {"code": 4501, "reason": "go away"},
    });
    assert_eq!(call(&router, "disconnect", disconnect).await, done);
    let end = next().await.unwrap();
    assert_eq!(
        end["disconnect"],
        json!({"code": 4501, "reason": "go away"})
    );
    assert_eq!(next().await, None);
    drop(body);
    assert_eq!(sessions.stats().sessions, 0);
}

#[tokio::test]
async fn what_is_done_where_a_node_has_gone_is_done() {
    let access = access(AccessSettings::default());
    let (gateway, _sessions) = gateway_missing(&bus(), access, settings(), "c");
    let missing = gateway.router();
    let ada = json!({"user": "ada", "channel": "plain:1"});
    for method in [
        "subscribe",
        "unsubscribe",
        "refresh",
        "disconnect",
        "channels",
    ] {
        let done = call(&missing, method, ada.clone()).await;
        assert!(done["result"].is_object(), "{method} {done}");
    }
}

#[tokio::test]
async fn a_batch_is_answered_in_its_order() {
    let (router, _) = node();
    let batch = json!({"parallel": true, "commands": [
        {"publish": {"channel": "chat:1", "data": 1}},
        {"history": {"channel": "none:1"}},
        {"presence_stats": {"channel": "chat:1"}},
        {},
        {"batch": {"commands": []}},
    ]});
    let answer = call(&router, "batch", batch).await;
    let replies = &answer["replies"];
    assert_eq!(replies[0]["publish"]["offset"], 1);
    assert_eq!(replies[1]["error"]["code"], 102);
    assert_eq!(replies[2]["presence_stats"]["num_clients"], 0);
    assert_eq!(replies[3]["error"]["code"], 104);
    assert_eq!(replies[4]["error"]["code"], 104);
    // Of several methods the first in Centrifugo's order that says something.
    let several = json!({"commands": [{
        "info": {},
        "broadcast": null,
        "channels": {},
        "unsubscribe": {"channel": "chat:1", "user": "1"},
        "zzz": 1,
    }]});
    let answer = call(&router, "batch", several).await;
    assert_eq!(answer["replies"], json!([{"unsubscribe": {}}]));
    let empty: Vec<Value> = (0..1_001).map(|_| json!({})).collect();
    let many = call(&router, "batch", json!({ "commands": empty })).await;
    assert_eq!(many["error"]["code"], 106);
}

#[tokio::test(start_paused = true)]
async fn a_batch_begins_nothing_when_its_time_is_over() {
    let bus = bus();
    let (engines, disk) = failing_engines();
    let orders = ChannelName::new("orders").unwrap();
    let declared = BTreeMap::from([(orders, ChannelSettings::default())]);
    let channels = channels_on(&bus, engines, declared);
    let settings = SessionsSettings {
        anonymous: true,
        ..NodeConfig::default().sessions
    };
    let access = access(AccessSettings::default());
    let (gateway, _) = gateway_with_sessions_on(&bus, access, Arc::new(Alone), settings, channels);
    disk.set(Call::Append, 0, Fate::Hangs);
    let publish = json!({"publish": {"channel": "orders", "data": 1}});
    let commands = vec![publish; 20];
    let router = gateway.router();
    let answer = call(&router, "batch", json!({ "commands": commands })).await;
    let replies = answer["replies"].as_array().unwrap();
    assert_eq!(replies.len(), 20);
    for reply in replies {
        assert_eq!(reply["error"]["code"], 100, "{reply}");
    }
    // Each that is begun takes the 4 s for which an append is waited.
    assert_eq!(disk.count(Call::Append), 15);
}

#[tokio::test]
async fn who_has_published_is_told_so_however_full_the_memory_is() {
    let kept = Namespace {
        history_size: 100,
        history_ttl: Duration::from_secs(60),
        ..Namespace::new("chat")
    };
    let settings = SessionsSettings {
        anonymous: true,
        namespaces: BTreeMap::from([("chat".to_owned(), kept)]),
        ..NodeConfig::default().sessions
    };
    let access = access(AccessSettings::default());
    let (gateway, _) = gateway_with_sessions(&bus(), access, Arc::new(Alone), settings);
    let router = gateway.router();
    let publish = |data: &str| json!({"publish": {"channel": "chat:1", "data": data}});
    let commands = vec![publish(&"x".repeat(3_000)); 30];
    call(&router, "batch", json!({ "commands": commands })).await;
    let memory = &gateway.context.bodies;
    let free = memory.free_kib();
    // As much is left as requests have, and less than answers.
    let taken = memory.take((free - 60) << 10, None).unwrap();

    // What is said of each is longer than each is.
    let wrong = json!({"publish": {"channel": " ", "data": 1}});
    let mut commands = vec![publish("one more")];
    commands.resize(1_000, wrong);
    let batch = json!({ "commands": commands }).to_string();
    let answer = send(&router, request("batch", &batch)).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    assert_eq!(answer.json()["replies"][0]["publish"]["offset"], 31);
    assert!(answer.body.len() > 64 << 10, "{}", answer.body.len());
    // What is read counts.
    let history = json!({"channel": "chat:1", "limit": 100});
    let full = send(&router, request("history", &history.to_string())).await;
    assert_eq!(full.status, StatusCode::SERVICE_UNAVAILABLE);
    let both = json!({"commands": [{"history": history}, publish("the last")]});
    let replies = call(&router, "batch", both.clone()).await["replies"].take();
    assert_eq!(replies[0]["error"]["code"], 111, "{}", replies[0]);
    assert_eq!(replies[1]["publish"]["offset"], 32);
    drop(taken);
    let replies = call(&router, "batch", both).await["replies"].take();
    let read = &replies[0]["history"]["publications"];
    assert_eq!(read.as_array().unwrap().len(), 32);
    assert_eq!(memory.free_kib(), free);
}

#[tokio::test]
async fn what_is_wrong_is_told_as_there() {
    let (router, _) = node();
    for (method, body, code) in [
        ("publish", json!({"data": 1}), 107),
        ("publish", json!({"channel": "chat:1"}), 107),
        ("publish", json!({"channel": "chat:1", "b64data": "!"}), 107),
        ("publish", json!({"channel": "chat:1", "b64data": ""}), 107),
        ("publish", json!({"channel": null, "data": 1}), 107),
        ("broadcast", json!({"channels": [], "data": 1}), 107),
        ("broadcast", json!({"channels": null, "data": 1}), 107),
        (
            "broadcast",
            json!({"channels": vec!["chat:1"; 1_001], "data": 1}),
            106,
        ),
        ("subscribe", json!({"channel": "chat:1"}), 107),
        ("disconnect", json!({"session": "s"}), 107),
        (
            "disconnect",
            json!({"user": "1", "disconnect": {"code": 1}}),
            107,
        ),
        ("presence", json!({"channel": "plain:1"}), 108),
        ("rpc", json!({"method": "x"}), 108),
        ("nothing", json!({}), 104),
    ] {
        let answer = call(&router, method, body.clone()).await;
        assert_eq!(answer["error"]["code"], code, "{method} {body}");
    }
    let mut by_status = request("presence", r#"{"channel":"none:1"}"#);
    let mode = header::HeaderValue::from_static("transport");
    by_status
        .headers_mut()
        .insert("x-centrifugo-error-mode", mode);
    let answer = send(&router, by_status).await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND);
    assert_eq!(answer.json()["error"]["code"], 102);
    let answer = send(&router, request("publish", "{")).await;
    assert_eq!(answer.problem()["type"], "urn:hearken:problem:bad-body");
}

#[tokio::test]
async fn a_wrong_key_opens_nothing() {
    let (router, _) = node();
    for (name, value) in [("x-api-key", "wrong"), ("authorization", "apikey wrong")] {
        let request = Request::post("/api/info").header(name, value);
        let answer = send(&router, request.body(Body::empty()).unwrap()).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{name}");
    }
    let scheme = format!("ApiKey {SERVER_KEY}");
    let request = Request::post("/api/info").header("authorization", scheme);
    let answer = send(&router, request.body(Body::empty()).unwrap()).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
}

#[tokio::test]
async fn data_is_kept_as_it_is_written() {
    let (router, _) = node();
    let deep = format!("{}{}", "[".repeat(101), "]".repeat(101));
    for data in [r#""\ud800""#, "1e400", r#"{"a":1,"a":2}"#, &deep] {
        let publish = format!(r#"{{"channel":"chat:1","data":{data}}}"#);
        let answer = send(&router, request("publish", &publish)).await;
        assert!(
            answer.json()["result"]["offset"].is_u64(),
            "{}",
            answer.body
        );
    }
    let asked = r#"{"channel":"chat:1","limit":10}"#;
    let kept = send(&router, request("history", asked)).await.body;
    for data in [
        r#""data":"\ud800""#,
        r#""data":1e400"#,
        r#""data":{"a":1,"a":2}"#,
    ] {
        assert!(kept.contains(data), "{data} in {kept}");
    }
    // Deeper than clients may nest what they publish as JSON.
    assert!(kept.contains("data_base64"), "{kept}");
}

#[tokio::test]
async fn null_and_nothing_are_as_if_they_were_not_there() {
    let (router, _) = node();
    let publish = json!({
        "channel": "chat:1", "data": {"m": 1}, "b64data": "", "tags": null,
        "idempotency_key": null, "skip_history": null, "delta": null,
    });
    let answer = call(&router, "publish", publish).await;
    assert_eq!(answer["result"]["offset"], 1, "{answer}");
    let asked = json!({"channel": "chat:1", "limit": 10, "since": null, "reverse": null});
    let answer = call(&router, "history", asked).await;
    let kept = &answer["result"]["publications"][0];
    assert_eq!(kept["data"], json!({"m": 1}));
    for (method, body) in [
        (
            "subscribe",
            json!({"user": "1", "client": null, "session": null, "channel": "chat:1",
                   "expire_at": null, "recover_since": null, "override": null, "b64info": null}),
        ),
        (
            "disconnect",
            json!({"user": "1", "whitelist": null, "disconnect": null}),
        ),
        (
            "refresh",
            json!({"user": "1", "expired": null, "expire_at": null}),
        ),
    ] {
        let answer = call(&router, method, body).await;
        assert_eq!(answer, json!({"result": {}}), "{method}");
    }
    let answer = call(&router, "channels", json!({"pattern": null})).await;
    assert_eq!(answer["result"]["channels"], json!({}));
}

#[tokio::test]
async fn a_request_broadcasts_to_so_many_channels_in_all() {
    let (router, _) = node();
    let channels: Vec<String> = (0..600).map(|number| format!("none:{number}")).collect();
    let broadcast = json!({"broadcast": {"channels": channels, "data": 1}});
    let batch = json!({"commands": [broadcast.clone(), broadcast]});
    let answer = call(&router, "batch", batch).await;
    let replies = &answer["replies"];
    let first = &replies[0]["broadcast"]["responses"];
    assert_eq!(first.as_array().unwrap().len(), 600);
    assert_eq!(replies[1]["error"]["code"], 106);
}

#[tokio::test]
async fn where_there_is_a_key_nobody_commands_without_it() {
    let (router, _) = node();
    for (method, body) in [("info", "{}"), ("batch", r#"{"commands":[{"info":{}}]}"#)] {
        let request = Request::post(format!("/api/{method}")).body(Body::from(body));
        let answer = send(&router, request.unwrap()).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{method}");
    }
}

#[tokio::test]
async fn a_batch_of_who_may_do_nothing_of_it_is_refused_as_its_commands_would_be() {
    let (router, _) = node_with(AccessSettings {
        anonymous: Some(Vec::new()),
        ..AccessSettings::default()
    });
    let batch = json!({"commands": [{"info": {}}, {"publish": {"channel": "chat:1", "data": 1}}]});
    let request = Request::post("/api/batch").body(Body::from(batch.to_string()));
    let answer = send(&router, request.unwrap()).await;
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{}", answer.body);
}

#[tokio::test]
async fn a_node_without_a_key_does_not_mind_one() {
    let gateway = gateway(&bus(), GatewayLimits::default());
    let answer = send(&gateway.router(), request("info", "")).await;
    // Sessions are off, which only who was let through is told.
    assert_eq!(answer.problem()["type"], "urn:hearken:problem:sessions-off");
}

#[tokio::test]
async fn what_is_commanded_is_in_the_log() {
    let lines = Lines::default();
    let writer = lines.clone();
    let layer = tracing_subscriber::fmt::layer()
        .with_ansi(false)
        .with_writer(move || writer.clone());
    let subscriber = tracing_subscriber::registry().with(layer);
    let _logging = tracing::subscriber::set_default(subscriber);
    let (router, _) = node();
    call(&router, "disconnect", json!({"user": "1"})).await;
    let batch = json!({"commands": [
        {"refresh": {}},
        {"publish": {"channel": "chat:1", "data": 1}},
    ]});
    call(&router, "batch", batch).await;
    let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
    let audited: Vec<_> = text
        .lines()
        .filter(|line| line.contains("hearken::audit") && line.contains("sessions.api"))
        .collect();
    let [disconnected, refreshed] = audited[..] else {
        panic!("{text}");
    };
    assert!(disconnected.contains("method=\"disconnect\"") && disconnected.contains("address="));
    assert!(refreshed.contains("method=\"refresh\"") && refreshed.contains("error=107"));
}

/// What is written into the log.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
