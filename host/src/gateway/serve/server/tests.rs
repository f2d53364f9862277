use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use eventsource_stream::Eventsource;
use futures_util::StreamExt;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::task::JoinHandle;

use crate::bus::{Bus, Filter, MailboxLimits, Overflow, ReceiverKind, Subscription};
use crate::event::{Draft, EventType, Pattern};
use crate::gateway::context::Context;
use crate::gateway::test_support::{bus, bus_taking, gateway};
use crate::gateway::{GatewayLimits, Stages};

/// Long enough that a test that needs it fails.
const NEVER: Duration = Duration::from_secs(600);

struct Served {
    address: SocketAddr,
    bus: Bus,
    context: Arc<Context>,
    stages: Stages,
    ended: JoinHandle<()>,
}

impl Served {
    async fn start(limits: GatewayLimits, drain: Duration) -> Self {
        Self::start_on(bus(), limits, drain).await
    }

    async fn start_on(bus: Bus, limits: GatewayLimits, drain: Duration) -> Self {
        crate::tls::choose_provider();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let stages = Stages::default();
        let gateway = gateway(&bus, limits);
        let context = Arc::clone(&gateway.context);
        let ended = tokio::spawn(gateway.serve(listener, stages.clone(), drain));
        Self {
            address,
            bus,
            context,
            stages,
            ended,
        }
    }

    /// Waits until the gateway is as wanted.
    async fn until(&self, wanted: impl Fn(&Context) -> bool) {
        while !wanted(&self.context) {
            tokio::task::yield_now().await;
        }
    }

    /// A connection on which `request` was sent.
    async fn raw(&self, request: impl AsRef<[u8]>) -> TcpStream {
        let mut client = TcpStream::connect(self.address).await.unwrap();
        client.write_all(request.as_ref()).await.unwrap();
        client
    }

    /// What is answered to `request` until the connection ends.
    async fn answer(&self, request: impl AsRef<[u8]>) -> String {
        rest(&mut self.raw(request).await).await
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

    /// Drains and ends.
    async fn stop(self) {
        self.stages.drain.cancel();
        self.stages.drained.cancelled().await;
        self.stages.end.cancel();
        self.ended.await.unwrap();
    }

    fn publish(&self, bytes: usize) {
        let draft = Draft {
            data: Some(vec![b'1'; bytes].into()),
            ..Draft::new(EventType::custom("t").unwrap())
        };
        self.bus.publisher("/s", "p").publish(&draft).unwrap();
    }
}

/// Whatever comes until the connection ends, in whichever way.
async fn rest(client: &mut TcpStream) -> String {
    let mut all = Vec::new();
    let _ = client.read_to_end(&mut all).await;
    String::from_utf8(all).unwrap()
}

/// Reads until what has come ends with `end`.
async fn until(client: &mut TcpStream, end: &str) -> String {
    let mut all = Vec::new();
    while !all.ends_with(end.as_bytes()) {
        let read = client.read_buf(&mut all).await.unwrap();
        assert_ne!(read, 0, "{}", String::from_utf8_lossy(&all));
    }
    String::from_utf8(all).unwrap()
}

fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nhost: a\r\n\r\n")
}

fn post(event: &str) -> String {
    let length = event.len();
    format!(
        "POST /v1/events HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{event}"
    )
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
    served.stop().await;
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
    served.stages.drain.cancel();
    client.write_all(body.as_bytes()).await.unwrap();
    let mut answer = String::new();
    client.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 202"), "{answer}");
    served.stop().await;
}

#[tokio::test]
async fn requests_that_do_not_finish_are_cut_off_at_the_deadline() {
    let served = Served::start(GatewayLimits::default(), Duration::ZERO).await;
    let mut client = TcpStream::connect(served.address).await.unwrap();
    let head = "POST /v1/events HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: 9\r\nexpect: 100-continue\r\n\r\n";
    client.write_all(head.as_bytes()).await.unwrap();
    let mut go_on = [0; 25];
    client.read_exact(&mut go_on).await.unwrap();
    served.stop().await;
    let mut answer = Vec::new();
    let _ = client.read_to_end(&mut answer).await;
    assert_eq!(answer, b"", "cut off");
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

#[tokio::test]
async fn heads_are_bounded_in_bytes_and_headers() {
    let served = Served::start(GatewayLimits::default(), NEVER).await;
    let with = |headers: &str| {
        format!("GET /livez HTTP/1.1\r\nhost: a\r\nconnection: close\r\n{headers}\r\n")
    };
    let large = with(&format!("x: {}\r\n", "a".repeat(60 << 10)));
    assert!(served.answer(large).await.starts_with("HTTP/1.1 200"));
    // No more than is read, so that what is not read does not reset the connection.
    let begun = "GET /livez HTTP/1.1\r\nhost: a\r\nx: ";
    let too_large = format!("{begun}{}", "a".repeat((64 << 10) - begun.len()));
    let answer = served.answer(too_large).await;
    assert!(answer.starts_with("HTTP/1.1 431"), "{answer}");
    let many = with(&"x: a\r\n".repeat(98));
    assert!(served.answer(many).await.starts_with("HTTP/1.1 200"));
    let too_many = with(&"x: a\r\n".repeat(99));
    assert!(served.answer(too_many).await.starts_with("HTTP/1.1 431"));
}

#[tokio::test]
async fn large_heads_share_a_bounded_memory() {
    // All that is left is the room for one batch.
    let limits = GatewayLimits {
        body_memory: 0,
        address_share: 100,
        ..GatewayLimits::default()
    };
    let room = limits.head_bytes / 1024;
    let served = Served::start(limits, NEVER).await;
    let free = |context: &Context| context.bodies.free_kib();
    let all = free(&served.context);
    let begun = format!(
        "GET /livez HTTP/1.1\r\nhost: a\r\nx: {}",
        "a".repeat(16 << 10)
    );
    let mut held = Vec::new();
    for heads in 1..=all / room {
        held.push(served.raw(&begun).await);
        served.until(|it| free(it) == all - heads * room).await;
    }
    assert_eq!(served.answer(&begun).await, "", "there is no room for more");
    let small = served.answer("GET /livez HTTP/1.0\r\n\r\n").await;
    assert!(small.starts_with("HTTP/1"), "{small}");
    for client in &mut held {
        let end = b"\r\nconnection: close\r\n\r\n";
        client.write_all(end).await.unwrap();
        assert!(rest(client).await.starts_with("HTTP/1.1 200"));
    }
    served.until(|it| free(it) == all).await;
}

#[tokio::test]
async fn no_address_takes_all_the_memory_for_bodies_and_heads() {
    let largest = crate::gateway::endpoints::publish::body_memory(
        &GatewayLimits {
            body_memory: 0,
            ..GatewayLimits::default()
        },
        &bus(),
    )
    .free_kib();
    let limits = GatewayLimits {
        body_memory: 2 * largest * 1024,
        ..GatewayLimits::default()
    };
    let served = Served::start(limits, NEVER).await;
    let free = |context: &Context| context.bodies.free_kib();
    let all = free(&served.context);
    // All that one address may have, in one batch that does not come.
    let slow = "POST /v1/events HTTP/1.1\r\nhost: a\r\n\
                content-type: application/cloudevents-batch+json\r\n\
                transfer-encoding: chunked\r\n\r\n";
    let held = served.raw(slow).await;
    served.until(|it| free(it) == all - largest).await;
    let refused =
        served.answer(post(r#"{"type":"t"}"#).replace("\r\n\r\n", "\r\nconnection: close\r\n\r\n"));
    let refused = refused.await;
    assert!(refused.starts_with("HTTP/1.1 429"), "{refused}");
    assert!(refused.contains("retry-after: 1"), "{refused}");
    let head = format!(
        "GET /livez HTTP/1.1\r\nhost: a\r\nx: {}",
        "a".repeat(16 << 10)
    );
    assert_eq!(served.answer(head).await, "", "nor a large head");
    let other = TcpSocket::new_v4().unwrap();
    other.bind(([127, 0, 0, 3], 0).into()).unwrap();
    let mut other = other.connect(served.address).await.unwrap();
    let event = post(r#"{"type":"t"}"#);
    other.write_all(event.as_bytes()).await.unwrap();
    let taken = until(&mut other, "}").await;
    assert!(taken.starts_with("HTTP/1.1 202"), "{taken}");
    drop(held);
    served.until(|it| free(it) == all).await;
}

#[tokio::test]
async fn who_closes_its_side_gets_its_answer_all_the_same() {
    let served = Served::start(GatewayLimits::default(), NEVER).await;
    let mut wait = served.raw(get("/v1/wait?type=custom.t&timeout=5m")).await;
    wait.shutdown().await.unwrap();
    let mut stream = served.raw(get("/v1/events")).await;
    stream.shutdown().await.unwrap();
    // It is asked whether it is still there, perhaps along with the first message.
    until(&mut stream, ":\n\n\r\n").await;
    until(&mut wait, "HTTP/1.1 100 Continue\r\n\r\n").await;
    served.publish(1);
    let answer = rest(&mut wait).await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(answer.contains("\"type\":\"custom.t\""), "{answer}");
    let event = until(&mut stream, "\n\n\r\n").await;
    assert!(event.contains("\nevent: custom.t\n"), "{event}");
}

#[tokio::test]
async fn a_slow_client_that_reads_is_not_taken_for_one_that_does_not() {
    const EVENTS: usize = 3_000;
    const STALL: Duration = Duration::from_secs(5);
    let limits = GatewayLimits {
        write_stall: STALL,
        stream_mailbox: MailboxLimits {
            events: EVENTS,
            bytes: 1 << 30,
        },
        ..GatewayLimits::default()
    };
    let served = Served::start(limits, NEVER).await;
    // Little room, since it is not seen from afar when a client reads on and off from much.
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(64 << 10).unwrap();
    let mut client = socket.connect(served.address).await.unwrap();
    client
        .write_all(get("/v1/events").as_bytes())
        .await
        .unwrap();
    until(&mut client, ": listening\n\n\r\n").await;
    // More than the buffers of both sockets hold, so that something waits all the time.
    for _ in 0..EVENTS {
        served.publish(3_000);
    }
    // For several times as long as one that reads nothing is kept.
    let mut all = vec![0; 16 << 20];
    let mut end = 0;
    let started = tokio::time::Instant::now();
    while started.elapsed() < 2 * STALL {
        let next = end + (2 << 10);
        let read = client.read(&mut all[end..next]).await.unwrap();
        assert_ne!(read, 0, "it was cut off after {:?}", started.elapsed());
        end += read;
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    all.truncate(end);
    let events = |text: &[u8]| text.windows(7).filter(|it| it == b"\nevent:").count();
    let mut found = 0;
    while found < EVENTS {
        let read = client.read_buf(&mut all).await.unwrap();
        assert_ne!(read, 0, "it was cut off after {found} events");
        if read < 1024 || all.len() > 9_000_000 {
            found = events(&all);
        }
    }
}

#[tokio::test]
async fn a_drain_waits_for_nobody_who_does_not_move() {
    let limits = GatewayLimits {
        grace: Duration::from_millis(200),
        stream_mailbox: MailboxLimits {
            events: 1 << 20,
            bytes: 1 << 30,
        },
        ..GatewayLimits::default()
    };
    // So long that the test would not end if anybody were waited for.
    let served = Served::start(limits, NEVER).await;
    let head = served.raw("GET /livez HT").await;
    let mut body = served.raw("POST /v1/events HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: 9\r\nexpect: 100-continue\r\n\r\n").await;
    until(&mut body, "100 Continue\r\n\r\n").await;
    let stream = served.raw(get("/v1/events")).await;
    served.shows("hearken_http_open{kind=\"stream\"} 1").await;
    for _ in 0..8_000 {
        served.publish(3_000);
    }
    served.stop().await;
    drop((head, body, stream));
}

#[tokio::test]
async fn a_request_that_the_node_works_on_is_finished() {
    let limits = GatewayLimits {
        grace: Duration::from_millis(1),
        command_time: Duration::from_secs(1),
        ..GatewayLimits::default()
    };
    let served = Served::start(limits, NEVER).await;
    let mut client = served
        .raw("POST /v1/plugins/stuck/pause HTTP/1.1\r\nhost: a\r\n\r\n")
        .await;
    // Handled before whatever is asked from now on.
    served.shows("hearken_http_open{kind=\"stream\"} 0").await;
    served.stop().await;
    assert!(rest(&mut client).await.starts_with("HTTP/1.1 504"));
}

#[tokio::test]
async fn a_draining_node_says_so_until_it_ends() {
    let served = Served::start(GatewayLimits::default(), NEVER).await;
    let mut kept = served.raw(get("/readyz")).await;
    until(&mut kept, "ready\n").await;
    served.stages.drain.cancel();
    served.stages.drained.cancelled().await;
    assert_eq!(rest(&mut kept).await, "", "an idle connection ends");
    for _ in 0..3 {
        let ready = served.answer(get("/readyz")).await;
        assert!(ready.starts_with("HTTP/1.1 503"), "{ready}");
        assert!(ready.contains("shutting down"), "{ready}");
    }
    assert!(
        served
            .answer(get("/livez"))
            .await
            .starts_with("HTTP/1.1 200")
    );
    let late = served.answer(post(r#"{"type":"t"}"#)).await;
    assert!(
        late.starts_with("HTTP/1.1 503") && late.contains("retry-after"),
        "{late}"
    );
    let address = served.address;
    served.stop().await;
    assert!(
        TcpStream::connect(address).await.is_err(),
        "nobody accepts any more"
    );
}

#[tokio::test]
async fn no_address_takes_all_connections_streams_or_waits() {
    let limits = GatewayLimits {
        connections: 6,
        streams: 2,
        waiters: 2,
        trusted_proxies: vec!["127.0.0.2/32".parse().unwrap()],
        ..GatewayLimits::default()
    };
    let served = Served::start(limits, NEVER).await;
    let from = async |address: [u8; 4], request: &str| {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind((address, 0).into()).unwrap();
        let mut client = socket.connect(served.address).await.unwrap();
        client.write_all(request.as_bytes()).await.unwrap();
        client
    };
    let mut stream = served.raw(get("/v1/events")).await;
    until(&mut stream, ": listening\n\n\r\n").await;
    let wait = served.raw(get("/v1/wait?type=a&timeout=5m")).await;
    served.until(|it| it.waiters.taken() == 1).await;
    let mut third = served.raw(get("/v1/events")).await;
    let refused = until(&mut third, "}").await;
    assert!(refused.starts_with("HTTP/1.1 429"), "{refused}");
    assert!(refused.contains("retry-after: 1"), "{refused}");
    assert!(
        refused.contains("1 event streams, which is all"),
        "{refused}"
    );
    third
        .write_all(get("/v1/wait?type=a").as_bytes())
        .await
        .unwrap();
    let refused = until(&mut third, "}").await;
    assert!(refused.contains("1 waiters, which is all"), "{refused}");

    let fourth = served.answer(get("/livez")).await;
    assert!(fourth.starts_with("HTTP/1.1 429"), "{fourth}");
    assert!(fourth.contains("3 connections, which is all"), "{fourth}");

    // A proxy's own connections are not counted, and its clients are told apart.
    let forwarded = |client: &str| {
        format!("GET /v1/events HTTP/1.1\r\nhost: a\r\nx-forwarded-for: {client}\r\n\r\n")
    };
    let mut same = from([127, 0, 0, 2], &forwarded("127.0.0.1")).await;
    assert!(until(&mut same, "}").await.starts_with("HTTP/1.1 429"));
    let mut other = from([127, 0, 0, 2], &forwarded("192.0.2.1")).await;
    until(&mut other, ": listening\n\n\r\n").await;
    drop((stream, wait, third));
}

#[tokio::test]
async fn a_flood_on_one_connection_displaces_only_itself() {
    let served = Served::start(GatewayLimits::default(), NEVER).await;
    let receiver = served.bus.subscribe(Subscription {
        name: "all".into(),
        kind: ReceiverKind::Stream,
        filters: vec![Filter::new(Pattern::any())],
        limits: MailboxLimits {
            events: 10,
            bytes: 1 << 20,
        },
        overflow: Overflow::DropOldest,
        partitions: 1,
    });
    let mut quiet = served.raw(post(r#"{"type":"quiet"}"#)).await;
    until(&mut quiet, "}").await;
    // Sent all at once, and read one after the other.
    let flood = post(r#"{"type":"flood"}"#).repeat(100);
    let mut loud = served.raw(flood).await;
    for _ in 0..100 {
        let mut answered = Vec::new();
        while !answered.ends_with(b"}") {
            let byte = loud.read_u8().await.unwrap();
            answered.push(byte);
        }
    }
    let types: Vec<_> = std::iter::from_fn(|| receiver.mailbox().try_recv(0).unwrap())
        .map(|event| event.event_type().to_owned())
        .collect();
    assert_eq!(types.len(), 10);
    assert_eq!(types[0], "custom.quiet");
}

#[tokio::test]
async fn the_largest_event_reaches_streams_and_waits() {
    const LARGEST: usize = 16 << 20;
    let served = Served::start_on(bus_taking(LARGEST), GatewayLimits::default(), NEVER).await;
    let response = reqwest::get(served.url("/v1/events")).await.unwrap();
    let mut stream = response.bytes_stream().eventsource();
    let wait = tokio::spawn(reqwest::get(
        served.url("/v1/wait?type=custom.t&timeout=5m"),
    ));
    served.shows("hearken_http_open{kind=\"waiter\"} 1").await;
    let bytes = LARGEST - 1024;
    served.publish(bytes);
    let waited = wait.await.unwrap().unwrap();
    assert_eq!(waited.status(), 200);
    let waited = waited.text().await.unwrap();
    let streamed = stream.next().await.unwrap().unwrap();
    assert_eq!(streamed.event, "custom.t");
    assert!(streamed.data.len() > bytes);
    assert!(streamed.data == waited, "the same text");
}

#[tokio::test]
async fn an_answer_counts_until_its_client_has_read_it() {
    const LARGEST: usize = 16 << 20;
    let served = Served::start_on(bus_taking(LARGEST), GatewayLimits::default(), NEVER).await;
    let mut client = served.raw(get("/v1/wait?type=custom.t&timeout=5m")).await;
    served.until(|it| it.waiters.taken() == 1).await;
    let bytes = LARGEST - 1024;
    served.publish(bytes);
    served.until(|it| it.waiters.taken() == 0).await;
    // More than the buffers of both sockets hold.
    assert_eq!(served.context.stream_memory.responses(), 1);
    let mut read = Vec::new();
    while read.len() < bytes {
        assert_ne!(client.read_buf(&mut read).await.unwrap(), 0);
    }
    served.until(|it| it.stream_memory.responses() == 0).await;
}

#[tokio::test]
async fn the_text_of_an_event_is_written_once_for_all_streams() {
    let served = Served::start(GatewayLimits::default(), NEVER).await;
    let mut clients = Vec::new();
    for _ in 0..20 {
        let mut client = served.raw(get("/v1/events")).await;
        until(&mut client, ": listening\n\n\r\n").await;
        clients.push(client);
    }
    for _ in 0..10 {
        served.publish(1);
    }
    for client in &mut clients {
        let mut got = String::new();
        while got.matches("event: custom.t").count() < 10 {
            got += &until(client, "\n\n\r\n").await;
        }
    }
    assert_eq!(served.context.renderings.written(), 10);
}
