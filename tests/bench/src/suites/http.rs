//! What it costs to be asked who one is: the same event published over HTTP to a node that asks
//! nobody, to one that knows a key, and to one that has verified a token before.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use hearken::access::{
    AccessSettings, Granted, KeyEntry, NewKey, NewToken, TokenIssuer, TokenSource,
};
use hearken::clock::{Clock, SystemClock};
use hearken::config::{ClusterSettings, NodeConfig};
use hearken::node::{Listeners, Node};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::runtime::Runtime;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::Options;
use crate::report::{Report, Row, Samples};

/// Events of one repetition, each of which is published when the one before was answered.
const EVENTS: u32 = 20_000;

/// The name of who signs tokens.
const ISSUER: &str = "bench";

/// What is published.
const EVENT: &str = r#"{"type":"bench.published","data":{"quantity":3}}"#;

pub(crate) fn run(report: &mut Report, options: &Options) {
    if let Err(reason) = measure(report, options) {
        report.skip("http", "hearken/http-publish", &reason);
    }
}

fn measure(report: &mut Report, options: &Options) -> Result<(), String> {
    let io = Runtime::new().map_err(|error| error.to_string())?;
    let key = NewKey::generate().map_err(|error| error.to_string())?;
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    let secret = folder.path().join("secret");
    std::fs::write(&secret, [b's'; 64]).map_err(|error| error.to_string())?;
    let issuer = issuer(secret);
    let token = token(&issuer)?;
    let mut sides = io.block_on(async {
        Ok::<_, String>([
            Side::start("hearken/http-publish-open", AccessSettings::default(), "").await?,
            Side::start("hearken/http-publish-key", knowing(&key), &key.reveal()).await?,
            Side::start("hearken/http-publish-token", believing(issuer), &token).await?,
        ])
    })?;
    for _ in 0..options.repetitions {
        for side in &mut sides {
            let taken = io.block_on(side.client.publish_all())?;
            let each = taken.as_nanos() as f64 / f64::from(EVENTS);
            side.samples.push(each);
        }
    }
    for side in sides {
        report.push(Row {
            suite: "http",
            name: side.name.to_owned(),
            ns_per_event: Some(side.samples.median()),
            min: side.samples.min(),
            max: side.samples.max(),
            unit: "ns/event, answered",
            ..Row::default()
        });
        io.block_on(side.node.stop());
    }
    Ok(())
}

fn placed<T>(value: T) -> Granted<T> {
    Granted {
        value,
        place: "the benchmark".to_owned(),
    }
}

/// Who signs with the secret in a file.
fn issuer(secret: PathBuf) -> TokenIssuer {
    TokenIssuer {
        place: "the benchmark".to_owned(),
        source: placed(TokenSource::HmacSecretFile(secret)),
        issuer: None,
        audience: None,
        roles_claim: "roles".to_owned(),
    }
}

/// A token of an administrator.
fn token(issuer: &TokenIssuer) -> Result<String, String> {
    let now = SystemClock.now_millis() / 1000;
    let token = NewToken {
        subject: "bench",
        roles: &["admin".to_owned()],
        issued: now,
        expires: now + 24 * 60 * 60,
        channel: None,
    };
    token
        .sign(ISSUER, issuer)
        .map_err(|error| error.to_string())
}

/// Settings that take the tokens of an issuer.
fn believing(issuer: TokenIssuer) -> AccessSettings {
    AccessSettings {
        tokens: [(ISSUER.to_owned(), issuer)].into(),
        ..AccessSettings::default()
    }
}

/// Settings that know a key, which may do everything.
fn knowing(key: &NewKey) -> AccessSettings {
    let entry = KeyEntry {
        place: "the benchmark".to_owned(),
        keys: vec![key.hash()],
        roles: vec![placed("admin".to_owned())],
        expires: None,
    };
    AccessSettings {
        keys: [("bench".to_owned(), entry)].into(),
        ..AccessSettings::default()
    }
}

/// A node, and a client of it.
struct Side {
    name: &'static str,
    node: Running,
    client: Client,
    samples: Samples,
}

impl Side {
    async fn start(name: &'static str, access: AccessSettings, key: &str) -> Result<Self, String> {
        let node = Running::start(access).await?;
        let stream = TcpStream::connect(node.address).await;
        let stream = stream.map_err(|error| error.to_string())?;
        stream
            .set_nodelay(true)
            .map_err(|error| error.to_string())?;
        let authorization = match key {
            "" => String::new(),
            key => format!("authorization: Bearer {key}\r\n"),
        };
        let length = EVENT.len();
        Ok(Self {
            name,
            node,
            client: Client {
                stream,
                request: format!(
                    "POST /v1/events HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n\
                     {authorization}content-length: {length}\r\n\r\n{EVENT}"
                ),
            },
            samples: Samples::default(),
        })
    }
}

/// One connection, on which one request follows the other.
struct Client {
    stream: TcpStream,
    request: String,
}

impl Client {
    async fn publish_all(&mut self) -> Result<Duration, String> {
        let begin = Instant::now();
        let mut answer = vec![0; 4096];
        for _ in 0..EVENTS {
            let written = self.stream.write_all(self.request.as_bytes()).await;
            written.map_err(|error| error.to_string())?;
            // An answer is so short that it comes whole.
            let read = self.stream.read(&mut answer).await;
            let read = read.map_err(|error| error.to_string())?;
            if !answer[..read].starts_with(b"HTTP/1.1 202 ") {
                return Err(String::from_utf8_lossy(&answer[..read]).into_owned());
            }
        }
        Ok(begin.elapsed())
    }
}

/// A node without plugins.
struct Running {
    address: SocketAddr,
    stop: CancellationToken,
    task: JoinHandle<()>,
    _folder: TempDir,
}

impl Running {
    async fn start(access: AccessSettings) -> Result<Self, String> {
        let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
        let free = SocketAddr::from(([127, 0, 0, 1], 0));
        let config = NodeConfig {
            node: "bench".to_owned(),
            plugins: folder.path().join("plugins"),
            data: folder.path().join("data"),
            listen: free,
            cluster: ClusterSettings {
                listen: free,
                ..ClusterSettings::default()
            },
            access,
            ..NodeConfig::default()
        };
        let listeners = Listeners::bind(&config).await;
        let listeners = listeners.map_err(|error| error.to_string())?;
        let node = Node::start(config, listeners).await;
        let node = node.map_err(|error| error.to_string())?;
        let stop = CancellationToken::new();
        let address = node.address();
        let stopped = stop.clone();
        let task = tokio::spawn(async move {
            node.run(stopped).await.expect("the node stops well");
        });
        Ok(Self {
            address,
            stop,
            task,
            _folder: folder,
        })
    }

    async fn stop(self) {
        self.stop.cancel();
        self.task.await.expect("the node does not panic");
    }
}
