//! The program as its users run it.

use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, ChildStderr, Command};
use tokio::sync::watch;
use tokio_util::task::AbortOnDropHandle;

use super::api::Api;
use super::plugin::Plugin;
use super::{DEADLINE, POLL};

/// What a command left behind.
#[derive(Debug)]
pub struct Answer {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

/// `hearken` in a folder, without what the test's own environment configures.
pub fn hearken(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hearken"));
    for (name, _) in std::env::vars_os() {
        if name.as_encoded_bytes().starts_with(b"HEARKEN_") {
            command.env_remove(name);
        }
    }
    command
        .args(arguments)
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    command
}

/// Runs a command to its end.
pub async fn run(mut command: Command) -> Answer {
    let output = tokio::time::timeout(DEADLINE, command.output())
        .await
        .expect("the command ends")
        .expect("the program is there");
    Answer {
        code: output.status.code().expect("it was not killed"),
        stdout: String::from_utf8(output.stdout).expect("UTF-8"),
        stderr: String::from_utf8(output.stderr).expect("UTF-8"),
    }
}

/// A node in a process of its own; dropping it kills it.
pub struct NodeProcess {
    api: Api,
    child: Child,
    folder: TempDir,
    log: watch::Receiver<Vec<Value>>,
    _reading: AbortOnDropHandle<()>,
}

impl NodeProcess {
    /// Runs `hearken run` with these plugins and further arguments, and waits
    /// until it serves.
    pub async fn start(plugins: impl IntoIterator<Item = Plugin>, arguments: &[&str]) -> Self {
        let folder = TempDir::new().expect("a temporary folder");
        std::fs::create_dir(folder.path().join("plugins")).expect("a new folder");
        for plugin in plugins {
            plugin.place(&folder.path().join("plugins"));
        }
        let mut all = vec!["run", "--node", "test"];
        if !arguments.contains(&"--listen") {
            all.extend(["--listen", "127.0.0.1:0"]);
        }
        all.extend(arguments);
        let mut child = hearken(folder.path(), &all)
            .spawn()
            .expect("the program is there");
        let (lines, log) = watch::channel(Vec::new());
        let stderr = child.stderr.take().expect("it is piped");
        let reading = AbortOnDropHandle::new(tokio::spawn(read_log(stderr, lines)));
        let mut stdout = BufReader::new(child.stdout.take().expect("it is piped")).lines();
        let greeting = async {
            while let Some(line) = stdout.next_line().await.expect("UTF-8") {
                if let Some((_, url)) = line.split_once("Listening on ") {
                    let (url, _) = url.split_once(". ").expect("a sentence follows");
                    return url.to_owned();
                }
            }
            panic!("the node ended: {:#?}", log.borrow());
        };
        let url = tokio::time::timeout(DEADLINE, greeting)
            .await
            .expect("the node serves");
        Self {
            api: Api::new(url),
            child,
            folder,
            log,
            _reading: reading,
        }
    }

    /// The folder that the node runs in.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The plugins folder.
    pub fn plugins(&self) -> PathBuf {
        self.folder().join("plugins")
    }

    /// A command that asks this node.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = hearken(self.folder(), arguments);
        command.env("HEARKEN_HOST", &self.url);
        command
    }

    /// Runs a command that asks this node to its end.
    pub async fn hearken(&self, arguments: &[&str]) -> Answer {
        run(self.command(arguments)).await
    }

    /// Sends the node a signal, e.g. `TERM`.
    pub async fn signal(&self, signal: &str) {
        let pid = self.child.id().expect("it still runs").to_string();
        let sent = Command::new("kill").args(["-s", signal, &pid]).status();
        assert!(sent.await.expect("every Unix has `kill`").success());
    }

    /// Waits for the node to end; returns its exit code and all that it logged.
    pub async fn ended(mut self) -> (i32, Vec<Value>) {
        let status = tokio::time::timeout(DEADLINE, self.child.wait())
            .await
            .expect("the node ends")
            .expect("it can be waited for");
        // Closed once the last line was read.
        let _ = tokio::time::timeout(DEADLINE, self.log.wait_for(|_| false)).await;
        let log = self.log.borrow().clone();
        (status.code().expect("it ended by itself"), log)
    }

    /// The first line of the log that is wanted; waits for it.
    pub async fn logged(&self, wanted: impl Fn(&Value) -> bool) -> Value {
        let mut log = self.log.clone();
        let found = log.wait_for(|lines| lines.iter().any(&wanted));
        let found = tokio::time::timeout(DEADLINE, found).await;
        let lines = match found {
            Ok(Ok(lines)) => lines.clone(),
            _ => panic!("it is not logged: {:#?}", self.log.borrow()),
        };
        lines.into_iter().find(&wanted).expect("it was there")
    }

    /// Waits until the node has so many receivers of a kind.
    pub async fn receivers(&self, kind: &str, count: u64) {
        let line = format!("hearken_receivers{{kind=\"{kind}\"}} {count}\n");
        let waiting = async {
            loop {
                let metrics = self.get("/metrics").await;
                if metrics.text().await.expect("text").contains(&line) {
                    return;
                }
                tokio::time::sleep(POLL).await;
            }
        };
        tokio::time::timeout(DEADLINE, waiting)
            .await
            .expect("the receivers are there");
    }
}

impl Deref for NodeProcess {
    type Target = Api;

    fn deref(&self) -> &Api {
        &self.api
    }
}

/// Collects the lines of the log, which is JSON as there is no terminal.
async fn read_log(stderr: ChildStderr, log: watch::Sender<Vec<Value>>) {
    let mut lines = BufReader::new(stderr).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        let line = serde_json::from_str(&line).unwrap_or(Value::String(line));
        log.send_modify(|lines| lines.push(line));
    }
}
