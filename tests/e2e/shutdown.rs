//! How a node ends.

use hearken::admin::PluginState;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

use crate::support::plugin::{Plugin, plugin};
use crate::support::process::NodeProcess;

/// A plugin that takes a while over each event.
fn slow(name: &str, manifest: &str) -> Plugin {
    plugin("slow").named(name).manifest(manifest)
}

/// Whether a plugin has printed a line.
fn printed(line: &Value, plugin: &str, text: &str) -> bool {
    line["plugin"] == plugin
        && line["message"]
            .as_str()
            .is_some_and(|message| message.contains(text))
}

fn says(line: &Value, text: &str) -> bool {
    line["message"]
        .as_str()
        .is_some_and(|message| message.contains(text))
}

/// A node whose plugin `a-slow` has an event in hand.
async fn busy(manifest: &str, arguments: &[&str]) -> NodeProcess {
    let watcher = slow("z-watcher", "subscribe = [\"plugin.stopped\"]");
    let node = NodeProcess::start(
        [slow("a-slow", manifest), plugin("echo"), watcher],
        arguments,
    )
    .await;
    let mut begun = node.listen("custom.report.slow").await;
    node.send("slow.work", 1).await;
    begun.next().await;
    node
}

#[tokio::test(flavor = "multi_thread")]
pub async fn a_signal_drains_the_node() {
    for signal in ["TERM", "INT"] {
        let node = busy("[config]\nmillis = 300\n", &[]).await;
        for number in 0..3 {
            node.send("slow.work", number).await;
        }
        node.signal(signal).await;
        let (code, log) = node.ended().await;
        assert_eq!(code, 0, "{log:#?}");
        let finished = log
            .iter()
            .filter(|line| printed(line, "a-slow", "finished custom.slow.work"))
            .count();
        assert_eq!(finished, 4, "what was in hand and what waited: {log:#?}");
        // Those that still run see who stops.
        let seen = log
            .iter()
            .any(|line| printed(line, "z-watcher", "finished plugin.stopped echo"));
        assert!(seen, "{log:#?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_signal_ends_the_node_at_once() {
    let endless = "[limits]\ndeadline = \"1h\"\n[config]\nmillis = 3600000\n";
    for (signal, expected) in [("TERM", 143), ("INT", 130)] {
        let node = busy(endless, &["--shutdown-timeout", "1h"]).await;
        node.signal(signal).await;
        node.logged(|line| says(line, "a second signal ends the node at once"))
            .await;
        node.signal(signal).await;
        let (code, _) = node.ended().await;
        assert_eq!(code, expected);
    }
}

/// Events that are quickly handled, from which the host learns to take many at once.
const QUICK: u64 = 100;

/// An event of a batch, which comes all at once.
fn in_batch(number: u64, event_type: &str, data: Value) -> Value {
    json!({
        "specversion": "1.0", "id": number.to_string(), "source": "/tests",
        "type": event_type, "data": data
    })
}

/// Hands a plugin all of these at once, so that it may take as many as it can.
async fn hand_over(node: &NodeProcess, plugin: &str, events: impl Iterator<Item = Value>) {
    node.succeed(plugin, "pause").await;
    node.publish_all(events).await;
    node.succeed(plugin, "resume").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_taken_with_what_was_deadly_is_handled_before_the_node_ends() {
    /// One death less than a quarantine takes: the delay that follows is the longest.
    const DEATHS: u64 = 4;
    const AFTER: u64 = 3;
    const ALL: u64 = QUICK + DEATHS + AFTER;
    let is_deadly = |number| (QUICK..QUICK + DEATHS).contains(&number);
    let node = NodeProcess::start([plugin("moody"), plugin("blamed")], &[]).await;
    let typed = (0..ALL).map(|number| match is_deadly(number) {
        true => in_batch(number, "moody.trap", json!(number)),
        false => in_batch(number, "moody.calm", json!(number)),
    });
    let framed = (0..ALL).map(|number| {
        let what = if is_deadly(number) { "panic" } else { "print" };
        let task = json!({ "number": number, "do": what });
        in_batch(number, "blamed.event", task)
    });
    hand_over(&node, "moody", typed).await;
    hand_over(&node, "blamed", framed).await;
    for name in ["moody", "blamed"] {
        let status = node
            .until(name, |status| status.counters.failed == DEATHS)
            .await;
        let counters = &status.counters;
        assert_eq!(counters.queued + counters.delivered, ALL, "{status:#?}");
    }
    node.signal("TERM").await;
    let (code, log) = node.ended().await;
    assert_eq!(code, 0, "{log:#?}");
    for name in ["moody", "blamed"] {
        let content = log
            .iter()
            .filter(|line| printed(line, name, "content with"));
        assert_eq!(content.count() as u64, QUICK + AFTER, "{name}: {log:#?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
pub async fn what_a_worker_has_taken_is_handled_before_the_node_ends() {
    const SLOW: u64 = 3;
    let node = NodeProcess::start([plugin("busy")], &[]).await;
    let events = (0..QUICK + SLOW).map(|number| {
        let micros = if number < QUICK { 0 } else { 300_000 };
        let data = json!({ "number": number, "micros": micros });
        in_batch(number, "busy.work", data)
    });
    hand_over(&node, "busy", events).await;
    let status = node
        .until("busy", |status| status.counters.delivered >= QUICK)
        .await;
    let counters = status.counters;
    assert_eq!(counters.queued + counters.delivered, QUICK + SLOW);
    node.signal("TERM").await;
    let (code, log) = node.ended().await;
    assert_eq!(code, 0, "{log:#?}");
    let finished = log.iter().filter(|line| printed(line, "busy", "finished"));
    assert_eq!(finished.count() as u64, QUICK + SLOW, "{log:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn draining_has_a_deadline() {
    let endless = "[limits]\ndeadline = \"1h\"\n[config]\nmillis = 3600000\n";
    let node = busy(endless, &["--shutdown-timeout", "500ms"]).await;
    for number in 0..2 {
        node.send("slow.work", number).await;
    }
    node.signal("TERM").await;
    let (_, log) = node.ended().await;
    let told = log.iter().any(|line| says(line, "draining took too long"));
    assert!(told, "{log:#?}");
    let unhandled = log
        .iter()
        .find(|line| says(line, "stopped before its events were handled"))
        .expect("what is given up is told");
    assert_eq!(unhandled["plugin"], "a-slow");
    assert_eq!(unhandled["unhandled"], 3, "in hand and waiting: {log:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_for_a_paused_or_removed_plugin_is_counted() {
    let node = NodeProcess::start([plugin("moody"), plugin("recorder")], &[]).await;
    let mut stopped = node.listen("plugin.stopped").await;
    node.succeed("moody", "pause").await;
    for number in 0..3 {
        node.send("moody.calm", number).await;
    }
    let status = node.status("moody").await.expect("it is there");
    assert_eq!(
        (status.state, status.counters.queued),
        (PluginState::Paused, 3)
    );
    std::fs::remove_file(node.plugins().join("moody.wasm")).expect("it is there");
    let told = stopped.about("plugin.stopped", "moody").await;
    assert_eq!(told["data"]["unhandled"], 3, "{told}");
    std::fs::remove_file(node.plugins().join("recorder.wasm")).expect("it is there");
    let told = stopped.about("plugin.stopped", "recorder").await;
    assert_eq!(told["data"].get("unhandled"), None, "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_that_do_not_move_make_a_stop_neither_slow_nor_fail() {
    // A stop that waited for one of them would take half an hour.
    let node = NodeProcess::start([], &["--shutdown-timeout", "1h"]).await;
    let address = node.url.trim_start_matches("http://");
    let open = async |text: String| {
        let mut client = TcpStream::connect(address).await.expect("it listens");
        client.write_all(text.as_bytes()).await.expect("it reads");
        client
    };
    let head = open(format!("GET /livez HTTP/1.1\r\nhost: {address}\r\nx")).await;
    let body = open(format!(
        "POST /v1/events HTTP/1.1\r\nhost: {address}\r\ncontent-type: application/json\r\n\
         content-length: 10\r\n\r\n{{"
    ))
    .await;
    // With little room, so that something waits for it.
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.set_recv_buffer_size(16 << 10).expect("so little");
    let to = address.parse().expect("an address");
    let mut stream = socket.connect(to).await.expect("it listens");
    let request = format!("GET /v1/events HTTP/1.1\r\nhost: {address}\r\n\r\n");
    let sent = stream.write_all(request.as_bytes()).await;
    sent.expect("it reads");
    let mut first = [0; 1];
    stream.read_exact(&mut first).await.expect("it answers");
    // More than the sockets' buffers hold, and less than the stream's mailbox.
    let large = "x".repeat(100 << 10);
    for _ in 0..70 {
        node.send("large", large.as_str()).await;
    }
    node.signal("TERM").await;
    let (code, log) = node.ended().await;
    assert_eq!(code, 0, "{log:#?}");
    let told = log
        .iter()
        .find(|line| says(line, "cut off HTTP connections"));
    let told = told.unwrap_or_else(|| panic!("{log:#?}"));
    for (kind, count) in [("heads", 1), ("bodies", 1), ("streams", 1)] {
        assert_eq!(told[kind], count, "{kind}: {told}");
    }
    drop((head, body, stream));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_says_that_it_drains_until_it_has_drained() {
    let node = busy("[config]\nmillis = 5000\n", &[]).await;
    node.signal("TERM").await;
    node.logged(|line| says(line, "draining")).await;
    // It is logged a moment before.
    while node.get("/readyz").await.status() == 200 {
        tokio::task::yield_now().await;
    }
    let ready = node.get("/readyz").await;
    assert_eq!(ready.status(), 503);
    assert_eq!(node.get("/livez").await.status(), 200);
    let late = node.post(&json!({ "type": "t" })).await;
    assert_eq!(late.status(), 503);
    let (code, log) = node.ended().await;
    assert_eq!(code, 0, "{log:#?}");
}
