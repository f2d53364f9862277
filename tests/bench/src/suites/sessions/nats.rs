//! NATS over WebSocket.

use std::process::Command;

use tempfile::TempDir;

use super::client::{Dialect, Server};
use super::contender::{Contender, Started};
use crate::servers::{self, Stopped, free_address};

pub(super) struct Nats;

impl Contender for Nats {
    fn name(&self) -> &'static str {
        "peer/nats"
    }

    fn shown(&self) -> &'static str {
        "with nothing"
    }

    fn prepare(&mut self) -> Result<(), String> {
        servers::Server::Nats.find()
    }

    fn start(&self, sessions: usize) -> Result<Started, String> {
        let folder = TempDir::new().map_err(|error| error.to_string())?;
        let (own, address) = (free_address()?, free_address()?);
        let connections = sessions + 100;
        // No ping comes between what is measured.
        let text = format!(
            "listen: \"{own}\"\nmax_connections: {connections}\nping_interval: \"1h\"\n\
             websocket {{ listen: \"{address}\", no_tls: true }}\n"
        );
        let settings = folder.path().join("nats.conf");
        std::fs::write(&settings, text).map_err(|error| error.to_string())?;
        let mut server = Command::new(servers::Server::Nats.program());
        server.arg("--config").arg(settings);
        let server = Stopped::start(server.current_dir(folder.path()), address)?;
        Ok(Started {
            server: Server {
                address,
                others: Vec::new(),
                dialect: Dialect::Nats,
                secret: None,
            },
            process: server.id(),
            running: Box::new(server),
            folder,
        })
    }
}
