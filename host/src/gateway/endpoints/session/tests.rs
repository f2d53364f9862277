use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Method, Request, StatusCode, Version, header};
use futures_util::StreamExt;
use hearken_session_protocol::codes::disconnects;
use prost::Message as _;
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep};
use tokio_util::task::AbortOnDropHandle;
use tower::ServiceExt;
use uuid::Uuid;

use crate::access::{Access, AccessSettings};
use crate::bus::Bus;
use crate::config::NodeConfig;
use crate::event::{Draft, EventType};
use crate::gateway::GatewayLimits;
use crate::gateway::test_support::others::Others;
use crate::gateway::test_support::{
    Answer, FRIEND, MAX_EVENT_BYTES, access, bus, bus_of, gateway_missing, gateway_with_sessions,
    get, router, send,
};
use crate::mesh::{News, PeerNode};
use crate::passing::{Alone, Answers, Elsewhere, PassFailure};
use crate::session::{
    AllowedFor, Namespace, PublishOptions, Sessions, SessionsSettings, Spared, SubscriptionGrant,
    Whose,
};

/// A node where everybody may do everything in channels that begin with `chat:`.
struct Hosted {
    bus: Bus,
    router: Router,
    sessions: Sessions,
}

impl Hosted {
    fn new() -> Self {
        Self::with(|_| {})
    }

    fn with(change: impl FnOnce(&mut SessionsSettings)) -> Self {
        Self::of(&bus(), Arc::new(Alone), change).0
    }

    /// The node of a bus, and what answers other nodes there.
    fn of(
        bus: &Bus,
        elsewhere: Arc<dyn Elsewhere>,
        change: impl FnOnce(&mut SessionsSettings),
    ) -> (Self, Arc<dyn Answers>) {
        let mut settings = everybodys();
        change(&mut settings);
        let (gateway, sessions) = gateway_with_sessions(bus, friendly(), elsewhere, settings);
        let hosted = Self {
            bus: bus.clone(),
            router: gateway.router(),
            sessions,
        };
        (hosted, gateway.answers())
    }

    /// A node that knows of another with sessions, which cannot be reached.
    fn missing(other: &str) -> Self {
        let bus = bus();
        let (gateway, sessions) = gateway_missing(&bus, friendly(), everybodys(), other);
        Self {
            router: gateway.router(),
            bus,
            sessions,
        }
    }

    async fn open(&self, request: Request<Body>) -> Stream {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (head, body) = response.into_parts();
        assert_eq!(head.status, StatusCode::OK);
        let (pieces, coming) = mpsc::unbounded_channel();
        let pumping = tokio::spawn(async move {
            let mut body = body.into_data_stream();
            while let Some(Ok(piece)) = body.next().await {
                if pieces.send(piece.to_vec()).is_err() {
                    return;
                }
            }
        });
        Stream {
            headers: head.headers,
            coming,
            bytes: Vec::new(),
            pumping: AbortOnDropHandle::new(pumping),
        }
    }

    async fn emulate(&self, session: &Value, data: &str) {
        let message = json!({
            "session": session["session"],
            "node": session["node"],
            "data": data,
        });
        let answer = send(&self.router, post("/emulation", message.to_string())).await;
        assert_eq!(answer.status, StatusCode::NO_CONTENT, "{}", answer.body);
    }

    fn publish(&self, channel: &str, data: &'static str) {
        let mut draft = Draft::new(EventType::custom("said").unwrap());
        draft.data = Some(data.as_bytes().into());
        let publisher = self.bus.publisher("/tests", "t");
        let published = self.sessions.publish_unanswered(
            &publisher,
            "key:t",
            channel,
            draft,
            PublishOptions::default(),
        );
        published.unwrap();
    }
}

/// Everybody may have sessions, and do everything in channels that begin with `chat:`.
fn everybodys() -> SessionsSettings {
    let everybody = AllowedFor {
        client: true,
        subscriber: true,
        anonymous: true,
    };
    let chat = Namespace {
        subscribe: everybody,
        publish: everybody,
        ..Namespace::new("chat")
    };
    SessionsSettings {
        anonymous: true,
        namespaces: BTreeMap::from([("chat".to_owned(), chat)]),
        ..NodeConfig::default().sessions
    }
}

/// The friend's pages may use the node.
fn friendly() -> Access {
    access(AccessSettings {
        allowed_origins: vec![FRIEND.to_owned()],
        ..AccessSettings::default()
    })
}

/// What comes over an answer that does not end.
struct Stream {
    headers: HeaderMap,
    coming: mpsc::UnboundedReceiver<Vec<u8>>,
    bytes: Vec<u8>,
    #[expect(dead_code, reason = "it ends with this")]
    pumping: AbortOnDropHandle<()>,
}

impl Stream {
    /// The next line that is not empty; `None` at the end.
    async fn line(&mut self) -> Option<String> {
        loop {
            if let Some(at) = self.bytes.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.bytes.drain(..=at).collect();
                let line = String::from_utf8(line).unwrap();
                match line.trim_end() {
                    "" => continue,
                    line => return Some(line.to_owned()),
                }
            }
            match self.coming.recv().await {
                Some(piece) => self.bytes.extend(piece),
                None => {
                    assert!(self.bytes.is_empty(), "the last line is whole");
                    return None;
                }
            }
        }
    }

    /// The next message.
    async fn message(&mut self) -> Value {
        let line = self.line().await.expect("a message");
        serde_json::from_str(line.strip_prefix("data: ").unwrap_or(&line)).unwrap()
    }

    /// The next message of protobuf, of which none here is long.
    async fn delimited(&mut self) -> Vec<u8> {
        while self.bytes.is_empty() || self.bytes.len() <= usize::from(self.bytes[0]) {
            let piece = self.coming.recv().await.expect("more");
            self.bytes.extend(piece);
        }
        assert!(self.bytes[0] < 128);
        let end = usize::from(self.bytes[0]);
        let message: Vec<u8> = self.bytes.drain(..=end).collect();
        message[1..].to_vec()
    }
}

fn post(uri: &str, body: impl Into<Body>) -> Request<Body> {
    Request::post(uri)
        .header(header::HOST, "localhost")
        .body(body.into())
        .unwrap()
}

fn getting(uri: &str) -> Request<Body> {
    Request::get(uri)
        .header(header::HOST, "localhost")
        .body(Body::empty())
        .unwrap()
}

const CONNECT: &str = r#"{"connect":{"name":"js"},"id":1}"#;

#[tokio::test]
async fn a_session_lives_on_an_answer_and_requests_beside_it() {
    let node = Hosted::new();
    let mut stream = node.open(post("/connection/http_stream", CONNECT)).await;
    assert_eq!(stream.headers["content-type"], "application/x-ndjson");
    assert_eq!(stream.headers["x-accel-buffering"], "no");
    let cached = stream.headers["cache-control"].to_str().unwrap();
    assert!(cached.contains("no-store"), "{cached}");
    let reply = stream.message().await;
    let session = &reply["connect"];
    assert_eq!((&reply["id"], &session["node"]), (&json!(1), &json!("a")));
    assert_eq!(session["pong"], true);
    let shown = node.sessions.show(session["client"].as_str().unwrap());
    assert_eq!(shown.map(|shown| shown.transport), Some("http_stream"));

    let commands = "{\"subscribe\":{\"channel\":\"chat:1\"},\"id\":2}\n\
                    {\"publish\":{\"channel\":\"chat:1\",\"data\":{\"m\":1}},\"id\":3}";
    node.emulate(session, commands).await;
    assert_eq!(stream.message().await["id"], 2);
    let mut rest = [stream.message().await, stream.message().await];
    rest.sort_by_key(|message| message["id"].is_null());
    assert_eq!(rest[0], json!({"id": 3, "publish": {}}));
    let push = &rest[1]["push"];
    assert_eq!(push["channel"], "chat:1");
    assert_eq!(push["pub"]["data"], json!({"m": 1}));

    drop(stream);
    while node.sessions.stats().sessions > 0 {
        tokio::task::yield_now().await;
    }
    // The client need not know yet.
    node.emulate(session, "{}").await;
}

#[tokio::test]
async fn who_keeps_a_connection_has_a_place_among_the_streams() {
    let node = Hosted::new();
    let connect = |version| {
        let mut request = getting("/connection/uni_http_stream");
        *request.version_mut() = version;
        node.router.clone().oneshot(request)
    };
    for version in [Version::HTTP_2, Version::HTTP_10] {
        let mut sessions = Vec::new();
        let refused = loop {
            let answer = connect(version).await.unwrap();
            if answer.status() != StatusCode::OK {
                break answer;
            }
            sessions.push(answer);
            assert!(sessions.len() < GatewayLimits::default().streams);
        };
        assert_eq!(refused.status(), StatusCode::TOO_MANY_REQUESTS);
        let alone = connect(Version::HTTP_11).await.unwrap();
        assert_eq!(alone.status(), StatusCode::OK);
        drop(sessions.pop());
        sessions.push(connect(version).await.unwrap());
        assert!(sessions.iter().all(|one| one.status() == StatusCode::OK));
    }
}

#[tokio::test]
async fn who_finds_no_place_is_told_so_before_it_has_a_session() {
    let all = |settings: &mut SessionsSettings| settings.max = 1;
    let of_one = |settings: &mut SessionsSettings| settings.per_address = Some(1);
    for (node, expected) in [
        (Hosted::with(all), StatusCode::SERVICE_UNAVAILABLE),
        (Hosted::with(of_one), StatusCode::TOO_MANY_REQUESTS),
    ] {
        let ask = |request| node.router.clone().oneshot(request);
        let upgrade = || {
            let mut request = getting("/connection/websocket");
            for (name, value) in [
                ("connection", "upgrade"),
                ("upgrade", "websocket"),
                ("sec-websocket-version", "13"),
                ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
            ] {
                request.headers_mut().insert(name, value.parse().unwrap());
            }
            request
        };
        // Whoever goes before the session begins has kept nobody's place.
        for _ in 0..2 {
            let begun = ask(upgrade()).await.unwrap();
            assert_eq!(begun.status(), StatusCode::SWITCHING_PROTOCOLS);
        }
        let stream = node.open(post("/connection/http_stream", CONNECT)).await;
        for request in [upgrade(), post("/connection/http_stream", CONNECT)] {
            let refused = ask(request).await.unwrap();
            assert_eq!(refused.status(), expected);
            assert!(refused.headers().contains_key(header::RETRY_AFTER));
        }
        drop(stream);
        while ask(upgrade()).await.unwrap().status() == expected {
            tokio::task::yield_now().await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn commands_of_who_does_not_read_are_not_waited_for() {
    let node = Hosted::new();
    let connect = post("/connection/http_stream", CONNECT);
    let response = node.router.clone().oneshot(connect).await.unwrap();
    let mut body = response.into_body().into_data_stream();
    let connected: Value = serde_json::from_slice(&body.next().await.unwrap().unwrap()).unwrap();
    let subscribe = r#"{"subscribe":{"channel":"chat:1"},"id":2}"#;
    let emulating = node.emulate(&connected["connect"], subscribe);
    let answered = tokio::time::timeout(Duration::from_secs(10), emulating).await;
    answered.expect("it is answered all the same");
    let reply: Value = serde_json::from_slice(&body.next().await.unwrap().unwrap()).unwrap();
    assert_eq!(reply["id"], 2);
}

#[tokio::test]
async fn the_end_is_the_last_message() {
    let node = Hosted::new();
    for uri in ["/connection/http_stream", "/connection/sse"] {
        let mut stream = node.open(post(uri, CONNECT)).await;
        let reply = stream.message().await;
        let client = reply["connect"]["client"].as_str().unwrap().to_owned();
        let why = disconnects::FORCE_DISCONNECT;
        node.sessions
            .disconnect(&Whose::Client(client), &why, &Spared::default());
        let end = json!({"push": {"disconnect": {"code": 3503, "reason": "force disconnect"}}});
        assert_eq!(stream.message().await, end);
        assert_eq!(stream.line().await, None);
    }
}

#[tokio::test]
async fn commands_that_are_none_end_the_session() {
    let node = Hosted::new();
    let mut stream = node.open(post("/connection/http_stream", CONNECT)).await;
    let session = stream.message().await["connect"].clone();
    // What comes behind it is not carried out.
    node.emulate(&session, "{\"id\":").await;
    let end = stream.message().await;
    assert_eq!(end["push"]["disconnect"]["code"], 3501);
    let first = r#"{"subscribe":{"channel":"chat:1"},"id":1}"#;
    let mut stream = node.open(post("/connection/http_stream", first)).await;
    let end = stream.message().await;
    assert_eq!(end["push"]["disconnect"]["code"], 3501);
}

#[tokio::test]
async fn a_session_lives_on_server_sent_events() {
    let node = Hosted::new();
    let uri = "/connection/sse?cf_connect=%7B%22connect%22%3A%7B%7D%2C%22id%22%3A1%7D";
    let mut stream = node.open(getting(uri)).await;
    let media_type = stream.headers["content-type"].to_str().unwrap();
    assert!(media_type.starts_with("text/event-stream"), "{media_type}");
    assert_eq!(stream.coming.recv().await.as_deref(), Some(&b"\r\n"[..]));
    let line = stream.line().await.unwrap();
    assert!(line.starts_with("data: {\"id\":1,"), "{line}");
    let reply: Value = serde_json::from_str(&line[6..]).unwrap();
    let subscribe = r#"{"subscribe":{"channel":"chat:1"},"id":2}"#;
    node.emulate(&reply["connect"], subscribe).await;
    assert_eq!(stream.message().await["id"], 2);
    node.publish("chat:1", r#""hi""#);
    assert_eq!(stream.message().await["push"]["pub"]["data"], "hi");
}

#[derive(Clone, PartialEq, prost::Message)]
struct Reply {
    #[prost(uint32, tag = "1")]
    id: u32,
    #[prost(message, optional, tag = "5")]
    connect: Option<Connected>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Connected {
    #[prost(string, tag = "9")]
    session: String,
    #[prost(string, tag = "10")]
    node: String,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Emulated {
    #[prost(string, tag = "1")]
    node: String,
    #[prost(string, tag = "2")]
    session: String,
    #[prost(bytes = "vec", tag = "3")]
    data: Vec<u8>,
}

#[tokio::test]
async fn protobuf_goes_both_ways() {
    let node = Hosted::new();
    let protobuf = |uri, body: Vec<u8>| {
        let mut request = post(uri, body);
        let media_type = header::HeaderValue::from_static("application/octet-stream");
        request
            .headers_mut()
            .insert(header::CONTENT_TYPE, media_type);
        request
    };
    // A command of the number 7 with an empty connect request.
    let connect = b"\x04\x08\x07\x22\x00".to_vec();
    let mut stream = node
        .open(protobuf("/connection/http_stream", connect))
        .await;
    assert_eq!(stream.headers["content-type"], "application/octet-stream");
    let reply = Reply::decode(&*stream.delimited().await).unwrap();
    assert_eq!(reply.id, 7);
    let Connected { session, node: on } = reply.connect.unwrap();
    let message = Emulated {
        node: on,
        session,
        // A pong that nobody has asked for.
        data: vec![0],
    };
    let answer = send(
        &node.router,
        protobuf("/emulation", message.encode_to_vec()),
    )
    .await;
    assert_eq!(answer.status, StatusCode::NO_CONTENT, "{}", answer.body);
    let end = stream.delimited().await;
    assert!(end.ends_with(b"bad request"), "{end:?}");
    // What only listens is not wrapped in replies: field 10 is `connect`.
    let request = protobuf("/connection/uni_http_stream", b"\x22\x01n".to_vec());
    let mut stream = node.open(request).await;
    assert_eq!(stream.delimited().await[0], 0x52);
}

#[tokio::test]
async fn who_only_listens_gets_pushes_alone() {
    let node = Hosted::new();
    for request in [
        getting("/connection/uni_sse"),
        post("/connection/uni_sse", r#"{"name":"curl"}"#),
        getting("/connection/uni_http_stream?cf_connect=%7B%7D"),
        post("/connection/uni_http_stream", "{}"),
    ] {
        let mut stream = node.open(request).await;
        let connected = stream.message().await["connect"].clone();
        assert!(connected["pong"].is_null(), "{connected}");
        assert_eq!(connected["ping"], 25);
        let client = connected["client"].as_str().unwrap().to_owned();
        let whose = Whose::Client(client);
        let channel = crate::session::ChannelName::new("chat:1").unwrap();
        let grant = SubscriptionGrant::default();
        let count = node
            .sessions
            .subscribe(&whose, &channel, &grant, None, None)
            .await;
        assert_eq!(count.unwrap(), 1);
        let told = stream.message().await;
        assert_eq!(told, json!({"channel": "chat:1", "subscribe": {}}));
        node.publish("chat:1", "[1]");
        let publication = stream.message().await;
        assert_eq!(publication["pub"]["data"], json!([1]));
        node.sessions
            .disconnect(&whose, &disconnects::SHUTDOWN, &Spared::default());
        let end = json!({"disconnect": {"code": 3001, "reason": "shutdown"}});
        assert_eq!(stream.message().await, end);
        assert_eq!(stream.line().await, None);
    }
}

#[tokio::test(start_paused = true)]
async fn who_only_listens_answers_no_ping() {
    let node = Hosted::new();
    let mut stream = node.open(getting("/connection/uni_http_stream")).await;
    stream.message().await;
    for _ in 0..3 {
        assert_eq!(stream.message().await, json!({}));
    }
}

#[tokio::test]
async fn who_only_listens_and_may_not_connect_is_told_why() {
    let node = Hosted::with(|settings| {
        settings.anonymous = false;
        settings.token = Some("main".to_owned());
    });
    let mut stream = node.open(getting("/connection/uni_http_stream")).await;
    let end = json!({"disconnect": {"code": 3501, "reason": "bad request"}});
    assert_eq!(stream.message().await, end);
    assert_eq!(stream.line().await, None);
}

#[tokio::test]
async fn bad_requests_are_problems() {
    let node = Hosted::new();
    let large = "x".repeat((64 << 10) + 1);
    for (request, status, kind) in [
        (post("/connection/http_stream", ""), 400, "bad-command"),
        (post("/connection/http_stream", "[1]"), 400, "bad-command"),
        (post("/connection/uni_sse", "1"), 400, "bad-command"),
        (getting("/connection/sse"), 400, "bad-parameter"),
        (
            getting("/connection/uni_sse?cf_connect=x"),
            400,
            "bad-command",
        ),
        (post("/connection/sse", large.clone()), 413, "too-large"),
        (post("/emulation", large), 413, "too-large"),
        (post("/emulation", "{"), 400, "bad-command"),
        (
            post("/emulation", r#"{"session":"s","node":"z","data":"{}"}"#),
            404,
            "no-node",
        ),
    ] {
        let uri = request.uri().clone();
        let answer: Answer = send(&node.router, request).await;
        assert_eq!(answer.status.as_u16(), status, "{uri} {}", answer.body);
        let kind = format!("urn:hearken:problem:{kind}");
        assert_eq!(answer.problem()["type"], kind, "{uri}");
    }
    for uri in [
        "/connection/sse",
        "/connection/uni_sse",
        "/connection/uni_http_stream",
    ] {
        let mut request = getting(uri);
        *request.method_mut() = Method::HEAD;
        let answer = send(&node.router, request).await;
        assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED, "{uri}");
    }
    let off = get(&router(), "/connection/uni_sse").await;
    assert_eq!(off.problem()["type"], "urn:hearken:problem:sessions-off");
}

#[tokio::test]
async fn any_node_takes_the_commands_of_a_session() {
    let (there, answers) = Hosted::of(&bus_of("b", MAX_EVENT_BYTES), Arc::new(Alone), |_| {});
    let others = Arc::new(Others::answering(answers));
    others.have("anything", "b", true);
    let (here, _) = Hosted::of(&bus(), Arc::clone(&others) as _, |_| {});
    let mut stream = there.open(post("/connection/http_stream", CONNECT)).await;
    let session = stream.message().await["connect"].clone();
    assert_eq!(session["node"], "b");
    let subscribe = r#"{"subscribe":{"channel":"chat:1"},"id":2}"#;
    here.emulate(&session, subscribe).await;
    assert_eq!(stream.message().await["id"], 2);
    let message = json!({"session": session["session"], "node": "b", "data": "{}"}).to_string();
    for (failure, status) in [(PassFailure::Away, 404), (PassFailure::Busy, 503)] {
        *others.fails.lock().unwrap() = Some(failure);
        let answer = send(&here.router, post("/emulation", message.clone())).await;
        assert_eq!(answer.status.as_u16(), status, "{}", answer.body);
    }
    others.reach("b", false);
    let answer = send(&here.router, post("/emulation", message)).await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND);
}

#[tokio::test(start_paused = true)]
async fn commands_wait_for_the_link_to_their_session_s_node_as_long_as_it_is_there() {
    let (there, answers) = Hosted::of(&bus_of("b", MAX_EVENT_BYTES), Arc::new(Alone), |_| {});
    let others = Arc::new(Others::answering(answers));
    others.have("anything", "b", true);
    let (here, _) = Hosted::of(&bus(), Arc::clone(&others) as _, |_| {});
    let b = PeerNode {
        name: "b".into(),
        incarnation: Uuid::from_u128(1),
    };
    let ears = here.sessions.ears();
    ears.hear(News::Joined(b.clone()));
    let mut stream = there.open(post("/connection/http_stream", CONNECT)).await;
    let session = stream.message().await["connect"].clone();

    // It is away; then it is linked, but does not take it yet.
    others.reach("b", false);
    let coming_back = async {
        sleep(Duration::from_secs(2)).await;
        *others.fails.lock().unwrap() = Some(PassFailure::Away);
        others.reach("b", true);
        sleep(Duration::from_secs(1)).await;
        *others.fails.lock().unwrap() = None;
        others.reach("b", true);
    };
    let subscribe = r#"{"subscribe":{"channel":"chat:1"},"id":2}"#;
    let ((), ()) = tokio::join!(here.emulate(&session, subscribe), coming_back);
    assert_eq!(stream.message().await["id"], 2);

    // It does not come back, or is known to be gone.
    let message = json!({"session": session["session"], "node": "b", "data": "{}"}).to_string();
    others.reach("b", false);
    for seconds in [5, 0] {
        let begun = Instant::now();
        let answer = send(&here.router, post("/emulation", message.clone())).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND);
        assert_eq!(begun.elapsed().as_secs(), seconds);
        ears.hear(News::Unreachable(b.clone()));
    }
}

#[tokio::test]
async fn pages_of_allowed_origins_have_sessions() {
    let node = Hosted::new();
    let preflight = |origin: &'static str| {
        Request::options("/emulation")
            .header(header::ORIGIN, origin)
            .header("access-control-request-method", "POST")
            .header("access-control-request-headers", "content-type")
            .body(Body::empty())
            .unwrap()
    };
    let answer = send(&node.router, preflight(FRIEND)).await;
    assert_eq!(answer.status, StatusCode::NO_CONTENT);
    for (name, value) in [
        ("access-control-allow-origin", FRIEND),
        ("access-control-allow-headers", "content-type"),
        ("access-control-allow-credentials", "true"),
        ("access-control-max-age", "300"),
    ] {
        assert_eq!(answer.headers[name], value, "{name}");
    }
    let stranger = send(&node.router, preflight("https://evil.example")).await;
    assert_eq!(stranger.status, StatusCode::FORBIDDEN);
    let mut request = post("/connection/http_stream", CONNECT);
    let origin = header::HeaderValue::from_static(FRIEND);
    request.headers_mut().insert(header::ORIGIN, origin);
    let mut stream = node.open(request).await;
    assert_eq!(stream.headers["access-control-allow-origin"], FRIEND);
    assert_eq!(stream.headers["access-control-allow-credentials"], "true");
    assert_eq!(stream.message().await["id"], 1);
}

async fn asked(node: &Hosted, method: &str, uri: &str, body: &Value) -> Answer {
    let body = match body {
        Value::Null => Body::empty(),
        body => Body::from(body.to_string()),
    };
    let request = Request::builder().method(method).uri(uri).body(body);
    send(&node.router, request.unwrap()).await
}

#[tokio::test]
async fn operators_see_sessions_and_close_them() {
    let node = Hosted::new();
    let mut streams = Vec::new();
    let mut ids = Vec::new();
    for _ in 0..3 {
        let mut stream = node.open(post("/connection/http_stream", CONNECT)).await;
        let session = stream.message().await["connect"].clone();
        ids.push(session["client"].as_str().unwrap().to_owned());
        streams.push((stream, session));
    }
    let subscribe = r#"{"subscribe":{"channel":"chat:1"},"id":2}"#;
    node.emulate(&streams[0].1, subscribe).await;
    assert_eq!(streams[0].0.message().await["id"], 2);

    let shown = asked(
        &node,
        "GET",
        &format!("/v1/sessions/{}", ids[0]),
        &Value::Null,
    )
    .await;
    assert_eq!(shown.status, StatusCode::OK, "{}", shown.body);
    let secret = streams[0].1["session"].as_str().unwrap();
    assert!(!shown.body.contains(secret), "it is the client's");
    let shown = shown.json();
    assert_eq!(shown["id"], ids[0].as_str());
    assert_eq!(
        (&shown["node"], &shown["name"]),
        (&json!("a"), &json!("js"))
    );
    assert_eq!(shown["transport"], "http_stream");
    let channels = json!([{"channel": "chat:1", "server_side": false}]);
    assert_eq!(shown["channels"], channels);

    let of = |page: &Value| -> Vec<String> {
        let sessions = page["sessions"].as_array().unwrap().iter();
        let ids = sessions.map(|session| session["id"].as_str().unwrap().to_owned());
        ids.collect()
    };
    let mut sorted = ids.clone();
    sorted.sort();
    let first = asked(&node, "GET", "/v1/sessions?limit=2&node=a", &Value::Null).await;
    let first = first.json();
    assert_eq!(of(&first), sorted[..2]);
    let next = first["next"].as_str().unwrap();
    let uri = format!("/v1/sessions?limit=2&after={next}");
    let rest = asked(&node, "GET", &uri, &Value::Null).await.json();
    assert_eq!(of(&rest), sorted[2..]);
    assert!(rest["next"].is_null());
    let listening = asked(&node, "GET", "/v1/sessions?channel=chat:1", &Value::Null).await;
    assert_eq!(of(&listening.json()), ids[..1]);
    let nobody = asked(&node, "GET", "/v1/sessions?user=42", &Value::Null).await;
    assert_eq!(of(&nobody.json()), Vec::<String>::new());

    let uri = format!("/v1/sessions/{}", ids[0]);
    let closed = asked(&node, "DELETE", &uri, &Value::Null).await;
    assert_eq!(closed.status, StatusCode::NO_CONTENT, "{}", closed.body);
    let end = streams[0].0.message().await;
    assert_eq!(end["push"]["disconnect"]["code"], 3503);
    let gone = asked(&node, "DELETE", &uri, &Value::Null).await;
    assert_eq!(gone.problem()["type"], "urn:hearken:problem:no-session");

    let close = json!({"to": {"node": "a"}, "code": 4000, "reason": "maintenance"});
    let closed = asked(&node, "POST", "/v1/sessions/disconnect", &close).await;
    assert_eq!(closed.status, StatusCode::OK, "{}", closed.body);
    // There are other nodes beside the one under test, but it is this one that was named.
    assert_eq!(closed.json()["sessions"], 2);
    for (stream, _) in &mut streams[1..] {
        let end = json!({"code": 4000, "reason": "maintenance"});
        assert_eq!(stream.message().await["push"]["disconnect"], end);
    }
}

#[tokio::test]
async fn operators_send_messages() {
    let node = Hosted::new();
    let mut one = node.open(post("/connection/http_stream", CONNECT)).await;
    let mut two = node.open(post("/connection/http_stream", CONNECT)).await;
    let ids = [one.message().await, two.message().await]
        .map(|reply| reply["connect"]["client"].as_str().unwrap().to_owned());
    let message = json!({"to": {"all": true}, "data": [1], "exclude": {"session": ids[1]}});
    let sent = asked(&node, "POST", "/v1/sessions/messages", &message).await;
    assert_eq!(sent.status, StatusCode::ACCEPTED, "{}", sent.body);
    // Of the other nodes none has sessions.
    assert_eq!(
        sent.json(),
        json!({"nodes": 1, "sessions": 1, "partial": false})
    );
    assert_eq!(one.message().await["push"]["message"]["data"], json!([1]));
    let uri = format!("/v1/sessions/{}/messages", ids[1]);
    let sent = asked(&node, "POST", &uri, &json!({"data": "hi"})).await;
    assert_eq!(sent.status, StatusCode::ACCEPTED, "{}", sent.body);
    assert_eq!(
        sent.json(),
        json!({"nodes": 1, "sessions": 1, "partial": false})
    );
    // And nothing before it.
    assert_eq!(two.message().await["push"]["message"]["data"], "hi");
}

#[tokio::test]
async fn operators_are_told_that_a_node_cannot_be_reached() {
    let node = Hosted::missing("c");
    let mut stream = node.open(post("/connection/http_stream", CONNECT)).await;
    let connected = stream.message().await;
    let id = connected["connect"]["client"].as_str().unwrap();
    for (to, nodes, sessions, partial) in [
        (json!({"all": true}), 1, 1, true),
        (json!({"user": "u"}), 1, 0, true),
        (json!({"channel": "chat:1"}), 1, 0, true),
        (json!({"session": "nobody"}), 1, 0, true),
        (json!({"node": "c"}), 0, 0, true),
        (json!({"node": "a"}), 1, 1, false),
        (json!({"session": id}), 1, 1, false),
    ] {
        let message = json!({"to": to, "data": 1});
        let sent = asked(&node, "POST", "/v1/sessions/messages", &message).await;
        assert_eq!(sent.status, StatusCode::ACCEPTED, "{to} {}", sent.body);
        let reached = json!({"nodes": nodes, "sessions": sessions, "partial": partial});
        assert_eq!(sent.json(), reached, "{to}");
    }
    let close = json!({"to": {"user": "u"}});
    let closed = asked(&node, "POST", "/v1/sessions/disconnect", &close).await;
    let reached = json!({"nodes": 1, "sessions": 0, "partial": true});
    assert_eq!(closed.json(), reached);
    for (query, sessions, partial) in [("", 1, true), ("?node=c", 0, true), ("?node=a", 1, false)] {
        let uri = format!("/v1/sessions{query}");
        let listed = asked(&node, "GET", &uri, &Value::Null).await.json();
        assert_eq!(listed["sessions"].as_array().unwrap().len(), sessions);
        assert_eq!(listed["partial"], partial, "{query}");
    }
    for (method, uri, body) in [
        ("GET", "/v1/sessions/nobody", Value::Null),
        ("DELETE", "/v1/sessions/nobody", Value::Null),
        ("POST", "/v1/sessions/nobody/messages", json!({ "data": 1 })),
    ] {
        let answer = asked(&node, method, uri, &body).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{method}");
    }
    let uri = format!("/v1/sessions/{id}");
    let closed = asked(&node, "DELETE", &uri, &Value::Null).await;
    assert_eq!(closed.status, StatusCode::NO_CONTENT, "{}", closed.body);
}

#[tokio::test]
async fn operators_say_whom_they_mean() {
    let node = Hosted::new();
    for (to, status, kind) in [
        (json!({}), 400, "bad-body"),
        (json!({"user": "1", "all": true}), 400, "bad-body"),
        (json!({"all": false}), 400, "bad-body"),
        (json!({"channel": "a b"}), 400, "bad-body"),
        (json!({"user": ""}), 400, "bad-body"),
        (json!({"node": "z"}), 404, "no-node"),
    ] {
        let message = json!({"to": to, "data": 1});
        let answer = asked(&node, "POST", "/v1/sessions/messages", &message).await;
        assert_eq!(answer.status.as_u16(), status, "{to} {}", answer.body);
        let kind = format!("urn:hearken:problem:{kind}");
        assert_eq!(answer.problem()["type"], kind, "{to}");
    }
    let message = json!({"to": {"all": true}, "data": 1, "exclude": {"user": ""}});
    let answer = asked(&node, "POST", "/v1/sessions/messages", &message).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{}", answer.body);
    let close = json!({"to": {"all": true}, "code": 2999});
    let answer = asked(&node, "POST", "/v1/sessions/disconnect", &close).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    for uri in ["/v1/sessions?limit=0", "/v1/sessions?channel=chat:1&user=1"] {
        let answer = asked(&node, "GET", uri, &Value::Null).await;
        assert_eq!(
            answer.problem()["type"],
            "urn:hearken:problem:bad-parameter"
        );
    }
}

#[tokio::test]
async fn sessions_are_counted() {
    let node = Hosted::new();
    let mut stream = node.open(post("/connection/http_stream", CONNECT)).await;
    stream.message().await;
    let shown = get(&node.router, "/metrics").await.body;
    for line in [
        "hearken_sessions 1\n",
        "hearken_session_users 1\n",
        "hearken_session_connects_total 1\n",
        "hearken_session_refused_connects_total 0\n",
    ] {
        assert!(shown.contains(line), "{line} in {shown}");
    }
}
