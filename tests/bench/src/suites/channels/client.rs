//! A client of a node's channels over HTTP: as many connections as requests are under way
//! at once, on each of which one request follows the other.

use std::net::SocketAddr;

use hearken_bench_stopwatch::log::serve_log;
use hearken_bench_stopwatch::{Append, Consume, Error, LogClient, Logged};
use tokio::runtime::{Builder, Runtime};
use tokio::time::Instant;

use super::body::Bodies;
use super::connection::{Connection, append_until, request, request_for};
use super::handled::Handled;

/// Events of one page.
const PAGE: usize = 1000;

/// Packed events.
const FRAMES: &str = "application/vnd.hearken.frames";

/// The process of a client.
pub(crate) fn run(node: SocketAddr) {
    if let Err(error) = serve_log(Client::new(node)) {
        eprintln!("a client has failed: {error}");
    }
}

struct Client {
    runtime: Runtime,
    node: SocketAddr,
    /// Those that are not in use.
    connections: Vec<Connection>,
    /// How many channels there are.
    channels: usize,
}

/// The path of a channel.
fn channel(number: usize) -> String {
    format!("/v1/channels/bench-{number}")
}

/// Connections on which a task is carried out.
fn senders(task: Append) -> usize {
    if task.batch { 1 } else { task.window }
}

impl Client {
    fn new(node: SocketAddr) -> Result<Self, Error> {
        Ok(Self {
            // A thread of its own that waits, as the brokers' clients have.
            runtime: Builder::new_current_thread().enable_all().build()?,
            node,
            connections: Vec::new(),
            channels: 0,
        })
    }

    fn prepare(&mut self, connections: usize, channels: usize) -> Result<(), Error> {
        while self.connections.len() < connections {
            let open = self.runtime.block_on(Connection::open(self.node))?;
            self.connections.push(open);
        }
        for number in self.channels..channels {
            let create = request("PUT", &channel(number), r#"{"max_bytes": 8589934592}"#);
            let created = self.runtime.block_on(self.connections[0].send(&create))?;
            created.expect(&[201])?;
        }
        self.channels = self.channels.max(channels);
        Ok(())
    }
}

impl LogClient for Client {
    fn append(&mut self, task: Append) -> Result<u64, Error> {
        let senders = senders(task);
        self.prepare(senders, task.logs)?;
        let bodies = Bodies::new(task, 0);
        let each = bodies.each();
        let logs: Vec<String> = (0..task.logs).map(channel).collect();
        let requests = move |turn: usize| {
            let target = format!("{}/events", logs[turn % logs.len()]);
            request("POST", &target, &bodies.body(turn))
        };
        let end = Instant::now() + task.time();
        let under_way = self.connections.drain(..senders).collect();
        let done = append_until(end, under_way, each, requests);
        let (connections, events) = self.runtime.block_on(done)?;
        self.connections.extend(connections);
        Ok(events)
    }

    fn read(&mut self) -> Result<u64, Error> {
        self.prepare(1, 1)?;
        let connection = &mut self.connections[0];
        self.runtime.block_on(async {
            let mut after = 0;
            loop {
                let target = format!("{}/events?after={after}&limit={PAGE}", channel(0));
                let page = request_for(FRAMES, "GET", &target, "");
                let page = connection.send(&page).await?.expect(&[200])?;
                if page.body.is_empty() {
                    return Ok(after);
                }
                after = page.next.ok_or("a page does not say where to read on")?;
            }
        })
    }

    fn consume(&mut self, task: Consume) -> Result<Logged, Error> {
        // One asks how far the plugin is.
        let senders = senders(task.append);
        self.prepare(senders + 1, 1)?;
        let under_way = self.connections.drain(..senders).collect();
        let handled = Handled(&mut self.connections[0]);
        let log = channel(0);
        let done = handled.consume(&log, under_way, task);
        let (connections, logged) = self.runtime.block_on(done)?;
        self.connections.extend(connections);
        Ok(logged)
    }
}
