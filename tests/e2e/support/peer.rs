//! The other end of a link, moved by hand.

use hearken::cluster::network::Connection;
use hearken::cluster::protocol::cluster_client::ClusterClient;
use hearken::cluster::protocol::frame::Kind;
use hearken::cluster::protocol::{Frame, Hello};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Streaming;
use tonic::transport::Endpoint;

use super::DEADLINE;

/// A link that the test has dialled, and on which it says what it likes.
pub struct Peer {
    sender: mpsc::Sender<Frame>,
    frames: Streaming<Frame>,
}

/// Connects to a node's cluster address.
pub async fn connect(address: &str) -> Connection {
    let stream = TcpStream::connect(address).await.expect("it listens");
    Connection {
        local: stream.local_addr().expect("it is connected"),
        remote: stream.peer_addr().expect("it is connected"),
        io: Box::new(stream),
    }
}

impl Peer {
    /// Opens a stream on a connection.
    pub async fn over(connection: Connection) -> Self {
        let mut io = Some(TokioIo::new(connection.io));
        let once = tower::service_fn(move |_| {
            std::future::ready(io.take().ok_or_else(|| std::io::Error::other("used up")))
        });
        let endpoint = Endpoint::from_static("http://node");
        let (sender, frames) = mpsc::channel(16);
        let opening = async {
            let channel = endpoint.connect_with_connector(once).await;
            let mut client = ClusterClient::new(channel.expect("it speaks HTTP/2"));
            client.link(ReceiverStream::new(frames)).await
        };
        let opened = tokio::time::timeout(DEADLINE, opening).await;
        let answer = opened.expect("it answers").expect("it opens a stream");
        Self {
            sender,
            frames: answer.into_inner(),
        }
    }

    /// Sends a frame.
    pub async fn say(&self, kind: Kind) {
        self.send(Frame { kind: Some(kind) }).await;
    }

    /// Sends a frame.
    pub async fn send(&self, frame: Frame) {
        self.sender.send(frame).await.expect("the stream is open");
    }

    /// The next frame, or nothing when the stream has ended.
    pub async fn hear(&mut self) -> Option<Kind> {
        let heard = tokio::time::timeout(DEADLINE, self.frames.message()).await;
        let frame = heard.expect("it says something").ok().flatten()?;
        Some(frame.kind.expect("a frame that the test knows"))
    }

    /// The first frame that gives something; those before it are skipped.
    pub async fn until<T>(&mut self, wanted: impl Fn(Kind) -> Option<T>) -> T {
        let searching = async {
            loop {
                let kind = self.hear().await.expect("the stream goes on");
                if let Some(found) = wanted(kind) {
                    return found;
                }
            }
        };
        let found = tokio::time::timeout(DEADLINE, searching).await;
        found.expect("the frame comes")
    }
}

/// How a node of this name introduces itself, in the present version.
pub fn hello(node: &str) -> Hello {
    Hello {
        major: hearken::cluster::PROTOCOL.major,
        minor: hearken::cluster::PROTOCOL.minor,
        cluster: "hearken".to_owned(),
        node: node.to_owned(),
        incarnation: uuid::Uuid::now_v7().to_string(),
        // Nobody listens there.
        address: "127.0.0.1:1".to_owned(),
        version: "0.0.0".to_owned(),
        max_event_bytes: 1 << 20,
        sessions: false,
    }
}
