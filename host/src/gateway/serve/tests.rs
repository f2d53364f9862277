use std::net::SocketAddr;
use std::time::Duration;

use eventsource_stream::Eventsource;
use futures_util::StreamExt;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::super::test_support::{bus, gateway};
use super::super::{GatewayError, GatewayLimits};
use crate::bus::{Bus, MailboxLimits};
use crate::event::{Draft, EventType};

/// Long enough that a test that needs it fails.
const NEVER: Duration = Duration::from_secs(600);

struct Served {
    address: SocketAddr,
    bus: Bus,
    shutdown: CancellationToken,
    ended: JoinHandle<Result<(), GatewayError>>,
}

impl Served {
    async fn start(limits: GatewayLimits, drain: Duration) -> Self {
        crate::tls::choose_provider();
        let bus = bus();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let shutdown = CancellationToken::new();
        let gateway = gateway(&bus, limits);
        let ended = tokio::spawn(gateway.serve(listener, shutdown.clone(), drain));
        Self {
            address,
            bus,
            shutdown,
            ended,
        }
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Waits until `/metrics` has `line`.
    async fn shows(&self, line: &str) {
        loop {
            let metrics = reqwest::get(self.url("/metrics"))
                .await
                .unwrap()
                .text()
                .await
                .unwrap();
            if metrics.lines().any(|found| found == line) {
                return;
            }
            tokio::task::yield_now().await;
        }
    }

    async fn stop(self) -> Result<(), GatewayError> {
        self.shutdown.cancel();
        self.ended.await.unwrap()
    }

    fn publish(&self, bytes: usize) {
        let draft = Draft {
            data: Some(vec![b'1'; bytes].into()),
            ..Draft::new(EventType::custom("t").unwrap())
        };
        self.bus.publisher("/s", "p").publish(&draft).unwrap();
    }
}

#[tokio::test]
async fn events_go_in_and_out_over_the_wire() {
    let served = Served::start(GatewayLimits::default(), NEVER).await;
    let response = reqwest::get(served.url("/v1/events?type=custom.*"))
        .await
        .unwrap();
    let mut stream = response.bytes_stream().eventsource();
    let client = reqwest::Client::new();
    for number in 0..10 {
        let body = serde_json::json!({"type": "n", "data": number});
        let accepted = client
            .post(served.url("/v1/events"))
            .json(&body)
            .send()
            .await
            .unwrap();
        assert_eq!(accepted.status(), 202);
        let event: serde_json::Value =
            serde_json::from_str(&stream.next().await.unwrap().unwrap().data).unwrap();
        assert_eq!(event["data"], number);
    }
}

#[tokio::test]
async fn a_client_that_sends_too_much_reads_the_answer() {
    let served = Served::start(GatewayLimits::default(), NEVER).await;
    let refused = reqwest::Client::new()
        .post(served.url("/v1/events"))
        .header("content-type", "application/json")
        .body(vec![b' '; 8 << 20])
        .send()
        .await
        .unwrap();
    assert_eq!(refused.status(), 413);
    assert!(
        refused
            .text()
            .await
            .unwrap()
            .contains("the most that this node takes")
    );
}

#[tokio::test]
async fn shutting_down_ends_streams_and_waiters_and_idle_connections() {
    let served = Served::start(GatewayLimits::default(), NEVER).await;
    let idle = TcpStream::connect(served.address).await.unwrap();
    let stream = reqwest::get(served.url("/v1/events")).await.unwrap();
    let wait = tokio::spawn(reqwest::get(
        served.url("/v1/wait?type=custom.a&timeout=5m"),
    ));
    served.shows("hearken_http_open{kind=\"waiter\"} 1").await;
    let address = served.address;
    served.stop().await.unwrap();
    assert!(stream.bytes().await.unwrap().ends_with(b": listening\n\n"));
    assert_eq!(wait.await.unwrap().unwrap().status(), 503);
    drop(idle);
    assert!(
        TcpStream::connect(address).await.is_err(),
        "nobody accepts any more"
    );
}

#[tokio::test]
async fn requests_in_flight_are_finished_within_the_deadline() {
    let served = Served::start(GatewayLimits::default(), NEVER).await;
    let mut client = TcpStream::connect(served.address).await.unwrap();
    let body = r#"{"type":"t"}"#;
    let head = format!(
        "POST /v1/events HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: {}\r\nexpect: 100-continue\r\n\r\n",
        body.len()
    );
    client.write_all(head.as_bytes()).await.unwrap();
    let mut go_on = [0; 25];
    client.read_exact(&mut go_on).await.unwrap();
    assert_eq!(
        &go_on, b"HTTP/1.1 100 Continue\r\n\r\n",
        "the handler reads the body"
    );
    served.shutdown.cancel();
    client.write_all(body.as_bytes()).await.unwrap();
    let mut answer = String::new();
    client.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 202"), "{answer}");
    served.stop().await.unwrap();
}

#[tokio::test]
async fn requests_that_do_not_finish_are_cut_off_at_the_deadline() {
    let served = Served::start(GatewayLimits::default(), Duration::ZERO).await;
    let mut client = TcpStream::connect(served.address).await.unwrap();
    let head = "POST /v1/events HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: 9\r\nexpect: 100-continue\r\n\r\n";
    client.write_all(head.as_bytes()).await.unwrap();
    let mut go_on = [0; 25];
    client.read_exact(&mut go_on).await.unwrap();
    let error = served.stop().await.unwrap_err();
    assert!(
        matches!(error, GatewayError::DrainTimedOut { connections: 1, .. }),
        "{error}"
    );
}

#[tokio::test]
async fn a_client_that_goes_away_frees_its_waiter_and_its_stream() {
    let served = Served::start(GatewayLimits::default(), NEVER).await;
    for (path, kind) in [
        ("/v1/wait?type=custom.a&timeout=5m", "waiter"),
        ("/v1/events", "stream"),
    ] {
        let mut client = TcpStream::connect(served.address).await.unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nhost: a\r\n\r\n");
        client.write_all(request.as_bytes()).await.unwrap();
        served
            .shows(&format!("hearken_http_open{{kind=\"{kind}\"}} 1"))
            .await;
        drop(client);
        served
            .shows(&format!("hearken_http_open{{kind=\"{kind}\"}} 0"))
            .await;
    }
}

#[tokio::test]
async fn a_client_that_reads_nothing_is_disconnected() {
    let limits = GatewayLimits {
        write_stall: Duration::from_millis(10),
        stream_mailbox: MailboxLimits {
            events: 1 << 20,
            bytes: 1 << 30,
        },
        ..GatewayLimits::default()
    };
    let served = Served::start(limits, NEVER).await;
    let mut client = TcpStream::connect(served.address).await.unwrap();
    client
        .write_all(b"GET /v1/events HTTP/1.1\r\nhost: a\r\n\r\n")
        .await
        .unwrap();
    served.shows("hearken_http_open{kind=\"stream\"} 1").await;
    // More than the buffers of both sockets hold.
    for _ in 0..8_000 {
        served.publish(3_000);
    }
    served.shows("hearken_http_open{kind=\"stream\"} 0").await;
}

#[tokio::test]
async fn a_head_that_never_ends_is_given_up() {
    let limits = GatewayLimits {
        head_time: Duration::from_millis(1),
        ..GatewayLimits::default()
    };
    let served = Served::start(limits, NEVER).await;
    let mut client = TcpStream::connect(served.address).await.unwrap();
    // On a slow machine the connection is reset before this arrives.
    let _ = client.write_all(b"GET /livez HTTP/1.1\r\nho").await;
    let mut answer = Vec::new();
    let _ = client.read_to_end(&mut answer).await;
    assert!(!answer.starts_with(b"HTTP/1.1 200"), "and it ended");
}

#[tokio::test]
async fn connections_beyond_the_bound_wait_for_their_turn() {
    let limits = GatewayLimits {
        connections: 1,
        ..GatewayLimits::default()
    };
    let served = Served::start(limits, NEVER).await;
    let mut first = TcpStream::connect(served.address).await.unwrap();
    exchange(&mut first).await;
    let mut second = TcpStream::connect(served.address).await.unwrap();
    second
        .write_all(b"GET /livez HTTP/1.1\r\nhost: a\r\n\r\n")
        .await
        .unwrap();
    let mut answer = [0; 12];
    let early = tokio::select! {
        biased;
        _ = second.read_exact(&mut answer) => true,
        () = exchange(&mut first) => false,
    };
    assert!(!early, "the first connection is still open");
    drop(first);
    second.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 200");
}

/// Asks once and reads the whole answer; the connection stays open.
async fn exchange(client: &mut TcpStream) {
    client
        .write_all(b"GET /livez HTTP/1.1\r\nhost: a\r\n\r\n")
        .await
        .unwrap();
    let mut answer = Vec::new();
    while !answer.ends_with(b"alive\n") {
        assert_ne!(client.read_buf(&mut answer).await.unwrap(), 0);
    }
}
