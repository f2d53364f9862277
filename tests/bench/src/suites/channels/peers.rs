//! Logs of message brokers.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::session::Session;
use super::{Contender, syncs};
use crate::peers;
use crate::process::Process;
use crate::servers::{Server, Stopped, free_address};

/// A broker, and when it has files synced.
struct Peer {
    server: Server,
    rule: Rule,
    clients: PathBuf,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Rule {
    /// Before each answer, as a node's channels do.
    Always,
    /// As it comes.
    Default,
}

/// All that are measured.
pub(super) fn all() -> Vec<Box<dyn Contender>> {
    let peers = [
        (Server::Nats, Rule::Always),
        (Server::Nats, Rule::Default),
        (Server::Redis, Rule::Always),
    ];
    let peer = |(server, rule)| {
        Box::new(Peer {
            server,
            rule,
            clients: PathBuf::new(),
        }) as Box<dyn Contender>
    };
    peers.map(peer).into()
}

impl Contender for Peer {
    fn name(&self) -> &'static str {
        match (self.server, self.rule) {
            (Server::Nats, Rule::Always) => "peer/jetstream-always",
            (Server::Nats, Rule::Default) => "peer/jetstream-default",
            (Server::Redis, Rule::Always) => "peer/redis-always",
            (Server::Redis, Rule::Default) => "peer/redis-default",
        }
    }

    fn prepare(&mut self) -> Result<(), String> {
        self.server.find()?;
        self.clients = peers::broker_clients()?;
        Ok(())
    }

    fn read(&self) -> Option<&'static str> {
        match (self.server, self.rule) {
            // It has the most to read by far, and reads the same way.
            (Server::Nats, Rule::Default) => Some("peer/jetstream-read"),
            (Server::Redis, _) => Some("peer/redis-read"),
            (Server::Nats, Rule::Always) => None,
        }
    }

    fn start(&self, trace: Option<&Path>) -> Result<Session, String> {
        let folder = tempfile::tempdir_in(".").map_err(|error| error.to_string())?;
        let path = std::path::absolute(folder.path()).map_err(|error| error.to_string())?;
        let address = free_address()?;
        let mut server = syncs::watched(self.server.program(), trace);
        let client = match self.server {
            Server::Nats => {
                let sync = match self.rule {
                    Rule::Always => ", sync_interval: always",
                    Rule::Default => "",
                };
                let store = path.display();
                let text = format!(
                    "listen: \"{address}\"\njetstream {{ store_dir: \"{store}\"{sync} }}\n"
                );
                let settings = path.join("nats.conf");
                std::fs::write(&settings, text).map_err(|error| error.to_string())?;
                server.arg("--config").arg(settings);
                "nats"
            }
            Server::Redis => {
                let sync = match self.rule {
                    Rule::Always => "always",
                    Rule::Default => "everysec",
                };
                server
                    .args(["--bind", "127.0.0.1", "--port", &address.port().to_string()])
                    .args(["--save", "", "--appendonly", "yes", "--appendfsync", sync]);
                "redis"
            }
        };
        let server = Stopped::start(server.current_dir(&path), address)?;
        let mut clients = Command::new(&self.clients);
        let client = Process::start(clients.args([client, "log", &address.to_string()]))?;
        Ok(Session::served(client, server, folder))
    }
}
