use std::time::Duration;

use axum::body::Body;
use hearken_session_protocol::codes::disconnects;
use http_body_util::BodyExt;
use hyper::client::conn::http2::{self, SendRequest};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::time::timeout;

use super::*;
use crate::access::{AccessSettings, Granted, KeyEntry, NewKey};
use crate::config::NodeConfig;
use crate::event::{Draft, EventType};
use crate::gateway::serve::secured::Secured;
use crate::gateway::serve::tls::HTTP2;
use crate::gateway::test_support::{access, gateway_with_sessions};
use crate::passing::Alone;
use crate::session::{SessionsSettings, Spared, Whose};

/// Bounds a test that has gone wrong.
const DEADLINE: Duration = Duration::from_secs(30);

/// Long enough that a test that needs it fails.
const NEVER: Duration = Duration::from_secs(600);

/// A client, and what its connection ends with.
struct Client {
    requests: SendRequest<Body>,
    connection: tokio::task::JoinHandle<hyper::Result<()>>,
}

impl Client {
    async fn connect(served: &Secured) -> Self {
        Self::with_window(served, 16 << 10).await
    }

    /// One that lets so many bytes of an answer come before it takes them.
    async fn with_window(served: &Secured, window: u32) -> Self {
        let stream = served.connect(&[HTTP2]).await.unwrap();
        let (requests, connection) = http2::Builder::new(TokioExecutor::new())
            .initial_stream_window_size(window)
            .handshake(TokioIo::new(stream))
            .await
            .unwrap();
        Self {
            requests,
            connection: tokio::spawn(connection),
        }
    }

    async fn send(
        &mut self,
        request: Request<Body>,
    ) -> hyper::Result<Response<hyper::body::Incoming>> {
        self.requests.ready().await?;
        let answer = timeout(DEADLINE, self.requests.send_request(request)).await;
        answer.expect("the gateway answers")
    }

    async fn get(&mut self, path: &str) -> Response<hyper::body::Incoming> {
        self.send(get(path)).await.unwrap()
    }

    /// Waits until the connection has ended.
    async fn ended(self) {
        let ended = timeout(DEADLINE, self.connection).await;
        let _ = ended.expect("it ends in time");
    }
}

fn get(path: &str) -> Request<Body> {
    Request::get(format!("https://localhost{path}"))
        .body(Body::empty())
        .unwrap()
}

fn publish(served: &Secured, bytes: usize) {
    publish_as(served, "t", bytes);
}

fn publish_as(served: &Secured, event_type: &str, bytes: usize) {
    let draft = Draft {
        data: Some(vec![b'1'; bytes].into()),
        ..Draft::new(EventType::custom(event_type).unwrap())
    };
    served.bus.publisher("/s", "p").publish(&draft).unwrap();
}

/// Reads a stream until its client is told that no more of it comes.
async fn reset(mut stream: hyper::body::Incoming) {
    let read = async { while let Some(Ok(_)) = stream.frame().await {} };
    timeout(DEADLINE, read).await.expect("it is ended");
}

#[tokio::test]
async fn requests_of_one_connection_do_not_wait_for_each_other() {
    let served = Secured::start(GatewayLimits::default()).await;
    let mut client = Client::connect(&served).await;
    let mut stream = client.get("/v1/events?type=custom.*").await.into_body();
    let opening = stream.frame().await.unwrap().unwrap();
    assert!(opening.into_data().unwrap().starts_with(b"retry: "));
    let body = r#"{"type": "t", "data": 7}"#;
    let event = Request::post("https://localhost/v1/events")
        .header("content-type", "application/json")
        .body(Body::from(body))
        .unwrap();
    assert_eq!(client.send(event).await.unwrap().status(), 202);
    let message = timeout(DEADLINE, stream.frame())
        .await
        .unwrap()
        .unwrap()
        .unwrap();
    let text = String::from_utf8(message.into_data().unwrap().to_vec()).unwrap();
    assert!(text.contains("\"data\":7"), "{text}");
    let live = client.get("/livez").await;
    assert_eq!(
        live.into_body().collect().await.unwrap().to_bytes(),
        "alive\n"
    );
}

#[tokio::test]
async fn of_those_who_share_a_connection_one_ends_alone_with_its_key() {
    let mut settings = AccessSettings::default();
    let keys = ["a", "b"].map(|name| {
        let key = NewKey::generate().unwrap();
        let role = Granted {
            value: "admin".to_owned(),
            place: String::new(),
        };
        let entry = KeyEntry {
            place: String::new(),
            keys: vec![key.hash()],
            roles: vec![role],
            expires: None,
        };
        settings.keys.insert(name.to_owned(), entry);
        format!("Bearer {}", key.reveal())
    });
    let access = access(settings.clone());
    let served = Secured::start_guarded(access.clone()).await;
    let mut client = Client::connect(&served).await;
    let [mut ending, mut staying] = {
        let mut streams = Vec::new();
        for key in &keys {
            let mut request = get("/v1/events?type=custom.*");
            let key = key.parse().unwrap();
            request.headers_mut().insert("authorization", key);
            let mut stream = client.send(request).await.unwrap().into_body();
            stream.frame().await.unwrap().unwrap();
            streams.push(stream);
        }
        <[_; 2]>::try_from(streams).unwrap()
    };
    settings.keys.remove("a");
    access.replace(settings).unwrap();
    let last = timeout(DEADLINE, ending.frame()).await.unwrap();
    let last = last.unwrap().unwrap().into_data().unwrap();
    assert!(last.starts_with(b"event: access-ended\n"), "{last:?}");
    let rest = timeout(DEADLINE, ending.collect()).await.unwrap();
    assert!(rest.unwrap().to_bytes().is_empty());
    publish(&served, 1);
    let event = timeout(DEADLINE, staying.frame()).await.unwrap();
    let event = event.unwrap().unwrap().into_data().unwrap();
    assert!(event.starts_with(b"id: "), "{event:?}");
}

#[tokio::test]
async fn heads_are_bounded_as_with_http1() {
    let served = Secured::start(GatewayLimits::default()).await;
    let mut client = Client::connect(&served).await;
    let mut many = get("/livez");
    for number in 0..101 {
        let name = format!("x-{number}")
            .parse::<axum::http::HeaderName>()
            .unwrap();
        many.headers_mut().insert(name, "1".parse().unwrap());
    }
    assert_eq!(client.send(many).await.unwrap().status(), 431);
    let mut large = get("/livez");
    let value = "a".repeat(70 << 10).parse().unwrap();
    large.headers_mut().insert("x-large", value);
    let answer = client.send(large).await;
    assert!(answer.is_err() || answer.unwrap().status() == 431);
}

#[tokio::test]
async fn heads_of_requests_that_wait_take_their_share_of_the_memory() {
    let limits = GatewayLimits {
        body_memory: 0,
        ..GatewayLimits::default()
    };
    let served = Secured::start(limits).await;
    let mut client = Client::connect(&served).await;
    let free = || served.context.bodies.free_kib();
    let all = free();
    let first = client.get("/v1/events?type=a").await;
    assert_eq!(free(), all, "the only one has room");
    let mut refused = None;
    let mut waiting = Vec::new();
    for _ in 0..MAX_STREAMS - 10 {
        let mut request = get("/v1/wait?type=a&timeout=5m");
        let value = "a".repeat(60 << 10).parse().unwrap();
        request.headers_mut().insert("x-large", value);
        client.requests.ready().await.unwrap();
        let mut answer = Box::pin(client.requests.send_request(request));
        // Those that wait are not answered; the one that found no room is.
        let soon = timeout(Duration::from_millis(200), &mut answer).await;
        if let Ok(answer) = soon {
            refused = Some(answer.unwrap().status());
            break;
        }
        waiting.push(answer);
    }
    assert_eq!(refused, Some(axum::http::StatusCode::SERVICE_UNAVAILABLE));
    assert!(free() < 64, "{}", free());
    drop((waiting, first));
    while free() < all {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn an_answer_of_which_nothing_is_taken_ends_and_others_go_on() {
    let limits = GatewayLimits {
        write_stall: Duration::from_millis(300),
        head_time: NEVER,
        ..GatewayLimits::default()
    };
    let served = Secured::start(limits).await;
    let mut client = Client::connect(&served).await;
    let unread = client.get("/v1/events?type=custom.t").await.into_body();
    let mut read = client.get("/v1/events?type=custom.u").await.into_body();
    read.frame().await.unwrap().unwrap();
    // More than the client's window, which it does not open again.
    for _ in 0..40 {
        publish(&served, 1024);
    }
    let ended = async {
        while served.context.streams.taken() > 1 {
            tokio::task::yield_now().await;
        }
    };
    timeout(DEADLINE, ended).await.expect("it is ended");
    reset(unread).await;
    publish_as(&served, "u", 1);
    let event = timeout(DEADLINE, read.frame()).await.unwrap();
    let event = event.unwrap().unwrap().into_data().unwrap();
    assert!(event.starts_with(b"id: "), "{event:?}");
    assert_eq!(client.get("/livez").await.status(), 200);
}

#[tokio::test]
async fn an_answer_of_which_nothing_may_come_ends() {
    let limits = GatewayLimits {
        write_stall: Duration::from_millis(200),
        keep_alive: Duration::from_millis(100),
        head_time: NEVER,
        ..GatewayLimits::default()
    };
    let served = Secured::start(limits).await;
    let mut silent = Client::with_window(&served, 0).await;
    let stream = silent.get("/v1/events?type=custom.*").await.into_body();
    reset(stream).await;
    assert_eq!(silent.get("/livez").await.status(), 200, "others do not");
    let mut reading = Client::connect(&served).await;
    let mut stream = reading.get("/v1/events?type=custom.*").await.into_body();
    for _ in 0..10 {
        // Comments keep a stream without events alive.
        timeout(DEADLINE, stream.frame())
            .await
            .unwrap()
            .unwrap()
            .unwrap();
    }
}

#[tokio::test]
async fn a_client_that_takes_its_requests_back_is_cut_off() {
    let served = Secured::start(GatewayLimits::default()).await;
    let mut client = Client::connect(&served).await;
    let flood = async {
        loop {
            if client.requests.ready().await.is_err() {
                return;
            }
            let mut answer = Box::pin(client.requests.send_request(get("/v1/wait?type=a")));
            // Begun, so that the node works on it.
            let _ = timeout(Duration::from_millis(1), &mut answer).await;
        }
    };
    timeout(DEADLINE, flood).await.expect("it is cut off");
}

#[tokio::test]
async fn an_idle_connection_is_ended_and_one_in_use_is_not() {
    let limits = GatewayLimits {
        head_time: Duration::from_millis(200),
        ..GatewayLimits::default()
    };
    let served = Secured::start(limits).await;
    let mut used = Client::connect(&served).await;
    let mut stream = used.get("/v1/events?type=custom.*").await.into_body();
    let mut idle = Client::connect(&served).await;
    idle.get("/livez").await;
    idle.ended().await;
    // A preface that never comes.
    let silent = served.connect(&[HTTP2]).await.unwrap();
    let (mut silent, _) = tokio::io::split(silent);
    let mut bytes = Vec::new();
    let read = tokio::io::AsyncReadExt::read_to_end(&mut silent, &mut bytes);
    let _ = timeout(DEADLINE, read).await.expect("it is ended");
    publish(&served, 1);
    stream.frame().await.unwrap().unwrap();
    let event = timeout(DEADLINE, stream.frame()).await.unwrap();
    assert!(event.unwrap().is_ok());
}

#[tokio::test]
async fn streams_end_when_the_gateway_drains() {
    let served = Secured::start(GatewayLimits::default()).await;
    let mut client = Client::connect(&served).await;
    let stream = client.get("/v1/events?type=custom.*").await.into_body();
    let waiting = client
        .requests
        .send_request(get("/v1/wait?type=a&timeout=5m"));
    served.stages.drain.cancel();
    let whole = timeout(DEADLINE, stream.collect()).await.expect("it ends");
    assert!(whole.unwrap().to_bytes().starts_with(b"retry: "));
    let answer = timeout(DEADLINE, waiting).await.expect("it is answered");
    assert!(answer.is_err() || answer.unwrap().status() == 503);
    served.stages.drained.cancelled().await;
    served.stages.end.cancel();
    served.ended.await.unwrap();
}

#[tokio::test]
async fn a_session_is_not_ended_as_a_stream_when_the_gateway_drains() {
    let mut sessions = None;
    let settings = SessionsSettings {
        anonymous: true,
        ..NodeConfig::default().sessions
    };
    let gateway = |bus: &crate::bus::Bus| {
        let access = access(AccessSettings::default());
        let (gateway, its) = gateway_with_sessions(bus, access, Arc::new(Alone), settings);
        sessions = Some(its);
        gateway
    };
    let served = Secured::start_as(gateway, false).await;
    let sessions = sessions.expect("the gateway was made");
    let mut client = Client::connect(&served).await;
    let connect = Request::post("https://localhost/connection/uni_http_stream")
        .body(Body::from("{}"))
        .unwrap();
    let mut stream = client.send(connect).await.unwrap().into_body();
    stream.frame().await.unwrap().unwrap();
    served.stages.drain.cancel();
    // Streams get less than that to be read.
    let within = 3 * GatewayLimits::default().grace;
    let cut = timeout(within, stream.frame()).await;
    assert!(cut.is_err(), "nothing comes, and no end");
    sessions.disconnect(&Whose::Node, &disconnects::SHUTDOWN, &Spared::default());
    let whole = timeout(DEADLINE, stream.collect()).await.expect("it ends");
    let end = whole.unwrap().to_bytes();
    assert!(String::from_utf8_lossy(&end).contains("3001"), "{end:?}");
    served.stages.drained.cancelled().await;
    served.stages.end.cancel();
    served.ended.await.unwrap();
}
