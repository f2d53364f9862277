//! `cargo run --release -p hearken-bench -- SUITE [--json]`: one run measures
//! everything in a suite side by side, several repetitions interleaved, and
//! shows medians with the smallest and the largest.

mod contest;
mod guests;
mod languages;
mod limits;
mod node;
mod peers;
mod process;
mod report;
mod servers;
mod serving;
mod suites;
mod sustained;
mod usage;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::builder::TypedValueParser;
use clap::{Args, Parser, ValueEnum};

use hearken::config::LogConfig;
use hearken_bench_stopwatch::sleep;
use report::Report;
use suites::channels;
use suites::cluster;
use suites::load::idle;
use suites::sessions;
use suites::streams;

/// The allocator of the `hearken` command.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// What Hearken costs.
#[derive(Debug, Parser)]
struct Bench {
    /// What to measure
    #[arg(required_unless_present_any = ["idle_node", "stream_node", "cluster_node", "channel_node", "channel_client", "session_node", "session_part"])]
    suite: Option<Suite>,

    /// One JSON object a line instead of a table
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    options: Options,

    /// Run a node of idle plugins in this folder and print what it takes
    #[arg(long, hide = true)]
    idle_node: Option<PathBuf>,

    /// Run a node for event streams in this folder
    #[arg(long, hide = true)]
    stream_node: Option<PathBuf>,

    /// Run a node with channels in this folder
    #[arg(long, hide = true)]
    channel_node: Option<PathBuf>,

    /// Append to channels of the node at this address, and read them, by tasks on stdin
    #[arg(long, hide = true)]
    channel_client: Option<SocketAddr>,

    /// Run a node with sessions in this folder
    #[arg(long, hide = true)]
    session_node: Option<PathBuf>,

    /// Take tasks of the suite `sessions` on stdin
    #[arg(long, hide = true)]
    session_part: Option<sessions::Part>,

    /// Run a node of a cluster that takes tasks on stdin
    #[arg(long, hide = true)]
    cluster_node: Option<cluster::Role>,

    /// The node to join
    #[arg(long, hide = true, value_name = "HOST:PORT")]
    join: Option<String>,
}

/// How a suite is measured.
#[derive(Clone, Debug, Args)]
struct Options {
    /// How often each measurement is taken
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..).map(usize::from))]
    repetitions: usize,

    /// Measure only the rows of `dispatch`, `guests`, `cluster`, `channels` and sessions whose names begin
    /// so, e.g. `hearken`; the peers take minutes to build
    #[arg(long, value_name = "NAME", default_value = "")]
    only: String,

    /// Bytes of data of an event in `dispatch`, instead of several sizes one after the other
    #[arg(long, value_name = "BYTES")]
    payload: Option<usize>,

    /// Sessions of the largest rows of `sessions`; others have a tenth and a hundredth of them, and
    /// each node of `sessions-cluster` a tenth
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(10..).map(|count| count as usize))]
    sessions: usize,
}

impl Options {
    /// Whether the row `name` is to be measured.
    fn wants(&self, name: &str) -> bool {
        name.starts_with(&self.only)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Suite {
    /// Throughput: from `publish` on one thread to handled in the guest
    Dispatch,
    /// Time from `publish` to handled at 10,000 events/s, alone and beside neighbours
    Latency,
    /// Publishing to one of many receivers
    Routing,
    /// Loading and reloading plugins, and the memory of idle ones
    Load,
    /// The same listener in several languages: from a save to live, idle instances, and events
    Guests,
    /// One event to many event streams over HTTP, and the memory of idle ones
    Streams,
    /// Publishing over HTTP to a node that asks nobody who they are, and with a key and a token
    Http,
    /// Events from one node to others, beside message brokers
    Cluster,
    /// What sessions ask plugins
    Hooks,
    /// Appending to channels and reading them, beside the disk and logs of message brokers
    Channels,
    /// One event to many sessions, connecting them, and what an idle one takes, beside other
    /// servers and a loop of writes
    Sessions,
    /// The same on three nodes, beside three servers of NATS
    SessionsCluster,
    /// All of them
    All,
}

fn main() -> ExitCode {
    // The nodes in here have their plugins compiled by this program, as others by theirs, and
    // what authors do is measured with their commands.
    let command = std::env::args().nth(1);
    if matches!(
        command.as_deref(),
        Some("compile-worker" | "engine" | "plugin")
    ) {
        return hearken::cli::main();
    }
    let Bench {
        suite,
        json,
        options,
        idle_node,
        stream_node,
        channel_node,
        channel_client,
        session_node,
        session_part,
        cluster_node,
        join,
    } = Bench::parse();
    log_as_a_node_does();
    let nodes = [&idle_node, &stream_node, &channel_node, &session_node];
    if nodes.iter().any(|node| node.is_some()) || cluster_node.is_some() {
        // As the command does; this one's children that are no nodes have what the system gives.
        hearken::pages::keep_small();
    }
    if let Some(folder) = idle_node {
        idle::run_node(&folder);
        return ExitCode::SUCCESS;
    }
    if let Some(folder) = stream_node {
        streams::run_node(&folder);
        return ExitCode::SUCCESS;
    }
    if let Some(folder) = channel_node {
        channels::run_node(&folder);
        return ExitCode::SUCCESS;
    }
    if let Some(node) = channel_client {
        channels::run_client(node);
        return ExitCode::SUCCESS;
    }
    if let Some(folder) = session_node {
        sessions::run_node(&folder);
        return ExitCode::SUCCESS;
    }
    if let Some(part) = session_part {
        sessions::run_part(part);
        return ExitCode::SUCCESS;
    }
    if let Some(role) = cluster_node {
        cluster::run_node(role, join.as_deref());
        return ExitCode::SUCCESS;
    }
    let suite = suite.unwrap_or(Suite::All);
    let mut report = Report::new(json);
    for (name, run) in [
        (
            Suite::Dispatch,
            suites::dispatch::run as fn(&mut Report, &Options),
        ),
        (Suite::Latency, suites::latency::run),
        (Suite::Routing, suites::routing::run),
        (Suite::Load, suites::load::run),
        (Suite::Guests, suites::guests::run),
        (Suite::Streams, suites::streams::run),
        (Suite::Http, suites::http::run),
        (Suite::Cluster, suites::cluster::run),
        (Suite::Hooks, suites::hooks::run),
        (Suite::Channels, suites::channels::run),
        (Suite::Sessions, suites::sessions::run),
        (Suite::SessionsCluster, suites::sessions::cluster::run),
    ] {
        if suite == name || suite == Suite::All {
            run(&mut report, &options);
        }
    }
    report.finish();
    ExitCode::SUCCESS
}

/// Logs with what that costs, but to nowhere: what plugins print would hide the results.
fn log_as_a_node_does() {
    let subscriber = hearken::logging::subscriber(&LogConfig::default(), false, std::io::sink);
    let subscriber = subscriber.expect("the default filter is valid");
    tracing::subscriber::set_global_default(subscriber).expect("nothing else logs here");
}
