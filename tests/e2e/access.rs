//! Who may do what: a real node with keys, asked by commands and over HTTP.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::time::Duration;

use futures_util::StreamExt;
use hearken::access::{AccessSettings, Granted, KeyEntry, NewKey};
use hearken::config::NodeConfig;
use hearken::node::Node;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use crate::support::api::Api;
use crate::support::events::Events;
use crate::support::node::{config, free_ports};
use crate::support::process::{Answer, NodeProcess, hearken, run};
use crate::support::{DEADLINE, POLL};

/// Each command that asks a node, and the operation that it uses.
const COMMANDS: [(&[&str], &str, &str); 27] = [
    (&["send", "t"], "post", "/v1/events"),
    (&["listen", "a"], "get", "/v1/events"),
    (&["wait", "t", "--timeout", "50ms"], "get", "/v1/wait"),
    (&["nodes"], "get", "/v1/nodes"),
    (&["channel", "list"], "get", "/v1/channels"),
    (&["channel", "create", "x"], "put", "/v1/channels/{name}"),
    (&["channel", "show", "x"], "get", "/v1/channels/{name}"),
    (&["channel", "cursors", "x"], "get", "/v1/channels/{name}"),
    (
        &["channel", "read", "x"],
        "get",
        "/v1/channels/{name}/events",
    ),
    (
        &["channel", "latest", "x"],
        "get",
        "/v1/channels/{name}/latest",
    ),
    (
        &["channel", "trim", "x", "--before", "1"],
        "post",
        "/v1/channels/{name}/trim",
    ),
    (
        &["channel", "verify", "x"],
        "post",
        "/v1/channels/{name}/verify",
    ),
    (
        &["channel", "repair", "x", "--accept-loss"],
        "post",
        "/v1/channels/{name}/repair",
    ),
    (
        &["channel", "retry", "x", "y"],
        "post",
        "/v1/channels/{name}/consumers/{plugin}/retry",
    ),
    (
        &["channel", "seek", "x", "y", "--after", "1"],
        "post",
        "/v1/channels/{name}/consumers/{plugin}/seek",
    ),
    (
        &["channel", "delete", "x", "--force"],
        "delete",
        "/v1/channels/{name}",
    ),
    (&["sessions", "list"], "get", "/v1/sessions"),
    (&["sessions", "show", "x"], "get", "/v1/sessions/{id}"),
    (
        &["sessions", "send", "--all", "--data", "1"],
        "post",
        "/v1/sessions/messages",
    ),
    (
        &["sessions", "disconnect", "--all"],
        "post",
        "/v1/sessions/disconnect",
    ),
    (&["plugin", "list"], "get", "/v1/plugins"),
    (&["plugin", "show", "x"], "get", "/v1/plugins/{name}"),
    (
        &["plugin", "reload", "x"],
        "post",
        "/v1/plugins/{name}/reload",
    ),
    (
        &["plugin", "replay", "x", "--channel", "y", "--after", "0"],
        "post",
        "/v1/plugins/{name}/replay",
    ),
    (
        &["plugin", "replay", "x", "--stop"],
        "delete",
        "/v1/plugins/{name}/replay",
    ),
    (
        &["plugin", "pause", "x"],
        "post",
        "/v1/plugins/{name}/pause",
    ),
    (
        &["plugin", "resume", "x"],
        "post",
        "/v1/plugins/{name}/resume",
    ),
];

/// A command that shows a channel and then sets it, and so needs the rights of both.
const OF_SEVERAL: &str = "channel set";

/// Commands that ask no node.
const ALONE: [&str; 22] = [
    "run",
    "dev",
    "help",
    "plugin new",
    "plugin build",
    "plugin check",
    "plugin try",
    "plugin help",
    "sessions help",
    "sessions token",
    "channel help",
    "engine list",
    "engine add",
    "engine help",
    "cluster ca",
    "cluster cert",
    "cluster help",
    "access certificate",
    "access explain",
    "access key",
    "access token",
    "access help",
];

const RIGHTS: [&str; 6] = ["publish", "listen", "append", "read", "observe", "operate"];

/// A node with a key for each of some roles, of the same name; the roles are lines of the
/// configuration.
struct Guarded {
    node: NodeProcess,
    keys: Vec<(String, NewKey)>,
    folder: TempDir,
}

/// Lines that give a right, to everything if it is for something.
fn line(right: &str) -> String {
    match right {
        "publish" | "listen" | "append" | "read" => format!("{right} = [\"*\"]\n"),
        word => format!("{word} = true\n"),
    }
}

fn configuration<'k>(
    roles: &[(String, String)],
    keys: impl IntoIterator<Item = &'k (String, NewKey)>,
) -> String {
    let mut text = String::new();
    for (name, lines) in roles {
        write!(text, "[access.roles.{name}]\n{lines}").expect("a string takes all");
    }
    for (name, key) in keys {
        let hash = key.hash();
        write!(
            text,
            "[access.keys.{name}]\nkeys = [\"{hash}\"]\nroles = [\"{name}\"]\n"
        )
        .expect("a string takes all");
    }
    text
}

impl Guarded {
    async fn start(roles: &[(String, String)]) -> Self {
        let folder = TempDir::new().expect("a temporary folder");
        let key = |name: &String| (name.clone(), NewKey::generate().expect("randomness"));
        let keys: Vec<_> = roles.iter().map(|(name, _)| key(name)).collect();
        let file = folder.path().join("hearken.toml");
        std::fs::write(&file, configuration(roles, &keys)).expect("a new file");
        let file = file.display().to_string();
        Self {
            node: NodeProcess::start([], &["--config", &file]).await,
            keys,
            folder,
        }
    }

    fn key(&self, name: &str) -> String {
        let (_, key) = self
            .keys
            .iter()
            .find(|(known, _)| known == name)
            .expect("a key");
        key.reveal().to_string()
    }

    /// Runs a command as somebody.
    async fn run(&self, name: Option<&str>, arguments: &[&str]) -> Answer {
        let mut command = self.node.command(arguments);
        if let Some(name) = name {
            command.env("HEARKEN_KEY", self.key(name));
        }
        run(command).await
    }

    async fn get(&self, name: &str, path: &str) -> reqwest::Response {
        let request = self
            .node
            .request(Method::GET, path)
            .bearer_auth(self.key(name));
        request.send().await.expect("the node is there")
    }
}

/// All commands, by their words.
async fn commands() -> BTreeSet<String> {
    let folder = TempDir::new().expect("a temporary folder");
    let mut all = BTreeSet::new();
    for group in [
        "", "plugin", "channel", "sessions", "engine", "cluster", "access",
    ] {
        let words: Vec<&str> = group.split_whitespace().chain(["--help"]).collect();
        let help = run(hearken(folder.path(), &words)).await;
        let (_, list) = help.stdout.split_once("Commands:").expect("there are some");
        let list = list.lines().skip(1).take_while(|line| !line.is_empty());
        for name in list.filter_map(|line| line.split_whitespace().next()) {
            all.insert(format!("{group} {name}").trim().to_owned());
        }
    }
    for group in [
        "plugin", "channel", "sessions", "engine", "cluster", "access",
    ] {
        assert!(all.remove(group), "{group} is no command");
    }
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn each_command_needs_the_rights_of_its_operations() {
    let mut roles = Vec::new();
    for right in RIGHTS {
        let others: String = RIGHTS
            .into_iter()
            .filter(|it| *it != right)
            .map(line)
            .collect();
        roles.push((format!("no-{right}"), others));
        roles.push((format!("only-{right}"), line(right)));
    }
    let guarded = Guarded::start(&roles).await;
    let document: Value = guarded
        .node
        .get("/openapi.json")
        .await
        .json()
        .await
        .expect("the document");
    let mut known: BTreeSet<String> = ALONE.map(str::to_owned).into();
    known.insert(OF_SEVERAL.to_owned());
    for (command, method, path) in COMMANDS {
        let right = document["paths"][path][method]["x-right"].as_str();
        let right = right.unwrap_or_else(|| panic!("{method} {path} has no right"));
        let answer = guarded.run(None, command).await;
        assert_eq!(answer.code, 1, "{command:?}: {answer:?}");
        for part in [" answered 401 ", "--key-file"] {
            assert!(answer.stderr.contains(part), "{command:?}: {answer:?}");
        }
        let answer = guarded.run(Some(&format!("no-{right}")), command).await;
        assert_eq!(answer.code, 1, "{command:?}: {answer:?}");
        for part in [" answered 403 ", &format!("lacks the right `{right}")] {
            assert!(answer.stderr.contains(part), "{command:?}: {answer:?}");
        }
        let only = format!("only-{right}");
        if command[0] == "listen" {
            let mut listening = guarded.node.command(command);
            listening.env("HEARKEN_KEY", guarded.key(&only));
            let _listening = listening.spawn().expect("the program is there");
            streams(&guarded, 1).await;
        } else {
            let answer = guarded.run(Some(&only), command).await;
            // With the word before it: the port of the node may have these digits too.
            for refusal in [" answered 401 ", " answered 403 "] {
                assert!(!answer.stderr.contains(refusal), "{command:?}: {answer:?}");
            }
        }
        let grouped = matches!(command[0], "plugin" | "channel" | "sessions");
        let words = if grouped { 2 } else { 1 };
        known.insert(command[..words].join(" "));
    }
    let unknown: Vec<_> = commands().await.difference(&known).cloned().collect();
    assert!(unknown.is_empty(), "which operations do {unknown:?} use?");
}

/// Waits until so many streams are open.
async fn streams(guarded: &Guarded, count: u64) {
    let line = format!("hearken_http_open{{kind=\"stream\"}} {count}\n");
    let open = async {
        loop {
            let metrics = guarded.get("only-observe", "/metrics").await;
            if metrics.text().await.expect("text").contains(&line) {
                return;
            }
            tokio::time::sleep(POLL).await;
        }
    };
    tokio::time::timeout(DEADLINE, open)
        .await
        .expect("it opens");
}

/// Settings that know these keys, each of which may do everything.
fn knowing<'k>(keys: impl IntoIterator<Item = (&'k str, &'k NewKey)>) -> AccessSettings {
    let granted = |value: &str| Granted {
        value: value.to_owned(),
        place: "the test".to_owned(),
    };
    let entry = |(name, key): (&str, &NewKey)| {
        let entry = KeyEntry {
            place: "the test".to_owned(),
            keys: vec![key.hash()],
            roles: vec![granted("admin")],
            expires: None,
        };
        (name.to_owned(), entry)
    };
    AccessSettings {
        keys: keys.into_iter().map(entry).collect(),
        ..AccessSettings::default()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_ends_when_its_key_is_taken_away() {
    let [a, b] = [(); 2].map(|()| NewKey::generate().expect("randomness"));
    let folder = TempDir::new().expect("a temporary folder");
    let config = NodeConfig {
        access: knowing([("a", &a), ("b", &b)]),
        ..config(folder.path())
    };
    let node = Node::start(config, free_ports().await).await;
    let node = node.expect("the node starts");
    let (access, api) = (
        node.access().clone(),
        Api::new(format!("http://{}", node.address())),
    );
    let stop = CancellationToken::new();
    let running = tokio::spawn(node.run(stop.clone()));

    let stream = api
        .request(Method::GET, "/v1/events")
        .query(&[("access_token", a.reveal())]);
    let stream = stream.send().await.expect("an answer");
    assert_eq!(stream.status(), StatusCode::OK);
    let mut command = hearken(folder.path(), &["listen", "--host", &api.url]);
    command.env("HEARKEN_KEY", a.reveal());
    let listening = command.spawn().expect("the program is there");
    let of_b = |path: &str| api.request(Method::GET, path).bearer_auth(b.reveal());
    let open = async {
        loop {
            let metrics = of_b("/metrics").send().await.expect("an answer");
            let text = metrics.text().await.expect("text");
            if text.contains("hearken_http_open{kind=\"stream\"} 2\n") {
                return;
            }
            tokio::time::sleep(POLL).await;
        }
    };
    tokio::time::timeout(DEADLINE, open)
        .await
        .expect("both are open");
    access
        .replace(knowing([("b", &b)]))
        .expect("settings that hold");
    let taken = tokio::time::Instant::now();

    let whole = async {
        let mut text = String::new();
        let mut stream = stream.bytes_stream();
        while let Some(Ok(piece)) = stream.next().await {
            text.push_str(&String::from_utf8_lossy(&piece));
        }
        text
    };
    let text = tokio::time::timeout(DEADLINE, whole)
        .await
        .expect("it ends");
    assert!(
        taken.elapsed() < Duration::from_secs(1),
        "{:?}",
        taken.elapsed()
    );
    assert!(text.contains("event: access-ended\n"), "{text}");
    assert!(text.contains("the key was removed"), "{text}");
    let ended = tokio::time::timeout(DEADLINE, listening.wait_with_output()).await;
    let ended = ended.expect("it ends").expect("it ran");
    assert_eq!(ended.status.code(), Some(1));
    let said = String::from_utf8_lossy(&ended.stderr).into_owned();
    assert!(
        said.contains("ended the stream: the key was removed"),
        "{said}"
    );

    let gone = api
        .request(Method::GET, "/v1/events")
        .bearer_auth(a.reveal());
    let gone = gone.send().await.expect("an answer");
    assert_eq!(gone.status(), StatusCode::UNAUTHORIZED);
    let still = of_b("/v1/whoami").send().await.expect("an answer");
    assert_eq!(still.status(), StatusCode::OK);
    stop.cancel();
    let ended = tokio::time::timeout(DEADLINE, running)
        .await
        .expect("it drains");
    ended.expect("no panic").expect("it ends well");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_is_taken_out_of_the_file_holds_no_longer() {
    let roles = [
        ("gone".to_owned(), line("listen")),
        ("stays".to_owned(), line("listen")),
    ];
    let guarded = Guarded::start(&roles).await;
    let stream = guarded.get("gone", "/v1/events").await;
    let mut events = Events::new(stream);
    let left = guarded.keys.iter().filter(|(name, _)| name == "stays");
    let text = configuration(&roles, left);
    let file = guarded.folder.path().join("hearken.toml");
    let new = file.with_extension("new");
    std::fs::write(&new, text).expect("a new file");
    std::fs::rename(new, file).expect("in the same folder");
    let last = events.message().await.expect("it says why");
    assert_eq!(last.name, "access-ended");
    assert_eq!(last.data["reason"], "the key was removed");
    let again = guarded.get("gone", "/v1/events").await;
    assert_eq!(again.status(), StatusCode::UNAUTHORIZED);
    let stays = guarded.get("stays", "/v1/whoami").await;
    assert_eq!(stays.status(), StatusCode::OK);
    // Neither key is in the log.
    let log = Value::from(guarded.node.log()).to_string();
    for name in ["gone", "stays"] {
        assert!(!log.contains(&guarded.key(name)), "a key is in the log");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn commands_are_told_in_the_log_and_refusals_as_events() {
    let roles = [
        ("ops".to_owned(), line("operate")),
        ("watch".to_owned(), line("listen")),
    ];
    let guarded = Guarded::start(&roles).await;
    let stream = guarded.get("watch", "/v1/events?type=access.denied").await;
    let mut events = Events::new(stream);
    let answer = guarded.run(Some("ops"), &["plugin", "pause", "none"]).await;
    assert_eq!(answer.code, 1, "{answer:?}");
    let line = guarded
        .node
        .logged(|line| line["target"] == "hearken::audit")
        .await;
    assert_eq!(line["principal"], "key:ops");
    assert_eq!(line["path"], "/v1/plugins/none/pause");
    assert_eq!(line["status"], 404);

    let answer = guarded.run(Some("ops"), &["send", "t"]).await;
    assert_eq!(answer.code, 1, "{answer:?}");
    let event = events.next().await;
    assert_eq!(event["subject"], "key:ops");
    assert_eq!(event["data"]["right"], "publish custom.t");
    let whoami: Value = guarded
        .get("watch", "/v1/whoami")
        .await
        .json()
        .await
        .expect("JSON");
    assert_eq!(whoami["principal"], "key:watch");
    assert_eq!(whoami["rights"]["listen"], json!(["*"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn beyond_loopback_a_node_needs_credentials_or_to_be_told() {
    let folder = TempDir::new().expect("a temporary folder");
    let key = NewKey::generate().expect("randomness");
    let keys = [("a".to_owned(), key)];
    let roles = [("a".to_owned(), line("observe"))];
    let file = folder.path().join("hearken.toml");
    std::fs::write(&file, configuration(&roles, &keys)).expect("a new file");
    let file = file.display().to_string();
    let arguments = ["run", "--config", &file, "--listen", "0.0.0.0:0"];
    let answer = run(hearken(folder.path(), &arguments)).await;
    assert_eq!(answer.code, 2, "{answer:?}");
    assert!(
        answer.stderr.contains("--http-allow-plaintext"),
        "{answer:?}"
    );
    assert!(
        !answer.stderr.contains("--allow-unauthenticated"),
        "{answer:?}"
    );
    let told = [
        "--config",
        &file,
        "--listen",
        "0.0.0.0:0",
        "--http-allow-plaintext",
    ];
    let node = NodeProcess::start([], &told).await;
    // The unspecified address is none that a node answers to.
    let url = node.url.replace("0.0.0.0", "127.0.0.1");
    let answer = node.hearken(&["nodes", "--host", &url]).await;
    assert!(answer.stderr.contains(" answered 401 "), "{answer:?}");
}
