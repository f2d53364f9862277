//! The program as its users run it.

use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;
use tokio::process::{Child, Command};

use super::api::Api;
use super::engines;
use super::guests;
use super::lines::Lines;
use super::plugin::Plugin;
use super::{COMPILED, DEADLINE, POLL};

/// What a command left behind.
#[derive(Debug)]
pub struct Answer {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

/// `hearken` in a folder, without what the test's own environment configures.
pub fn hearken(folder: &Path, arguments: &[&str]) -> Command {
    hearken_by(&[], folder, arguments)
}

/// As [`hearken`], run by a program that is given the command.
fn hearken_by(program: &[&str], folder: &Path, arguments: &[&str]) -> Command {
    let all = [program, &[env!("CARGO_BIN_EXE_hearken")], arguments].concat();
    let mut command = command(all[0], folder, &all[1..]);
    // What is compiled for one command is there for the next, and not in anybody's home.
    command.env(
        "XDG_CACHE_HOME",
        Path::new(env!("CARGO_TARGET_TMPDIR")).join("cache"),
    );
    for (name, _) in std::env::vars_os() {
        if name.as_encoded_bytes().starts_with(b"HEARKEN_") {
            command.env_remove(name);
        }
    }
    command
}

/// As [`hearken`], for commands that compile. What they compile is kept in the
/// target folder of these tests, so that it is compiled once.
pub fn compiling(folder: &Path, arguments: &[&str]) -> Command {
    guests::ensure_target();
    kept(hearken(folder, arguments))
}

/// `cargo` in a folder, as `hearken` calls it.
pub fn cargo(folder: &Path, arguments: &[&str]) -> Command {
    kept(command("cargo", folder, arguments))
}

fn kept(mut compiling: Command) -> Command {
    compiling
        .env("CARGO_TARGET_DIR", guests::target_folder())
        .env("CARGO_TERM_COLOR", "never");
    compiling
}

fn command(program: &str, folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(program);
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
pub async fn run(command: Command) -> Answer {
    run_within(DEADLINE, command).await
}

/// As [`run`], for commands that compile.
pub async fn run_compiling(command: Command) -> Answer {
    run_within(COMPILED, command).await
}

async fn run_within(within: Duration, mut command: Command) -> Answer {
    let output = tokio::time::timeout(within, command.output())
        .await
        .expect("the command ends")
        .expect("the program is there");
    Answer {
        code: output.status.code().expect("it was not killed"),
        stdout: String::from_utf8(output.stdout).expect("UTF-8"),
        stderr: String::from_utf8(output.stderr).expect("UTF-8"),
    }
}

/// What a node says before its address when it takes events.
const LISTENING: &str = "Listening on ";

/// A node in a process of its own; dropping it kills it.
pub struct NodeProcess {
    api: Api,
    child: Child,
    folder: TempDir,
    stdout: Lines<String>,
    /// Stderr; lines that are not of the log, which is JSON as there is no
    /// terminal but for `hearken dev`, are strings.
    log: Lines<Value>,
}

impl NodeProcess {
    /// Runs `hearken run` with these plugins and further arguments, and waits
    /// until it serves.
    pub async fn start(plugins: impl IntoIterator<Item = Plugin>, arguments: &[&str]) -> Self {
        Self::start_by(&[], plugins, arguments).await
    }

    /// As [`NodeProcess::start`], by a program that is given the command.
    pub async fn start_by(
        program: &[&str],
        plugins: impl IntoIterator<Item = Plugin>,
        arguments: &[&str],
    ) -> Self {
        let folder = TempDir::new().expect("a temporary folder");
        engines::place(plugins, &folder.path().join("plugins"), folder.path()).await;
        Self::run_in(program, folder, arguments).await
    }

    /// Runs `hearken run` in a folder that a node has left, and waits until it serves.
    pub async fn start_again(folder: TempDir, arguments: &[&str]) -> Self {
        Self::run_in(&[], folder, arguments).await
    }

    async fn run_in(program: &[&str], folder: TempDir, arguments: &[&str]) -> Self {
        let mut all = vec!["run"];
        for (flag, value) in [
            ("--node", "test"),
            ("--listen", "127.0.0.1:0"),
            ("--cluster-listen", "127.0.0.1:0"),
        ] {
            if !arguments.contains(&flag) {
                all.extend([flag, value]);
            }
        }
        all.extend(arguments);
        let command = hearken_by(program, folder.path(), &all);
        Self::serving(command, folder, DEADLINE, LISTENING).await
    }

    /// Runs `hearken dev` in a folder whose `plugins` has crates, and waits until
    /// it serves.
    pub async fn dev(folder: TempDir) -> Self {
        Self::dev_until(folder, LISTENING).await
    }

    /// As [`NodeProcess::dev`], but waits only until it says where it will serve.
    pub async fn building(folder: TempDir) -> Self {
        Self::dev_until(folder, " serves on ").await
    }

    async fn dev_until(folder: TempDir, greeting: &str) -> Self {
        let free = "127.0.0.1:0";
        let arguments = [
            "dev",
            "--node",
            "test",
            "--listen",
            free,
            "--cluster-listen",
            free,
        ];
        let command = compiling(folder.path(), &arguments);
        Self::serving(command, folder, COMPILED, greeting).await
    }

    /// Waits until the node's address follows `greeting` on a line.
    async fn serving(
        mut command: Command,
        folder: TempDir,
        within: Duration,
        greeting: &str,
    ) -> Self {
        let mut child = command.spawn().expect("the program is there");
        let stderr = child.stderr.take().expect("it is piped");
        let stdout = child.stdout.take().expect("it is piped");
        let stdout = Lines::of(stdout, |line| line);
        let log = Lines::of(stderr, |line| {
            serde_json::from_str(&line).unwrap_or(Value::String(line))
        });
        let greeted = stdout.find(within, |line| line.contains(greeting));
        let Some(line) = greeted.await else {
            panic!("the node ended: {:#?}", log.all().await);
        };
        let (_, after) = line.split_once(greeting).expect("looked for");
        let url = after.split_whitespace().next().expect("the address");
        let url = url.trim_end_matches('.').to_owned();
        Self {
            api: Api::new(url),
            child,
            folder,
            stdout,
            log,
        }
    }

    /// The number of the process.
    pub fn id(&self) -> u32 {
        self.child.id().expect("it still runs")
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
        let pid = self.id().to_string();
        let sent = Command::new("kill").args(["-s", signal, &pid]).status();
        assert!(sent.await.expect("every Unix has `kill`").success());
    }

    /// Has the node stand still, whatever it is doing, until it is sent `CONT`.
    pub async fn stand_still(&self) {
        self.signal("STOP").await;
        let threads = format!("/proc/{}/task", self.id());
        let stands = |thread: std::io::Result<std::fs::DirEntry>| {
            let file = thread.expect("it is there").path().join("stat");
            // A thread that has ended has none.
            let state = std::fs::read_to_string(file).unwrap_or_default();
            // Behind its name, which is in brackets.
            let state = state.rsplit_once(") ").map(|(_, state)| state);
            state.is_none_or(|state| state.starts_with('T'))
        };
        let all_stand = || {
            let mut threads = std::fs::read_dir(&threads).expect("it is there");
            threads.all(stands)
        };
        while !all_stand() {
            tokio::time::sleep(POLL).await;
        }
    }

    /// The number of its process.
    pub fn pid(&self) -> u32 {
        self.child.id().expect("it still runs")
    }

    /// Kills the node, which has no time to say anything.
    pub async fn kill(mut self) {
        self.child.kill().await.expect("it still runs");
    }

    /// Kills the node, which has no time to say anything; returns its folder.
    pub async fn killed(mut self) -> TempDir {
        self.child.kill().await.expect("it still runs");
        self.folder
    }

    /// Stops the node, and waits until it has ended well; returns its folder.
    pub async fn stopped(mut self) -> TempDir {
        self.signal("TERM").await;
        let ended = tokio::time::timeout(DEADLINE, self.child.wait()).await;
        let status = ended.expect("the node ends").expect("it can be waited for");
        assert!(status.success(), "{:#?}", self.log());
        self.folder
    }

    /// `HOST:PORT` at which the node listens for others.
    pub async fn cluster_address(&self) -> String {
        let line = self
            .logged(|line| line["message"] == "listening for other nodes")
            .await;
        line["address"].as_str().expect("an address").to_owned()
    }

    /// Waits for the node to end; returns its exit code and all that it logged.
    pub async fn ended(mut self) -> (i32, Vec<Value>) {
        let status = tokio::time::timeout(DEADLINE, self.child.wait())
            .await
            .expect("the node ends")
            .expect("it can be waited for");
        let code = status.code().expect("it ended by itself");
        (code, self.log.all().await)
    }

    /// The first line of the log that is wanted; waits for it.
    pub async fn logged(&self, wanted: impl Fn(&Value) -> bool) -> Value {
        self.log.until(DEADLINE, wanted).await
    }

    /// Waits until one line of the log has all of these.
    pub async fn says(&self, texts: &[&str]) {
        let has_all = |line: &Value| {
            let line = line.to_string();
            texts.iter().all(|text| line.contains(text))
        };
        self.logged(has_all).await;
    }

    /// The first line of the compiler, or about what is compiled, that has this
    /// text; waits for it.
    pub async fn compiled(&self, text: &str) -> String {
        let has = |line: &Value| line.as_str().is_some_and(|line| line.contains(text));
        let line = self.log.until(COMPILED, has).await;
        line.as_str().expect("looked for").to_owned()
    }

    /// What was logged until now.
    pub fn log(&self) -> Vec<Value> {
        self.log.so_far()
    }

    /// The first line on stdout that is wanted; waits for it.
    pub async fn said(&self, wanted: impl Fn(&str) -> bool) -> String {
        self.stdout.until(DEADLINE, |line| wanted(line)).await
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
