//! Sessions of three nodes, which get what is published on one of them, beside three servers of
//! NATS; and what it costs nodes to know of channels that only the sessions of another have.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use tempfile::TempDir;
use tokio::time::Instant;

use super::client::{Dialect, Pace, Publish, Server, Task};
use super::contender::{Session, Started};
use super::found::row;
use super::{allow_open_files, hearken, links, secret};
use crate::Options;
use crate::process::Process;
use crate::report::{Report, Row, Samples};
use crate::servers::{self, Stopped, free_address};
use crate::sleep;
use crate::usage::{self, Usage};

const SUITE: &str = "sessions-cluster";

/// Nodes of a cluster.
const NODES: usize = 3;

/// Messages that are published one after the other, and before that.
const MESSAGES: usize = 50;
const WARM_UP: usize = 10;

/// Channels of one session each, all of one node.
const CHANNELS: usize = 10_000;

/// For nodes to tell each other of that.
const TOLD: Duration = Duration::from_secs(2);

/// A cluster, and its sessions.
struct Cluster {
    session: Session,
    /// Numbers of the processes; the first is the one where something is published.
    processes: Vec<u32>,
    /// Where sessions connect, in the same order.
    addresses: Vec<SocketAddr>,
}

/// A way to have one.
#[derive(Clone, Copy)]
struct Contender {
    name: &'static str,
    start: fn(Dialect, usize) -> Result<Cluster, String>,
    dialect: Dialect,
}

/// What is found out of one.
#[derive(Default)]
struct Found {
    to_all: Samples,
    cpu: Samples,
}

/// What it takes nodes that one of them has sessions on many channels.
#[derive(Default)]
struct Channels {
    /// Microseconds and bytes of each node without sessions, for each channel.
    cpu: Samples,
    memory: Samples,
    /// Messages and bytes over all links, for each channel.
    messages: Samples,
    bytes: Samples,
    /// Why bytes are not counted, where they cannot be.
    uncounted: Option<String>,
    /// Sessions a second.
    rate: Samples,
}

pub(crate) fn run(report: &mut Report, options: &Options) {
    allow_open_files();
    let each = (options.sessions / 10).max(1);
    let contenders = [
        Contender {
            name: hearken::NAME,
            start: nodes,
            dialect: Dialect::Hearken,
        },
        Contender {
            name: "peer/nats",
            start: nats,
            dialect: Dialect::Nats,
        },
    ];
    let contenders = contenders.iter().filter(|it| options.wants(it.name));
    for contender in contenders {
        let mut found = Found::default();
        let measured = (0..options.repetitions).try_for_each(|repetition| {
            eprintln!("{}: repetition {}", contender.name, repetition + 1);
            found.repeat(*contender, each)
        });
        match measured {
            Ok(()) => found.tell(report, contender.name, each),
            Err(reason) => report.skip(SUITE, contender.name, &reason),
        }
    }
    if options.wants(hearken::NAME) {
        measure_channels(report, options);
    }
}

impl Found {
    fn repeat(&mut self, contender: Contender, each: usize) -> Result<(), String> {
        let all = NODES * each;
        let mut cluster = (contender.start)(contender.dialect, each)?;
        let publish = |messages| {
            Task::Publish(Publish {
                messages,
                pace: Pace::Window(1),
                frame: 0,
            })
        };
        cluster.session.run(&Task::Connect(all))?;
        cluster.session.run(&publish(WARM_UP))?;
        let before = cluster.cpu()?;
        let done = cluster.session.run(&publish(MESSAGES))?;
        let cpu = cluster.cpu()? - before;
        self.to_all.push(done.to_all * 1e3);
        self.cpu.push(cpu * 1e6 / (MESSAGES * all) as f64);
        Ok(())
    }

    fn tell(&self, report: &mut Report, name: &str, each: usize) {
        let name = format!("{name}, to {each} sessions on each of {NODES} nodes");
        let unit = "ms from published to received by the last";
        report.push(of_cluster(row(name.clone(), &self.to_all, unit)));
        let unit = "µs of all servers' CPU a session";
        report.push(of_cluster(row(format!("{name}, CPU"), &self.cpu, unit)));
    }
}

impl Cluster {
    /// Seconds of CPU of all its processes.
    fn cpu(&self) -> Result<f64, String> {
        let used = self.processes.iter().map(|id| usage::cpu_seconds(*id));
        used.sum()
    }

    /// What the processes take that have no sessions.
    fn others(&self) -> Result<Usage, String> {
        let mut all = Usage::default();
        for process in &self.processes[1..] {
            let one = usage::of(*process)?;
            all.cpu += one.cpu;
            all.kib += one.kib;
        }
        Ok(all)
    }
}

/// What it takes nodes that one of them has sessions on many channels.
fn measure_channels(report: &mut Report, options: &Options) {
    let name = format!(
        "{}, {CHANNELS} channels of one session each, all on one node",
        hearken::NAME
    );
    let mut found = Channels::default();
    for repetition in 0..options.repetitions {
        eprintln!("{name}: repetition {}", repetition + 1);
        if let Err(reason) = found.repeat() {
            return report.skip(SUITE, &name, &reason);
        }
    }
    found.tell(report, &name);
}

impl Channels {
    fn repeat(&mut self) -> Result<(), String> {
        let folder = TempDir::new().map_err(|error| error.to_string())?;
        let signs = secret(folder.path())?;
        let mut cluster = started(Dialect::HearkenOwn, folder, &signs, false)?;
        let bytes_before = links::bytes(&cluster.processes);
        let messages_before = links::messages(&cluster.addresses, &signs)?;
        let before = cluster.others()?;
        let done = cluster.session.run(&Task::Connect(CHANNELS))?;
        sleep::until(Instant::now() + TOLD);
        let after = cluster.others()?;
        let messages = links::messages(&cluster.addresses, &signs)? - messages_before;
        let bytes = links::bytes(&cluster.processes);
        let others = (NODES - 1) as f64;
        let channels = CHANNELS as f64;
        self.cpu
            .push((after.cpu - before.cpu) * 1e6 / others / channels);
        self.memory
            .push((after.kib - before.kib) * 1024.0 / others / channels);
        self.messages.push(messages / channels);
        match bytes_before.and_then(|before| Ok(bytes? - before)) {
            Ok(bytes) => self.bytes.push(bytes / channels),
            Err(reason) => self.uncounted = Some(reason),
        }
        self.rate.push(channels / done.seconds);
        Ok(())
    }

    fn tell(&self, report: &mut Report, name: &str) {
        let unit = "µs of another node's CPU a channel";
        report.push(of_cluster(row(format!("{name}, CPU"), &self.cpu, unit)));
        let unit = "bytes of another node's memory a channel";
        let memory = format!("{name}, memory");
        report.push(of_cluster(row(memory, &self.memory, unit)));
        let unit = "messages over all links a channel";
        let messages = format!("{name}, messages");
        report.push(of_cluster(row(messages, &self.messages, unit)));
        let bytes = format!("{name}, bytes");
        match &self.uncounted {
            None => {
                let unit = "bytes over all links a channel";
                report.push(of_cluster(row(bytes, &self.bytes, unit)));
            }
            Some(reason) => report.skip(SUITE, &bytes, reason),
        }
        let unit = "sessions/s";
        let rate = format!("{name}, connecting");
        report.push(of_cluster(row(rate, &self.rate, unit)));
    }
}

fn of_cluster(row: Row) -> Row {
    Row {
        suite: SUITE,
        ..row
    }
}

/// Nodes of Hearken over which sessions are spread.
fn nodes(dialect: Dialect, _: usize) -> Result<Cluster, String> {
    let folder = TempDir::new().map_err(|error| error.to_string())?;
    let signs = secret(folder.path())?;
    started(dialect, folder, &signs, true)
}

/// Nodes in a folder with a file that `signs` tokens. Sessions are spread over all of them, or
/// are all on the first.
fn started(
    dialect: Dialect,
    folder: TempDir,
    signs: &Path,
    is_spread: bool,
) -> Result<Cluster, String> {
    let first = free_address()?;
    let mut running = Vec::new();
    for number in 0..NODES {
        let listen = match number {
            0 => first,
            _ => crate::serving::FREE,
        };
        running.push(node(folder.path(), number, listen, first)?);
    }
    let address = |node: &Process| {
        let address = node.address.parse::<SocketAddr>();
        address.map_err(|_| "a node does not say where it listens".to_owned())
    };
    let addresses: Vec<SocketAddr> = running.iter().map(address).collect::<Result<_, _>>()?;
    let processes: Vec<u32> = running.iter().map(Process::id).collect();
    // So that the nodes are linked, and have all that they need for it.
    sleep::until(Instant::now() + TOLD);
    let server = Server {
        address: addresses[0],
        others: match is_spread {
            true => addresses[1..].to_vec(),
            false => Vec::new(),
        },
        dialect,
        secret: Some(signs.to_owned()),
    };
    let session = Session::with(Started {
        server,
        process: processes[0],
        running: Box::new(running),
        folder,
    })?;
    Ok(Cluster {
        session,
        processes,
        addresses,
    })
}

/// One node, with a folder in `folder` of its own.
fn node(
    folder: &Path,
    number: usize,
    listen: SocketAddr,
    first: SocketAddr,
) -> Result<Process, String> {
    let own = folder.join(number.to_string());
    let text = |error: std::io::Error| error.to_string();
    std::fs::create_dir(&own).map_err(text)?;
    let join = match number {
        0 => String::new(),
        _ => format!("join = [\"{first}\"]"),
    };
    let configured = hearken::CONFIGURATION
        .replace(
            "FOLDER/secret",
            &folder.join("secret").display().to_string(),
        )
        .replace("FOLDER", &own.display().to_string())
        .replace("node = \"bench\"", &format!("node = \"bench-{number}\""))
        .replace(
            "[cluster]\nlisten = \"127.0.0.1:0\"",
            &format!("[cluster]\nlisten = \"{listen}\"\n{join}"),
        );
    std::fs::write(own.join("hearken.toml"), configured).map_err(text)?;
    let program = std::env::current_exe().map_err(text)?;
    Process::start(Command::new(program).arg("--session-node").arg(own))
}

/// Servers of NATS, which have routes to each other.
fn nats(dialect: Dialect, each: usize) -> Result<Cluster, String> {
    servers::Server::Nats.find()?;
    let folder = TempDir::new().map_err(|error| error.to_string())?;
    let addresses = || {
        (0..NODES)
            .map(|_| free_address())
            .collect::<Result<Vec<_>, _>>()
    };
    let (own, between, sessions) = (addresses()?, addresses()?, addresses()?);
    let routes: Vec<String> = between
        .iter()
        .map(|it| format!("\"nats://{it}\""))
        .collect();
    let routes = routes.join(", ");
    let connections = each + 100;
    let mut running = Vec::new();
    for number in 0..NODES {
        let (own, between, sessions) = (own[number], between[number], sessions[number]);
        // No ping comes between what is measured.
        let text = format!(
            "server_name: \"bench-{number}\"\nlisten: \"{own}\"\nmax_connections: {connections}\n\
             ping_interval: \"1h\"\nwebsocket {{ listen: \"{sessions}\", no_tls: true }}\n\
             cluster {{ name: \"bench\", listen: \"{between}\", routes: [{routes}] }}\n"
        );
        let settings = folder.path().join(format!("{number}.conf"));
        std::fs::write(&settings, text).map_err(|error| error.to_string())?;
        let mut server = Command::new(servers::Server::Nats.program());
        server.arg("--config").arg(settings);
        running.push(Stopped::start(server.current_dir(folder.path()), sessions)?);
    }
    let processes: Vec<u32> = running.iter().map(Stopped::id).collect();
    let session = Session::with(Started {
        server: Server {
            address: sessions[0],
            others: sessions[1..].to_vec(),
            dialect,
            secret: None,
        },
        process: processes[0],
        running: Box::new(running),
        folder,
    })?;
    Ok(Cluster {
        session,
        processes,
        addresses: sessions,
    })
}
