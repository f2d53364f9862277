//! A client of WebSocket (RFC 6455) that sends whatever it is told to, right or wrong.

use std::collections::VecDeque;
use std::io;

use futures_util::FutureExt;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::DEADLINE;
use super::api::Api;

/// The first byte of a frame that is all of its message.
pub mod first {
    pub const TEXT: u8 = 0x81;
    pub const BINARY: u8 = 0x82;
    pub const CLOSE: u8 = 0x88;
    pub const PING: u8 = 0x89;
    pub const PONG: u8 = 0x8a;
}

/// Any key does.
const KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

/// A frame as a client sends it: masked, and with its length told shortly.
pub fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = head(first, payload.len());
    let masked = payload.iter().zip(KEY.iter().cycle());
    frame.extend(masked.map(|(byte, key)| byte ^ key));
    frame
}

/// What stands in front of a frame's payload of so many bytes.
pub fn head(first: u8, length: usize) -> Vec<u8> {
    let mut head = vec![first];
    match (length, u16::try_from(length)) {
        (0..126, _) => head.push(0x80 | length as u8),
        (_, Ok(length)) => {
            head.push(0x80 | 126);
            head.extend(length.to_be_bytes());
        }
        (_, Err(_)) => {
            head.push(0x80 | 127);
            head.extend((length as u64).to_be_bytes());
        }
    }
    head.extend(KEY);
    head
}

/// What a node answers a handshake.
#[derive(Debug)]
pub struct Answered {
    pub status: u16,
    /// In lower case, with its headers.
    pub head: String,
}

/// What comes from a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Heard {
    Text(String),
    Binary(Vec<u8>),
    Ping(Vec<u8>),
    Pong(Vec<u8>),
    Close { code: u16, reason: String },
}

/// A connection, of which the handshake is over.
pub struct WebSocket {
    stream: TcpStream,
    read: Vec<u8>,
    /// Messages of a frame, of which a node puts several into one.
    messages: VecDeque<Value>,
}

impl WebSocket {
    /// Connects to this path, with further headers.
    pub async fn open(api: &Api, path: &str, headers: &[(&str, &str)]) -> Self {
        let (answered, web_socket) = Self::shake_hands(api, "GET", path, headers).await;
        assert_eq!(answered.status, 101, "{answered:?}");
        web_socket
    }

    /// Sends a handshake, in which these headers take the place of those of the same name, or
    /// stand beside them; one without a value is left out.
    pub async fn shake_hands(
        api: &Api,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
    ) -> (Answered, Self) {
        let host = api.url.trim_start_matches("http://");
        let shaken = timeout(DEADLINE, Self::try_hands(host, method, path, headers)).await;
        shaken.expect("it answers").expect("a whole head")
    }

    /// Connects to this path at an address where there may be nobody, or soon no more.
    pub async fn reach(address: &str, path: &str) -> Option<Self> {
        let shaken = timeout(DEADLINE, Self::try_hands(address, "GET", path, &[])).await;
        let (answered, web_socket) = shaken.ok()?.ok()?;
        (answered.status == 101).then_some(web_socket)
    }

    async fn try_hands(
        host: &str,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
    ) -> io::Result<(Answered, Self)> {
        let mut stream = TcpStream::connect(host).await?;
        let mut request = format!("{method} {path} HTTP/1.1\r\n");
        let own = [
            ("host", host),
            ("connection", "Upgrade"),
            ("upgrade", "websocket"),
            ("sec-websocket-version", "13"),
            ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
        ];
        let kept = |name: &str| headers.iter().all(|(other, _)| *other != name);
        let own = own.iter().filter(|(name, _)| kept(name));
        for (name, value) in own.chain(headers).filter(|(_, value)| !value.is_empty()) {
            request.push_str(&format!("{name}: {value}\r\n"));
        }
        request.push_str("\r\n");
        stream.write_all(request.as_bytes()).await?;
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await?);
        }
        let head = String::from_utf8(head).expect("text").to_lowercase();
        let status = head.split(' ').nth(1).expect("a status");
        let answered = Answered {
            status: status.parse().expect("a number"),
            head: head.clone(),
        };
        let web_socket = Self {
            stream,
            read: Vec::new(),
            messages: VecDeque::new(),
        };
        Ok((answered, web_socket))
    }

    /// Sends bytes, as far as the node takes them: it may have closed the connection.
    pub async fn send(&mut self, bytes: &[u8]) {
        let sent = timeout(DEADLINE, self.stream.write_all(bytes)).await;
        let _ = sent.expect("it reads what it is sent");
    }

    /// Sends a text.
    pub async fn say(&mut self, text: &str) {
        self.send(&frame(first::TEXT, text.as_bytes())).await;
    }

    /// Closes the side on which it sends, unless the connection has ended.
    pub async fn hush(&mut self) {
        let _ = self.stream.shutdown().await;
    }

    /// Breaks the connection, without a goodbye of WebSocket's or TCP's.
    pub fn abort(self) {
        self.stream
            .set_zero_linger()
            .expect("an option of all sockets");
    }

    /// What comes next; `None` when the connection has ended.
    pub async fn hear(&mut self) -> Option<Heard> {
        let heard = timeout(DEADLINE, self.next_frame()).await;
        heard.expect("something comes")
    }

    /// What comes next, however long that takes; `None` when the connection has ended. Nothing
    /// is lost when it is not waited for to the end.
    pub async fn next_frame(&mut self) -> Option<Heard> {
        loop {
            if let Some((heard, length)) = read(&self.read) {
                self.read.drain(..length);
                return Some(heard);
            }
            // Bytes that were on their way may be lost with a connection that is cut.
            if self.stream.read_buf(&mut self.read).await.unwrap_or(0) == 0 {
                return None;
            }
        }
    }

    /// The next message of JSON. A client of the protocol answers its pings.
    pub async fn message(&mut self) -> Value {
        loop {
            if let Some(message) = self.messages.pop_front() {
                if message == serde_json::json!({}) {
                    self.say("{}").await;
                    continue;
                }
                return message;
            }
            match self.hear().await {
                Some(Heard::Text(text)) => {
                    let lines = text.lines().map(serde_json::from_str);
                    let messages: Result<Vec<Value>, _> = lines.collect();
                    self.messages.extend(messages.expect("JSON"));
                }
                Some(Heard::Ping(payload)) => self.send(&frame(first::PONG, &payload)).await,
                heard => panic!("it goes on, and does not end with {heard:?}"),
            }
        }
    }

    /// The code and the reason with which the node closes it; what comes before is passed over.
    pub async fn closed(&mut self) -> (u16, String) {
        loop {
            match self.hear().await {
                Some(Heard::Close { code, reason }) => return (code, reason),
                Some(_) => {}
                None => panic!("it is cut off without a word"),
            }
        }
    }

    /// Whether anything has come that was not heard, the connection's end too.
    pub fn has_come(&mut self) -> bool {
        let mut bytes = [0];
        let peeked = std::pin::pin!(self.stream.peek(&mut bytes)).now_or_never();
        !self.read.is_empty() || peeked.is_some()
    }

    /// Waits until the connection has ended.
    pub async fn ended(mut self) {
        while self.hear().await.is_some() {}
    }
}

/// The first frame of what a node has sent, and how many bytes it takes, if all of it is there.
fn read(bytes: &[u8]) -> Option<(Heard, usize)> {
    let (&first, &short) = (bytes.first()?, bytes.get(1)?);
    let rest = &bytes[2..];
    let (length, taken) = match short {
        126 => (u16::from_be_bytes(*rest.first_chunk()?).into(), 4),
        127 => (u64::from_be_bytes(*rest.first_chunk()?), 10),
        short => {
            assert!(short < 126, "a node masks nothing");
            (short.into(), 2)
        }
    };
    let end = taken + usize::try_from(length).expect("a length");
    let payload = bytes.get(taken..end)?.to_vec();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
    let heard = match first {
        first::TEXT => Heard::Text(text(payload)),
        first::BINARY => Heard::Binary(payload),
        first::PING => Heard::Ping(payload),
        first::PONG => Heard::Pong(payload),
        first::CLOSE => {
            let (code, reason) = payload.split_first_chunk().expect("a code");
            Heard::Close {
                code: u16::from_be_bytes(*code),
                reason: text(reason.to_vec()),
            }
        }
        first => panic!("a node sends no frame that begins with {first:#x}"),
    };
    Some((heard, end))
}
