//! A node with sessions.

use std::path::Path;
use std::process::Command;

use hearken::config::{NodeConfig, NodeFlags};
use tempfile::TempDir;

use super::client::{Dialect, Server};
use super::contender::{Contender, Started};
use super::secret;
use crate::process::Process;
use crate::serving;

/// What the node says of itself. No ping comes between what is measured.
pub(super) const CONFIGURATION: &str = r#"
node = "bench"
plugins = "FOLDER/plugins"
data = "FOLDER/data"
listen = "127.0.0.1:0"
shutdown_timeout = "1s"

[cluster]
listen = "127.0.0.1:0"

[access.tokens.bench]
hmac_secret_file = "FOLDER/secret"

[sessions]
token = "bench"
ping_interval = "1h"

[sessions.namespaces.bench]
allow_subscribe_for_client = true
allow_publish_for_client = true

[sessions.namespaces.kept]
allow_subscribe_for_client = true
allow_publish_for_client = true
force_recovery = true
history_size = 1000
history_ttl = "1h"
"#;

/// How rows are named.
pub(super) const NAME: &str = "hearken";

/// A node, spoken with in this way.
pub(super) struct Node(pub(super) Dialect);

impl Contender for Node {
    fn name(&self) -> &'static str {
        NAME
    }

    fn shown(&self) -> &'static str {
        "with tokens"
    }

    fn start(&self, _: usize) -> Result<Started, String> {
        let folder = TempDir::new().map_err(|error| error.to_string())?;
        let secret = secret(folder.path())?;
        let text = CONFIGURATION.replace("FOLDER", &folder.path().display().to_string());
        std::fs::write(folder.path().join("hearken.toml"), text)
            .map_err(|error| error.to_string())?;
        let program = std::env::current_exe().map_err(|error| error.to_string())?;
        let mut command = Command::new(program);
        let node = Process::start(command.arg("--session-node").arg(folder.path()))?;
        let address = node.address.parse();
        Ok(Started {
            server: Server {
                address: address.map_err(|_| "a node does not say where it listens")?,
                others: Vec::new(),
                dialect: self.0,
                secret: Some(secret),
            },
            process: node.id(),
            running: Box::new(node),
            folder,
        })
    }
}

/// The process of a node.
pub(crate) fn run(folder: &Path) {
    match NodeConfig::from_sources(&NodeFlags::default(), [], folder) {
        Ok(config) => serving::run(config),
        Err(error) => eprintln!("a node has failed: {error}"),
    }
}
