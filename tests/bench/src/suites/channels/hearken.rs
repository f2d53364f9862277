//! A node with channels, in a process of its own.

use std::path::{Path, PathBuf};
use std::process::Command;

use hearken::config::{ClusterSettings, NodeConfig};
use tempfile::TempDir;

use super::session::Session;
use super::{Contender, syncs};
use crate::process::Process;
use crate::serving::{self, FREE};

/// Appends over HTTP: a request for each event, or one for all that are under way at once.
pub(super) struct Served {
    pub(super) batch: bool,
}

impl Contender for Served {
    fn name(&self) -> &'static str {
        if self.batch {
            "hearken/append-batch"
        } else {
            "hearken/append"
        }
    }

    fn batch(&self) -> bool {
        self.batch
    }

    fn read(&self) -> Option<&'static str> {
        self.batch.then_some("hearken/read")
    }

    fn start(&self, trace: Option<&Path>) -> Result<Session, String> {
        let folder = tempfile::tempdir_in(".").map_err(|error| error.to_string())?;
        start(folder, trace)
    }
}

/// Starts a node in this folder, and a client of it.
///
/// # Errors
/// When one of them does not start.
pub(super) fn start(folder: TempDir, trace: Option<&Path>) -> Result<Session, String> {
    let program = std::env::current_exe().map_err(|error| error.to_string())?;
    let node = start_node(folder.path(), trace)?;
    let mut client = Command::new(&program);
    let client = Process::start(client.args(["--channel-client", &node.address]))?;
    Ok(Session::served(client, node, folder))
}

/// Starts a node in this folder.
///
/// # Errors
/// When it does not start.
pub(super) fn start_node(folder: &Path, trace: Option<&Path>) -> Result<Process, String> {
    let program = std::env::current_exe().map_err(|error| error.to_string())?;
    let mut node = syncs::watched(&program, trace);
    Process::start(node.arg("--channel-node").arg(folder))
}

/// The folder of its data in there.
pub(super) fn data(folder: &Path) -> PathBuf {
    folder.join("data")
}

/// The process of a node.
pub(crate) fn run(folder: &Path) {
    serving::run(NodeConfig {
        node: "bench".to_owned(),
        plugins: folder.join("plugins"),
        data: data(folder),
        listen: FREE,
        cluster: ClusterSettings {
            listen: FREE,
            ..ClusterSettings::default()
        },
        ..NodeConfig::default()
    });
}
