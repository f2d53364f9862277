//! A client of a node's channels over HTTP: as many connections as requests are under way
//! at once, on each of which one request follows the other.

use std::net::SocketAddr;
use std::sync::Arc;

use hearken_bench_stopwatch::log::serve_log;
use hearken_bench_stopwatch::{Append, Error, LogClient};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::runtime::Runtime;
use tokio::task::JoinSet;
use tokio::time::Instant;

/// Events of one page.
const PAGE: usize = 1000;

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

struct Connection(BufReader<TcpStream>);

struct Response {
    status: u16,
    /// Where to read on, if it is a page.
    next: Option<u64>,
    body: Vec<u8>,
}

impl Connection {
    async fn open(node: SocketAddr) -> Result<Self, Error> {
        let stream = TcpStream::connect(node).await?;
        stream.set_nodelay(true)?;
        Ok(Self(BufReader::with_capacity(64 << 10, stream)))
    }

    async fn send(&mut self, request: &[u8]) -> Result<Response, Error> {
        self.0.get_mut().write_all(request).await?;
        let mut response = Response {
            status: 0,
            next: None,
            body: Vec::new(),
        };
        let (mut line, mut length) = (String::new(), 0);
        loop {
            line.clear();
            self.0.read_line(&mut line).await?;
            let text = line.trim_end();
            if response.status == 0 {
                let status = text.split(' ').nth(1).ok_or("no answer")?;
                response.status = status.parse()?;
            } else if let Some((name, value)) = text.split_once(": ") {
                match name {
                    "content-length" => length = value.parse()?,
                    "hearken-next" => response.next = Some(value.parse()?),
                    _ => {}
                }
            } else {
                break;
            }
        }
        response.body.resize(length, 0);
        self.0.read_exact(&mut response.body).await?;
        Ok(response)
    }
}

impl Response {
    fn expect(self, statuses: &[u16]) -> Result<Self, Error> {
        if statuses.contains(&self.status) {
            return Ok(self);
        }
        let body = String::from_utf8_lossy(&self.body);
        Err(format!("{}: {body}", self.status).into())
    }
}

fn request(method: &str, target: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!(
        "{method} {target} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n\
         accept: application/vnd.hearken.frames, application/json;q=0.5\r\n\
         content-length: {length}\r\n\r\n{body}"
    )
    .into_bytes()
}

fn channel(number: usize) -> String {
    format!("/v1/channels/bench-{number}")
}

impl Client {
    fn new(node: SocketAddr) -> Result<Self, Error> {
        Ok(Self {
            runtime: Runtime::new()?,
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
            let create = request("PUT", &channel(number), r#"{"max_bytes": "8GiB"}"#);
            let created = self.runtime.block_on(self.connections[0].send(&create))?;
            created.expect(&[201])?;
        }
        self.channels = self.channels.max(channels);
        Ok(())
    }
}

impl LogClient for Client {
    fn append(&mut self, task: Append) -> Result<u64, Error> {
        let senders = if task.batch { 1 } else { task.window };
        self.prepare(senders, task.logs)?;
        let data = "x".repeat(task.payload.saturating_sub(2));
        let event = format!(r#"{{"type":"bench.appended","data":"{data}"}}"#);
        let (body, each) = if task.batch {
            let events = vec![event.as_str(); task.window].join(",");
            (format!("[{events}]"), task.window)
        } else {
            (event, 1)
        };
        let requests = (0..task.logs).map(|log| {
            let target = format!("{}/events", channel(log));
            request("POST", &target, &body)
        });
        let requests: Arc<Vec<Vec<u8>>> = Arc::new(requests.collect());
        let end = Instant::now() + task.time();
        let each = u64::try_from(each)?;
        let under_way: Vec<_> = self.connections.drain(..senders).collect();
        let done = self.runtime.block_on(async {
            let mut sending = JoinSet::new();
            for (sender, mut connection) in under_way.into_iter().enumerate() {
                let requests = Arc::clone(&requests);
                sending.spawn(async move {
                    let mut turn = sender;
                    let mut events = 0;
                    while Instant::now() < end {
                        let request = &requests[turn % requests.len()];
                        turn += 1;
                        connection.send(request).await?.expect(&[201])?;
                        events += each;
                    }
                    Ok::<_, Error>((connection, events))
                });
            }
            let mut done = Vec::new();
            while let Some(sent) = sending.join_next().await {
                done.push(sent??);
            }
            Ok::<_, Error>(done)
        })?;
        let mut all = 0;
        for (connection, events) in done {
            self.connections.push(connection);
            all += events;
        }
        Ok(all)
    }

    fn read(&mut self) -> Result<u64, Error> {
        self.prepare(1, 1)?;
        let connection = &mut self.connections[0];
        self.runtime.block_on(async {
            let mut after = 0;
            loop {
                let target = format!("{}/events?after={after}&limit={PAGE}", channel(0));
                let page = connection.send(&request("GET", &target, "")).await?;
                let page = page.expect(&[200])?;
                if page.body.is_empty() {
                    return Ok(after);
                }
                after = page.next.ok_or("a page does not say where to read on")?;
            }
        })
    }
}
