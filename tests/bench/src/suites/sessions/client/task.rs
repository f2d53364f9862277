//! What the client is told to do, by lines, and what it says of that.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::dialect::Dialect;

/// One line to the client.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(in crate::suites::sessions) enum Task {
    /// Speak with this server; comes first.
    Speak(Server),
    /// Connect until there are so many sessions, all of which get what is published.
    Connect(usize),
    /// Publish, and wait until all sessions have everything.
    Publish(Publish),
    /// Be cut off while somebody publishes, and come back.
    Storm(Storm),
}

/// A server, and how it is spoken with.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(in crate::suites::sessions) struct Server {
    pub(in crate::suites::sessions) address: SocketAddr,
    /// Others of its cluster, over which the sessions are spread too.
    pub(in crate::suites::sessions) others: Vec<SocketAddr>,
    pub(in crate::suites::sessions) dialect: Dialect,
    /// A file with the secret that signs the tokens of sessions, where these have tokens.
    pub(in crate::suites::sessions) secret: Option<PathBuf>,
}

impl Server {
    /// Where the session of this number connects.
    pub(super) fn address_of(&self, number: usize) -> SocketAddr {
        let nodes = self.others.len() + 1;
        match (number % nodes).checked_sub(1) {
            None => self.address,
            Some(other) => self.others[other],
        }
    }
}

/// How messages are published.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(in crate::suites::sessions) struct Publish {
    /// How many.
    pub(in crate::suites::sessions) messages: usize,
    /// When.
    pub(in crate::suites::sessions) pace: Pace,
    /// Bytes that each has on the wire, where the client says what that is.
    pub(in crate::suites::sessions) frame: usize,
}

/// When a message is published.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(in crate::suites::sessions) enum Pace {
    /// While there are no more than so many that not all sessions have.
    Window(usize),
    /// One whenever so much time has passed; how long each takes to each session is measured.
    Every(Duration),
}

/// How sessions are cut off.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(in crate::suites::sessions) struct Storm {
    /// Between two publications.
    pub(in crate::suites::sessions) every: Duration,
    /// Publications before that, and after all are back.
    pub(in crate::suites::sessions) around: usize,
}

/// What has been done.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub(in crate::suites::sessions) struct Done {
    /// Seconds that it took: until the last session was connected, all had everything, or all
    /// were back.
    pub(in crate::suites::sessions) seconds: f64,
    /// Messages that were published.
    pub(in crate::suites::sessions) messages: usize,
    /// Seconds from published to the last session's receipt: the median of the messages.
    pub(in crate::suites::sessions) to_all: f64,
    /// Seconds from published to received, of all receipts, where these were measured.
    pub(in crate::suites::sessions) p50: f64,
    /// The same.
    pub(in crate::suites::sessions) p99: f64,
    /// Bytes on the wire of a message to a session.
    pub(in crate::suites::sessions) frame: usize,
}
