//! Clients that speak WebSocket or the protocol wrongly, slowly or too much, each beside a
//! session that misses nothing while they do their worst.

mod commands;
mod floods;
mod frames;
mod handshakes;
mod slow;
mod tokens;

use std::cell::Cell;
use std::ops::{Deref, DerefMut};
use std::time::Duration;

use super::*;
use crate::support::events::Events;
use crate::support::web_socket::WebSocket;

const PATH: &str = "/connection/websocket";

/// The channel of the session beside.
const BESIDE: &str = "chat:beside";

/// What a publication may take beside whatever there is. It takes a millisecond or two; but
/// other tests run meanwhile, and compile.
const PROMPT: Duration = Duration::from_secs(10);

/// A node, with a well-behaved session.
struct Stage {
    node: NodeProcess,
    witness: Witness,
    /// What is told of sessions that end.
    reports: Events,
}

impl Stage {
    async fn new() -> Self {
        Self::with(CONFIGURATION).await
    }

    async fn with(configuration: &str) -> Self {
        let node = NodeProcess::start_again(configured(configuration).0, &[]).await;
        let reports = node.listen("session.disconnected").await;
        let witness = Witness::new(&node).await;
        Self {
            node,
            witness,
            reports,
        }
    }

    /// Checks over and over that the session beside misses nothing while something else goes
    /// on, and once after.
    async fn beside<T>(&mut self, other: impl Future<Output = T>) -> T {
        let is_over = Cell::new(false);
        let others = async {
            let result = other.await;
            is_over.set(true);
            result
        };
        let watching = async {
            while !is_over.get() {
                self.witness.misses_nothing(&self.node).await;
            }
        };
        let (result, ()) = tokio::join!(others, watching);
        self.witness.misses_nothing(&self.node).await;
        result
    }

    /// Checks that the client is told this end, that the node says with which code it has ended
    /// the session, if it has, and that the session beside notices nothing.
    async fn ends(
        &mut self,
        mut hostile: Hostile,
        close: (u16, &str),
        code: Option<u32>,
        what: &str,
    ) {
        let (told, reason) = hostile.closed().await;
        assert_eq!((told, &*reason), close, "{what}");
        let report = self.reports.about("session.disconnected", &hostile.id);
        assert_eq!(report.await["data"]["code"], json!(code), "{what}");
        self.witness.misses_nothing(&self.node).await;
        hostile.hush().await;
        hostile.web_socket.ended().await;
    }
}

/// A session that subscribes to a channel, and must get all that is published there.
struct Witness {
    web_socket: WebSocket,
    id: String,
    published: u64,
}

impl Witness {
    async fn new(node: &NodeProcess) -> Self {
        let Hostile { mut web_socket, id } = Hostile::connect(node).await;
        let subscribe = json!({ "subscribe": { "channel": BESIDE }, "id": 2 });
        web_socket.say(&subscribe.to_string()).await;
        assert_eq!(web_socket.message().await["id"], 2);
        Self {
            web_socket,
            id,
            published: 0,
        }
    }

    async fn misses_nothing(&mut self, node: &Api) {
        self.published += 1;
        let event = json!({ "type": "said", "channel": BESIDE, "data": self.published });
        node.publish(&event).await;
        let push = timeout(PROMPT, self.web_socket.message()).await;
        let push = push.expect("a publication does not wait for other sessions");
        assert_eq!(push["push"]["pub"]["data"], self.published, "{push}");
        assert_eq!(push["push"]["pub"]["offset"], self.published, "{push}");
    }
}

/// A session that is connected, and about to do something that is not right.
struct Hostile {
    web_socket: WebSocket,
    id: String,
}

impl Hostile {
    async fn connect(node: &NodeProcess) -> Self {
        Self::connect_with(node, json!({})).await
    }

    /// Connects with what a connect command has.
    async fn connect_with(node: &NodeProcess, request: Value) -> Self {
        let mut web_socket = WebSocket::open(node, PATH, &[]).await;
        let connect = json!({ "connect": request, "id": 1 });
        web_socket.say(&connect.to_string()).await;
        let reply = web_socket.message().await;
        let id = reply["connect"]["client"].as_str();
        let id = id.unwrap_or_else(|| panic!("it is not connected: {reply}"));
        Self {
            id: id.to_owned(),
            web_socket,
        }
    }
}

impl Deref for Hostile {
    type Target = WebSocket;

    fn deref(&self) -> &WebSocket {
        &self.web_socket
    }
}

impl DerefMut for Hostile {
    fn deref_mut(&mut self) -> &mut WebSocket {
        &mut self.web_socket
    }
}
