//! A stand-in for a node, and the command as a process.

use std::process::Stdio;
use std::time::Duration;

use axum::Router;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;
use tokio::process::{Child, Command};
use tokio::task::JoinHandle;

/// Bounds every command of a test that has gone wrong.
const DEADLINE: Duration = Duration::from_secs(60);

/// A server that lives as long as its test.
pub struct Node {
    pub url: String,
    task: JoinHandle<()>,
}

impl Node {
    pub async fn start(router: Router) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("a bound socket");
        let task = tokio::spawn(async move {
            axum::serve(listener, router).await.expect("served");
        });
        Self {
            url: format!("http://{address}"),
            task,
        }
    }

    /// Runs `hearken` against this node.
    pub async fn hearken(&self, arguments: &[&str]) -> Answer {
        hearken(&self.url, arguments, None).await
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// What a command left behind.
#[derive(Debug)]
pub struct Answer {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

/// `hearken` as a process that has yet to start.
pub fn command(host: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hearken"));
    command
        .args(arguments)
        .env("HEARKEN_HOST", host)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    command
}

/// Runs `hearken` to its end.
pub async fn hearken(host: &str, arguments: &[&str], stdin: Option<&str>) -> Answer {
    let mut command = command(host, arguments);
    if stdin.is_some() {
        command.stdin(Stdio::piped());
    }
    let mut child = command.spawn().expect("the binary runs");
    if let (Some(text), Some(mut pipe)) = (stdin, child.stdin.take()) {
        pipe.write_all(text.as_bytes()).await.expect("it is read");
    }
    end(child).await
}

/// Waits for a process to end.
pub async fn end(child: Child) -> Answer {
    let output = tokio::time::timeout(DEADLINE, child.wait_with_output())
        .await
        .expect("the command ends")
        .expect("its output is read");
    Answer {
        code: output.status.code().expect("it was not killed"),
        stdout: String::from_utf8(output.stdout).expect("UTF-8"),
        stderr: String::from_utf8(output.stderr).expect("UTF-8"),
    }
}
