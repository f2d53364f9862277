//! A terminal in which the commands of one page are typed.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::task::AbortOnDropHandle;

use crate::expected::shown;
use crate::support::api::Api;
use crate::support::lines::Lines;
use crate::support::process::NodeProcess;
use crate::support::{DEADLINE, POLL};

/// Where a node listens unless it is told.
const HTTP: &str = "127.0.0.1:7070";
const CLUSTER: &str = "127.0.0.1:7071";

/// A terminal in a folder of its own.
pub struct Shell {
    folder: PathBuf,
    /// Addresses as the page has them, and where that is here.
    addresses: Vec<(String, String)>,
    /// The nodes that the page's commands have started.
    nodes: Vec<(Api, Child)>,
    /// What runs in the background, and the lines of all of it.
    background: Vec<(Child, AbortOnDropHandle<()>)>,
    heard: watch::Sender<Vec<String>>,
    /// How many of these the page has shown.
    used: usize,
}

impl Shell {
    pub fn new(folder: &Path, node: Option<&NodeProcess>) -> Self {
        let addresses = node.map(|node| (HTTP.to_owned(), address(&node.url)));
        Self {
            folder: folder.to_owned(),
            addresses: addresses.into_iter().collect(),
            nodes: Vec::new(),
            background: Vec::new(),
            heard: watch::Sender::new(Vec::new()),
            used: 0,
        }
    }

    /// Runs a command as it stands on a page, and compares what the terminal shows.
    pub async fn run(&mut self, command: &str, expected: &[&str]) {
        let (text, code) = match command.rsplit_once("# exits ") {
            Some((_, code)) => (command, code.trim().parse().expect("an exit code")),
            None => (command, 0),
        };
        let expected: Vec<&str> = without_blank(expected.iter().copied());
        if let Some(text) = text.strip_suffix(" &") {
            if text.starts_with("hearken run") {
                self.start_node(text).await;
            } else {
                self.start(text).await;
            }
            return self.shows(command, &[], &expected).await;
        }
        // What a node shows of itself comes about a moment later.
        let looks = [
            "hearken nodes",
            "hearken plugin list",
            "hearken plugin show",
        ];
        let looks = looks.iter().any(|look| text.starts_with(look));
        let deadline = Instant::now() + DEADLINE;
        let said = loop {
            let (ended, said) = self.end(text).await;
            assert_eq!(ended, code, "`{command}` said:\n{said}");
            let lines: Vec<&str> = without_blank(said.lines());
            let settled = !looks || shown(&expected, &lines, &[]).is_some();
            if settled || Instant::now() > deadline {
                break said;
            }
            tokio::time::sleep(POLL).await;
        };
        let said: Vec<&str> = without_blank(said.lines());
        self.shows(command, &said, &expected).await;
    }

    /// Fails if something was shown that the page does not have.
    pub fn close(self) {
        let heard = self.heard.borrow();
        let more = &heard[self.used..];
        assert!(more.is_empty(), "the page does not show {more:#?}");
    }

    /// Waits until what a command said and what the background says make up `expected`.
    async fn shows(&mut self, command: &str, said: &[&str], expected: &[&str]) {
        let used = self.used;
        let mut heard = self.heard.subscribe();
        let mut more = 0;
        let complete = heard.wait_for(|heard| {
            let heard: Vec<&str> = heard[used..].iter().map(String::as_str).collect();
            match shown(expected, said, &heard) {
                Some(used) => {
                    more = used;
                    true
                }
                None => false,
            }
        });
        // Where nothing runs in the background there is nothing to wait for.
        let longest = if self.background.is_empty() {
            Duration::ZERO
        } else {
            DEADLINE
        };
        if tokio::time::timeout(longest, complete).await.is_err() {
            let heard = &self.heard.borrow()[used..];
            panic!("`{command}` said {said:#?}, the background {heard:#?}, not {expected:#?}");
        }
        self.used += more;
    }

    /// Runs a command to its end: its exit code and what it said.
    async fn end(&self, text: &str) -> (i32, String) {
        let text = self.here(text);
        let mut command = self.sh(&format!("exec 2>&1\n{text}"));
        let output = tokio::time::timeout(DEADLINE, command.output()).await;
        let output = output.expect("the command ends").expect("`sh` is there");
        let said = String::from_utf8(output.stdout).expect("UTF-8");
        let code = output.status.code().expect("it was not killed");
        (code, self.as_printed(said))
    }

    /// Starts a command that hears events, and waits until it does.
    async fn start(&mut self, text: &str) {
        let text = self.here(text);
        let node = match text.split_once("http://") {
            Some((_, rest)) => rest.split(['/', ' ']).next().expect("an address"),
            None => &*self.address(HTTP),
        };
        let node = Api::new(format!("http://{node}"));
        let streams = streams_of(&node).await;
        let mut command = self.sh(&format!("exec {text} 2>&1"));
        let mut child = command.spawn().expect("`sh` is there");
        let output = child.stdout.take().expect("it is piped");
        let reading = read(output, self.heard.clone(), self.addresses.clone());
        self.background
            .push((child, AbortOnDropHandle::new(tokio::spawn(reading))));
        let until = async |count: u64| {
            while streams_of(&node).await != count {
                tokio::time::sleep(POLL).await;
            }
        };
        let heard = async {
            until(streams + 1).await;
            // Other nodes know of it once they know of one that came after it.
            drop(node.listen("custom.none").await);
            until(streams + 1).await;
        };
        let heard = tokio::time::timeout(DEADLINE, heard).await;
        heard.unwrap_or_else(|_| panic!("`{text}` does not listen"));
    }

    /// Starts a node at free ports, and waits until it is linked to those before it.
    async fn start_node(&mut self, text: &str) {
        let flag = |flag: &str| {
            let mut words = text.split_whitespace();
            words.find(|word| *word == flag).and(words.next())
        };
        let http = flag("--listen").unwrap_or(HTTP).to_owned();
        let cluster = flag("--cluster-listen").unwrap_or(CLUSTER).to_owned();
        let text = self.here(text).replace(&http, "127.0.0.1:0");
        let mut command = self.sh(&format!("exec {text} 2>/dev/null"));
        command
            .env("HEARKEN_LISTEN", "127.0.0.1:0")
            .env("HEARKEN_CLUSTER_LISTEN", "127.0.0.1:0");
        let mut child = command.spawn().expect("`sh` is there");
        let said = Lines::of(child.stdout.take().expect("it is piped"), |line| line);
        let after = async |words: &str| {
            let line = said.until(DEADLINE, |line| line.contains(words)).await;
            let (_, rest) = line.split_once(words).expect("looked for");
            let word = rest.split(' ').next().expect("there is a first part");
            word.trim_end_matches('.').to_owned()
        };
        let url = after("Listening on ").await;
        self.addresses.push((http, address(&url)));
        // Nobody can name an address that the page leaves open.
        if !cluster.ends_with(":0") {
            let here = after("machine connect to ").await;
            self.addresses.push((cluster, here));
        }
        self.nodes.push((Api::new(url), child));
        let linked = async {
            for (node, _) in &self.nodes {
                while connected(node).await + 1 < self.nodes.len() {
                    tokio::time::sleep(POLL).await;
                }
            }
        };
        let linked = tokio::time::timeout(DEADLINE, linked).await;
        linked.expect("the nodes join each other");
    }

    fn sh(&self, text: &str) -> Command {
        let mut command = Command::new("sh");
        for (name, _) in std::env::vars_os() {
            if name.as_encoded_bytes().starts_with(b"HEARKEN_") {
                command.env_remove(name);
            }
        }
        let hearken = Path::new(env!("CARGO_BIN_EXE_hearken")).parent();
        let hearken = hearken.expect("it is in a folder").display();
        let others = std::env::var("PATH").expect("there is a PATH");
        command
            .args(["-c", text])
            .current_dir(&self.folder)
            .env("PATH", format!("{hearken}:{others}"))
            .env("HEARKEN_HOST", format!("http://{}", self.address(HTTP)))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .kill_on_drop(true);
        command
    }

    /// Where an address of the page is here.
    fn address(&self, shown: &str) -> String {
        let mut known = self.addresses.iter();
        let known = known.find(|(page, _)| page == shown);
        known.map_or(shown, |(_, here)| here).to_owned()
    }

    /// A command of the page with the addresses that it has here.
    fn here(&self, text: &str) -> String {
        let replace = |text: String, (page, here): &(String, String)| text.replace(page, here);
        self.addresses.iter().fold(text.to_owned(), replace)
    }

    fn as_printed(&self, text: String) -> String {
        as_printed(&self.addresses, text)
    }
}

/// What was said here with the addresses of the page.
fn as_printed(addresses: &[(String, String)], text: String) -> String {
    let replace = |text: String, (page, here): &(String, String)| text.replace(here, page);
    addresses.iter().fold(text, replace)
}

/// Keeps the lines of a command in the background.
async fn read(
    output: impl AsyncRead + Unpin,
    heard: watch::Sender<Vec<String>>,
    addresses: Vec<(String, String)>,
) {
    let mut lines = BufReader::new(output).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        if !line.trim().is_empty() {
            heard.send_modify(|heard| heard.push(as_printed(&addresses, line)));
        }
    }
}

fn without_blank<'a>(lines: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    lines.filter(|line| !line.trim().is_empty()).collect()
}

fn address(url: &str) -> String {
    url.trim_start_matches("http://").to_owned()
}

/// How many event streams a node has.
async fn streams_of(node: &Api) -> u64 {
    let metrics = node.get("/metrics").await.text().await.expect("text");
    let mut lines = metrics.lines();
    let count = lines.find_map(|line| line.strip_prefix("hearken_receivers{kind=\"stream\"} "));
    count.map_or(0, |count| count.parse().expect("a number"))
}

/// To how many other nodes a node is linked.
async fn connected(node: &Api) -> usize {
    let text = node.get("/v1/nodes").await.text().await.expect("text");
    text.matches("\"connected\"").count()
}
