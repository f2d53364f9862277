//! One event to many event streams, over HTTP: a node in a process of its own, and its
//! clients in this one, which share the machine with it.

use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use hearken::config::{HttpSettings, NodeConfig};
use hearken::node::{Listeners, Node};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::runtime::Runtime;
use tokio::sync::Notify;
use tokio::time::Instant;

use super::load::idle::resident_kib;
use crate::Options;
use crate::report::{Report, Row, Samples};

const STREAMS: [usize; 2] = [1_000, 10_000];

/// Events of one repetition, each of which is published when all clients have the one before.
const EVENTS: usize = 20;

/// Bytes of data of an event.
const PAYLOAD: usize = 256;

/// Longest wait for something that is bound to happen.
const DEADLINE: Duration = Duration::from_secs(120);

pub(crate) fn run(report: &mut Report, options: &Options) {
    for streams in STREAMS {
        if let Err(reason) = measure(report, options, streams) {
            report.skip("streams", &format!("hearken/{streams}-streams"), &reason);
        }
    }
}

fn measure(report: &mut Report, options: &Options, streams: usize) -> Result<(), String> {
    let io = Runtime::new().map_err(|error| error.to_string())?;
    let mut node = Process::start()?;
    let before = node.resident_kib()?;
    let clients = io.block_on(Clients::connect(node.address, streams))?;
    let mut memory = Samples::default();
    memory.push((node.resident_kib()? - before) / streams as f64);
    let mut samples = Samples::default();
    for _ in 0..options.repetitions {
        let taken = io.block_on(clients.reach_all(node.address))?;
        samples.push(taken.as_nanos() as f64 / (EVENTS * streams) as f64);
    }
    report.push(Row {
        suite: "streams",
        name: format!("hearken/{streams}-streams"),
        payload: Some(PAYLOAD),
        ns_per_event: Some(samples.median()),
        min: samples.min(),
        max: samples.max(),
        unit: "ns/delivery, to the last of all",
        ..Row::default()
    });
    report.push(Row {
        suite: "streams",
        name: format!("hearken/{streams}-streams-idle-memory"),
        median: Some(memory.median()),
        min: memory.min(),
        max: memory.max(),
        unit: "KiB/stream",
        ..Row::default()
    });
    Ok(())
}

/// A node in a process of its own.
struct Process {
    child: Child,
    asked: ChildStdin,
    answers: BufReader<ChildStdout>,
    address: SocketAddr,
}

impl Process {
    fn start() -> Result<Self, String> {
        let program = std::env::current_exe().map_err(|error| error.to_string())?;
        let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
        let mut child = Command::new(program)
            .arg("--stream-node")
            .arg(folder.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| error.to_string())?;
        let asked = child.stdin.take().expect("it is piped");
        let answers = BufReader::new(child.stdout.take().expect("it is piped"));
        let mut node = Self {
            child,
            asked,
            answers,
            address: SocketAddr::from(([0; 4], 0)),
        };
        node.address = node.answer()?;
        Ok(node)
    }

    fn answer<T: std::str::FromStr>(&mut self) -> Result<T, String> {
        let mut line = String::new();
        let read = self.answers.read_line(&mut line);
        read.map_err(|error| error.to_string())?;
        let parsed = line.trim().parse();
        parsed.map_err(|_| "the process with the node has failed; see above".to_owned())
    }

    fn resident_kib(&mut self) -> Result<f64, String> {
        let asked = self.asked.write_all(b"\n");
        asked.map_err(|error| error.to_string())?;
        self.answer()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may be gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The process that [`Process::start`] starts: tells the node's address, and for each line
/// that it reads its resident memory.
pub(crate) fn run_node(folder: &Path) {
    let config = NodeConfig {
        node: "bench".to_owned(),
        plugins: folder.join("plugins"),
        data: folder.join("data"),
        listen: SocketAddr::from(([127, 0, 0, 1], 0)),
        cluster: hearken::config::ClusterSettings {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            ..NodeConfig::default().cluster
        },
        http: HttpSettings {
            max_streams: 2 * STREAMS[1],
            address_share: 100,
            ..HttpSettings::default()
        },
        ..NodeConfig::default()
    };
    let runtime = Runtime::new().expect("a runtime");
    let node = runtime.block_on(async {
        let listeners = Listeners::bind(&config).await.expect("free ports");
        let node = Node::start(config, listeners).await;
        node.expect("a node can run here")
    });
    println!("{}", node.address());
    for _ in std::io::stdin().lines() {
        println!("{}", resident_kib());
    }
}

/// Clients, each with a stream of everything that is published.
struct Clients {
    count: usize,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    /// Events that all clients have got together.
    received: AtomicUsize,
    /// Told whenever every client has got as many.
    all: Notify,
}

impl Clients {
    async fn connect(node: SocketAddr, count: usize) -> Result<Self, String> {
        let shared = Arc::<Shared>::default();
        for _ in 0..count {
            let mut stream = TcpStream::connect(node).await.map_err(|error| {
                format!("cannot open that many connections: {error}; see `ulimit -n`")
            })?;
            let request = b"GET /v1/events?type=custom.bench HTTP/1.1\r\nhost: localhost\r\n\r\n";
            let sent = stream.write_all(request).await;
            sent.map_err(|error| error.to_string())?;
            // The head and the first message.
            read_message(&mut stream).await?;
            let shared = Arc::clone(&shared);
            tokio::spawn(async move {
                while read_message(&mut stream).await.is_ok() {
                    let received = shared.received.fetch_add(1, Ordering::AcqRel) + 1;
                    if received % count == 0 {
                        shared.all.notify_one();
                    }
                }
            });
        }
        Ok(Self { count, shared })
    }

    /// Publishes events, each when all clients have the one before.
    async fn reach_all(&self, node: SocketAddr) -> Result<Duration, String> {
        let body = format!(r#"{{"type":"bench","data":"{}"}}"#, "x".repeat(PAYLOAD - 2));
        let request = format!(
            "POST /v1/events HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n\
             content-length: {}\r\n\r\n{body}",
            body.len()
        );
        let failed = |error: std::io::Error| error.to_string();
        let mut publisher = TcpStream::connect(node).await.map_err(failed)?;
        let began = Instant::now();
        for _ in 0..EVENTS {
            publisher
                .write_all(request.as_bytes())
                .await
                .map_err(failed)?;
            let all = tokio::time::timeout(DEADLINE, self.shared.all.notified());
            all.await.map_err(|_| {
                let received = self.shared.received.load(Ordering::Acquire) % self.count;
                format!("only {received} clients got an event")
            })?;
            let mut answer = [0; 1 << 10];
            publisher.read(&mut answer).await.map_err(failed)?;
        }
        Ok(began.elapsed())
    }
}

/// Reads to the end of a message, which is that of a chunk.
async fn read_message(stream: &mut TcpStream) -> Result<(), String> {
    let mut text = Vec::new();
    loop {
        match stream.read_buf(&mut text).await {
            Ok(1..) if text.ends_with(b"\n\n\r\n") => return Ok(()),
            Ok(1..) => {}
            Ok(0) => return Err("a stream ended".to_owned()),
            Err(error) => return Err(error.to_string()),
        }
    }
}
