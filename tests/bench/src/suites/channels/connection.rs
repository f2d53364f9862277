//! A connection to a node, on which one request follows the other.

use std::net::SocketAddr;

use hearken_bench_stopwatch::Error;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::Instant;

pub(super) struct Connection(BufReader<TcpStream>);

pub(super) struct Response {
    status: u16,
    /// Where to read on, if it is a page.
    pub(super) next: Option<u64>,
    pub(super) body: Vec<u8>,
}

impl Connection {
    pub(super) async fn open(node: SocketAddr) -> Result<Self, Error> {
        let stream = TcpStream::connect(node).await?;
        stream.set_nodelay(true)?;
        Ok(Self(BufReader::with_capacity(64 << 10, stream)))
    }

    pub(super) async fn send(&mut self, request: &[u8]) -> Result<Response, Error> {
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
    pub(super) fn expect(self, statuses: &[u16]) -> Result<Self, Error> {
        if statuses.contains(&self.status) {
            return Ok(self);
        }
        let body = String::from_utf8_lossy(&self.body);
        Err(format!("{}: {body}", self.status).into())
    }
}

/// A request whose answer is JSON.
pub(super) fn request(method: &str, target: &str, body: &str) -> Vec<u8> {
    request_for("application/json", method, target, body)
}

/// A request whose answer is of this media type. A list is one of CloudEvents.
pub(super) fn request_for(accept: &str, method: &str, target: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    let kind = match body.starts_with('[') {
        true => "application/cloudevents-batch+json",
        false => "application/json",
    };
    format!(
        "{method} {target} HTTP/1.1\r\nhost: localhost\r\ncontent-type: {kind}\r\n\
         accept: {accept}\r\ncontent-length: {length}\r\n\r\n{body}"
    )
    .into_bytes()
}

/// Has each connection append until the time is over, one request after the other, of which
/// each has so many events: those that `requests` makes, in turn. Returns the connections,
/// and how many events were stored.
pub(super) async fn append_until(
    end: Instant,
    connections: Vec<Connection>,
    each: u64,
    requests: impl Fn(usize) -> Vec<u8> + Clone + Send + 'static,
) -> Result<(Vec<Connection>, u64), Error> {
    let mut sending = JoinSet::new();
    for (sender, mut connection) in connections.into_iter().enumerate() {
        let requests = requests.clone();
        sending.spawn(async move {
            let mut turn = sender;
            let mut events = 0;
            while Instant::now() < end {
                let request = requests(turn);
                turn += 1;
                connection.send(&request).await?.expect(&[201])?;
                events += each;
            }
            Ok::<_, Error>((connection, events))
        });
    }
    let (mut connections, mut all) = (Vec::new(), 0);
    while let Some(sent) = sending.join_next().await {
        let (connection, events) = sent??;
        connections.push(connection);
        all += events;
    }
    Ok((connections, all))
}
