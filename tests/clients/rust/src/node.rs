//! The node, and the cables between it and clients.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};

/// Only what hangs takes so long.
pub const DEADLINE: Duration = Duration::from_secs(60);

/// Where the node is, and with what the application signs tokens.
#[derive(Clone)]
pub struct Node {
    pub port: u16,
    pub secret: String,
}

impl Node {
    /// A token of a user with further claims, which is good for an hour.
    pub fn token(&self, user: &str, mut claims: Value) -> String {
        claims["sub"] = json!(user);
        crate::tokens::token(&self.secret, claims, 3600)
    }

    /// Publishes an event.
    pub async fn publish(&self, event: &Value) {
        let body = event.to_string();
        let request = format!(
            "POST /v1/events HTTP/1.1\r\nhost: 127.0.0.1:{}\r\nconnection: close\r\n\
             content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            self.port,
            body.len()
        );
        let stream = TcpStream::connect(("127.0.0.1", self.port)).await;
        let mut stream = stream.expect("the node listens");
        let written = stream.write_all(request.as_bytes()).await;
        written.expect("the node reads");
        let mut answer = String::new();
        let read = within("the node answers", stream.read_to_string(&mut answer)).await;
        read.expect("a whole answer");
        assert!(answer.starts_with("HTTP/1.1 202"), "{answer}");
    }
}

/// What a client is connected to the node by, and can be cut off by.
pub struct Cable {
    pub port: u16,
    is_whole: watch::Sender<bool>,
}

impl Cable {
    /// One that leads to this port.
    pub async fn lay(to: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let (is_whole, sees_whole) = watch::channel(true);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(pass_on(client, to, sees_whole.clone()));
            }
        });
        Self { port, is_whole }
    }

    /// Breaks all connections, and lets no new ones through, until it is mended.
    pub fn cut(&self) {
        self.is_whole.send_replace(false);
    }

    pub fn mend(&self) {
        self.is_whole.send_replace(true);
    }
}

async fn pass_on(mut client: TcpStream, to: u16, mut sees_whole: watch::Receiver<bool>) {
    let Ok(mut node) = TcpStream::connect(("127.0.0.1", to)).await else {
        return;
    };
    tokio::select! {
        _ = copy_bidirectional(&mut client, &mut node) => {}
        _ = sees_whole.wait_for(|is_whole| !is_whole) => {}
    }
}

/// What it comes to; fails if it takes too long.
pub async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    let done = tokio::time::timeout(DEADLINE, future).await;
    done.unwrap_or_else(|_| panic!("waited too long until {what}"))
}

/// The next event that is wanted; those before it are passed over.
pub async fn next<E, T>(
    what: &str,
    events: &mut mpsc::UnboundedReceiver<E>,
    mut wanted: impl FnMut(E) -> Option<T>,
) -> T {
    let searching = async {
        loop {
            let event = events.recv().await.expect("there are more");
            if let Some(found) = wanted(event) {
                return found;
            }
        }
    };
    within(what, searching).await
}
