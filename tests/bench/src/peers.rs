//! Other ways to run untrusted listeners, in a program of their own: see `peers/`.
//! It is built when it is first needed and takes one repetition at a time.

use std::cell::RefCell;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::rc::Rc;

use serde::{Deserialize, Serialize};

use crate::contest::{Contender, REPETITION, Repeat};
use crate::guests::{self, MODULE};

/// What the program measures.
pub(crate) const ROWS: [&str; 3] = ["peer/extism", "peer/fresh-instance", "limit/fresh-instance"];

/// Milliseconds of the repetition that shows whether a row can be measured.
const PROBE: u64 = 1;

/// One line to the program.
#[derive(Debug, Serialize)]
struct Request<'a> {
    row: &'a str,
    payload: usize,
    milliseconds: u64,
}

/// One line from the program.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Answer {
    NsPerEvent(f64),
    Unavailable(String),
}

/// The running program; it ends with its input.
struct Peers {
    child: Child,
    requests: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

/// All peers, in the order of the table.
pub(crate) fn contenders() -> Vec<Contender> {
    let peers = Peers::start().map(|peers| Rc::new(RefCell::new(peers)));
    ROWS.into_iter()
        .map(|row| {
            let repeat = match &peers {
                Ok(peers) => repeat(peers, row),
                Err(reason) => Err(reason.clone()),
            };
            Contender::new(row, repeat)
        })
        .collect()
}

fn repeat(peers: &Rc<RefCell<Peers>>, row: &'static str) -> Result<Repeat, String> {
    peers.borrow_mut().measure(row, 0, PROBE)?;
    let peers = Rc::clone(peers);
    let milliseconds = u64::try_from(REPETITION.as_millis()).expect("a short time");
    Ok(Box::new(move |payload| {
        peers
            .borrow_mut()
            .measure(row, payload, milliseconds)
            .unwrap_or_else(|reason| panic!("{row}: {reason}"))
    }))
}

impl Peers {
    /// Builds and starts the program.
    fn start() -> Result<Self, String> {
        guests::add_target(MODULE)?;
        eprintln!("building the peers, which takes minutes the first time");
        let program = build(&[], "hearken-bench-peers")?;
        let extism = build(
            &[
                "--package",
                "hearken-bench-extism-guest",
                "--target",
                MODULE,
            ],
            "hearken_bench_extism_guest",
        )?;
        let mut child = Command::new(program)
            .arg(extism)
            .arg(guests::component("measured-typed"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| format!("the program of the peers cannot be run: {error}"))?;
        let requests = child.stdin.take();
        let answers = child.stdout.take().expect("it is piped");
        Ok(Self {
            child,
            requests,
            answers: BufReader::new(answers),
        })
    }

    /// Nanoseconds an event.
    fn measure(&mut self, row: &str, payload: usize, milliseconds: u64) -> Result<f64, String> {
        let request = Request {
            row,
            payload,
            milliseconds,
        };
        let request = serde_json::to_string(&request).expect("a request is plain data");
        let requests = self.requests.as_mut().expect("open until it is dropped");
        let ended = |error| format!("the program of the peers has ended: {error}");
        writeln!(requests, "{request}").map_err(ended)?;
        let mut answer = String::new();
        self.answers.read_line(&mut answer).map_err(ended)?;
        match serde_json::from_str(&answer) {
            Ok(Answer::NsPerEvent(nanoseconds)) => Ok(nanoseconds),
            Ok(Answer::Unavailable(reason)) => Err(reason),
            Err(_) => Err("the program of the peers has ended; see above".to_owned()),
        }
    }
}

impl Drop for Peers {
    fn drop(&mut self) {
        drop(self.requests.take());
        let _ = self.child.wait();
    }
}

/// Builds a program of `peers/`, or whatever else `arguments` name there, and returns
/// the file that is made of the target `name`.
pub(crate) fn build(arguments: &[&str], name: &str) -> Result<PathBuf, String> {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("peers/Cargo.toml");
    let mut cargo = Command::new("cargo");
    cargo
        .args(["build", "--release", "--locked", "--manifest-path"])
        .arg(manifest)
        .arg("--target-dir")
        .arg(target_directory()?.join("peers"))
        .args(arguments);
    guests::artifact(&mut cargo, name)
}

/// Builds the clients of message brokers, and returns their program.
pub(crate) fn broker_clients() -> Result<PathBuf, String> {
    eprintln!("building the clients of the brokers, which takes a minute the first time");
    let name = "hearken-bench-brokers";
    build(&["--package", name], name)
}

/// The folder that cargo builds into, of which this program is a part.
pub(crate) fn target_directory() -> Result<PathBuf, String> {
    let program = std::env::current_exe().map_err(|error| error.to_string())?;
    let target = program.parent().and_then(Path::parent);
    target
        .map(Path::to_path_buf)
        .ok_or_else(|| format!("{} is not where cargo builds", program.display()))
}
