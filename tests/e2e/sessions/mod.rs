//! Sessions of clients over answers that do not end, who commands them, and clients that no
//! library is like. What else is spoken over WebSocket the published clients try
//! (`tests/clients`).

mod across;
mod commands;
mod counted;
mod durable;
mod hostile;
mod nodes;
mod servers;
mod storm;
mod streamed;

use std::path::PathBuf;

use reqwest::{Method, RequestBuilder, Response, StatusCode};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::time::timeout;

use crate::support::api::{Api, answer};
use crate::support::process::NodeProcess;
use crate::support::{DEADLINE, POLL};

/// The key of servers.
const SERVER_KEY: &str = "the key of the servers of an application";

/// Sessions for everybody, and channels in which everybody may do everything. No ping comes
/// between what a test waits for.
const CONFIGURATION: &str = r#"
[access]
anonymous = ["admin"]

[access.tokens.app]
hmac_secret_file = "token.secret"

[sessions]
token = "app"
anonymous = true
ping_interval = "1h"

[sessions.api]
key_file = "api.key"

[sessions.namespaces.chat]
allow_subscribe_for_client = true
allow_subscribe_for_anonymous = true
allow_publish_for_client = true
allow_publish_for_anonymous = true
allow_history_for_client = true
allow_history_for_anonymous = true
presence = true
history_size = 100
history_ttl = "5m"

[sessions.namespaces.plain]
allow_subscribe_for_client = true
"#;

/// The ways on which sessions get answers, and send commands apart.
const EMULATED: [&str; 3] = ["POST http_stream", "GET sse", "POST sse"];

/// A folder with that configuration, and its path.
pub fn configured(text: &str) -> (TempDir, PathBuf) {
    let folder = TempDir::new().expect("a temporary folder");
    // Whatever folder the node is started in.
    let of_files = format!("_file = \"{}/", folder.path().display());
    let text = text.replace("_file = \"", &of_files);
    for (name, content) in [
        ("hearken.toml", &*text),
        ("token.secret", "of the node and of the backend: 0123456789"),
        ("api.key", SERVER_KEY),
    ] {
        std::fs::write(folder.path().join(name), content).expect("a new file");
    }
    std::fs::create_dir(folder.path().join("plugins")).expect("a new folder");
    let file = folder.path().join("hearken.toml");
    (folder, file)
}

/// A node with sessions.
async fn node() -> NodeProcess {
    NodeProcess::start_again(configured(CONFIGURATION).0, &[]).await
}

/// What a session is sent over an answer.
pub struct Stream {
    response: Response,
    read: Vec<u8>,
}

impl Stream {
    pub async fn open(request: RequestBuilder) -> Self {
        let response = answer(request).await;
        assert_eq!(response.status(), StatusCode::OK);
        Self {
            response,
            read: Vec::new(),
        }
    }

    /// The next message; `None` when there are no more.
    pub async fn next(&mut self) -> Option<Value> {
        timeout(DEADLINE, self.line())
            .await
            .expect("something comes")
    }

    async fn line(&mut self) -> Option<Value> {
        loop {
            if let Some(at) = self.read.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.read.drain(..=at).collect();
                let line = str::from_utf8(&line).expect("UTF-8").trim();
                let message = line.strip_prefix("data: ").unwrap_or(line);
                if !message.is_empty() {
                    return Some(serde_json::from_str(message).expect("JSON"));
                }
                continue;
            }
            match self.response.chunk().await.expect("it is not cut off") {
                Some(piece) => self.read.extend_from_slice(&piece),
                None => {
                    assert!(self.read.is_empty(), "the last line is whole");
                    return None;
                }
            }
        }
    }

    /// The next message, of a session that goes on.
    pub async fn message(&mut self) -> Value {
        self.next().await.expect("the session goes on")
    }
}

/// A session whose commands go apart from what it is sent.
pub struct Session {
    pub stream: Stream,
    /// What it was told when it connected.
    pub connected: Value,
}

impl Session {
    /// Connects over one of [`EMULATED`], with what a connect command has.
    pub async fn connect(api: &Api, way: &str, request: Value) -> Self {
        let (method, transport) = way.split_once(' ').expect("a method");
        let command = json!({ "connect": request, "id": 1 }).to_string();
        let path = format!("/connection/{transport}");
        let request = match method {
            "GET" => api
                .request(Method::GET, &path)
                .query(&[("cf_connect", &command)]),
            _ => api.request(Method::POST, &path).body(command),
        };
        let mut stream = Stream::open(request).await;
        let reply = stream.message().await;
        assert_eq!(reply["id"], 1, "{reply}");
        Self {
            stream,
            connected: reply["connect"].clone(),
        }
    }

    /// Its id.
    pub fn id(&self) -> &str {
        self.connected["client"].as_str().expect("an id")
    }

    /// Sends a command, and returns the next message.
    pub async fn command(&mut self, api: &Api, command: Value) -> Value {
        emulate(api, &self.connected, &command.to_string()).await;
        self.stream.message().await
    }
}

/// A request with commands of a session that was told this when it connected.
fn commands(api: &Api, connected: &Value, lines: &str) -> RequestBuilder {
    let (session, node) = (&connected["session"], &connected["node"]);
    let message = json!({ "session": session, "node": node, "data": lines });
    api.request(Method::POST, "/emulation").json(&message)
}

/// Sends such commands, which are carried out then.
pub async fn emulate(api: &Api, connected: &Value, lines: &str) {
    let taken = answer(commands(api, connected, lines)).await;
    assert_eq!(taken.status(), StatusCode::NO_CONTENT);
}

/// Waits until the node has no such session any more.
async fn until_gone(api: &Api, id: &str) {
    let waiting = async {
        while api.get(&format!("/v1/sessions/{id}")).await.status() != StatusCode::NOT_FOUND {
            tokio::time::sleep(POLL).await;
        }
    };
    timeout(DEADLINE, waiting).await.expect("the session goes");
}

/// The value of a metric of this name and these labels.
async fn metric(api: &Api, name: &str) -> Option<f64> {
    let metrics = api.get("/metrics").await.text().await.expect("text");
    let mut lines = metrics.lines().filter_map(|line| line.rsplit_once(' '));
    let (_, value) = lines.find(|(key, _)| *key == name)?;
    Some(value.parse().expect("a number"))
}
