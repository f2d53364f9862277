//! Message brokers: the server that is installed, and clients in a program of their
//! own, see `peers/brokers`.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;

use super::session::{Launch, Session};
use crate::peers;
use crate::process::Process;
use crate::servers::{Server, Stopped, free_address};

/// What the brokers are, and the program with their clients once it is built.
pub(super) struct Broker {
    server: Server,
    clients: PathBuf,
}

impl Broker {
    /// All that are measured.
    pub(super) const ALL: [Self; 2] = [Self::new(Server::Nats), Self::new(Server::Redis)];

    const fn new(server: Server) -> Self {
        Self {
            server,
            clients: PathBuf::new(),
        }
    }

    /// Name of the row.
    pub(super) fn name(&self) -> &'static str {
        match self.server {
            Server::Nats => "peer/nats",
            Server::Redis => "peer/redis",
        }
    }

    /// What the clients' program calls it.
    fn client(&self) -> &'static str {
        match self.server {
            Server::Nats => "nats",
            Server::Redis => "redis",
        }
    }

    /// Starts the server, which throws nothing away however far a subscriber is
    /// behind, and keeps nothing on disk.
    fn serve(&self, address: SocketAddr, folder: &tempfile::TempDir) -> Result<Stopped, String> {
        let mut server = Command::new(self.server.program());
        let port = address.port().to_string();
        match self.server {
            Server::Nats => {
                let settings = folder.path().join("nats.conf");
                let text = format!("listen: \"{address}\"\nmax_pending: 4GB\n");
                std::fs::write(&settings, text).map_err(|error| error.to_string())?;
                server.arg("--config").arg(settings);
            }
            Server::Redis => {
                server
                    .args(["--bind", "127.0.0.1", "--port", &port])
                    .args(["--save", "", "--appendonly", "no"])
                    .args(["--client-output-buffer-limit", "pubsub", "0", "0", "0"]);
            }
        }
        Stopped::start(server.current_dir(folder.path()), address)
    }
}

impl Launch for Broker {
    fn prepare(&mut self) -> Result<(), String> {
        self.server.find()?;
        self.clients = peers::broker_clients()?;
        Ok(())
    }

    fn start(&self, receivers: usize) -> Result<Session, String> {
        let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
        let address = free_address()?;
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
