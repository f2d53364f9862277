//! socket.io: see `peers/socket.io`. What it takes is installed when it is first needed.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use super::client::{Dialect, Server};
use super::contender::{Contender, Started};
use super::secret;
use crate::servers::{self, Stopped, free_address};
use crate::{guests, peers};

/// What makes the server.
const FILES: [&str; 3] = ["package.json", "package-lock.json", "server.js"];

/// What `npm` needs of it.
const LOCK: &str = "package-lock.json";

const HOW_TO_GET: &str = "Node.js and npm: `apt-get install nodejs npm`";

/// The server, in the folder where it is installed.
#[derive(Default)]
pub(super) struct SocketIo {
    folder: PathBuf,
}

impl Contender for SocketIo {
    fn name(&self) -> &'static str {
        "peer/socket.io"
    }

    fn shown(&self) -> &'static str {
        "with tokens"
    }

    fn prepare(&mut self) -> Result<(), String> {
        servers::find("node", HOW_TO_GET)?;
        servers::find("npm", HOW_TO_GET)?;
        self.folder = peers::target_directory()?.join("peers/socket.io");
        install(&self.folder)
    }

    fn start(&self, _: usize) -> Result<Started, String> {
        let folder = TempDir::new().map_err(|error| error.to_string())?;
        let secret = secret(folder.path())?;
        let address = free_address()?;
        let mut server = Command::new("node");
        server.arg(self.folder.join("server.js"));
        server.arg(address.port().to_string()).arg(&secret);
        server.env("NODE_ENV", "production");
        let server = Stopped::start(&mut server, address)?;
        Ok(Started {
            server: Server {
                address,
                others: Vec::new(),
                dialect: Dialect::SocketIo,
                secret: Some(secret),
            },
            process: server.id(),
            running: Box::new(server),
            folder,
        })
    }
}

/// Installs what the lock file has into this folder, unless it is there already.
fn install(folder: &Path) -> Result<(), String> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("peers/socket.io");
    let text = |error: std::io::Error| error.to_string();
    let wanted = fs::read(source.join(LOCK)).map_err(text)?;
    let installed = folder.join("installed.json");
    fs::create_dir_all(folder).map_err(text)?;
    for file in FILES {
        fs::copy(source.join(file), folder.join(file)).map_err(text)?;
    }
    if fs::read(&installed).is_ok_and(|lock| lock == wanted) {
        return Ok(());
    }
    eprintln!("installing socket.io with npm");
    let mut npm = Command::new("npm");
    // Nothing of what is installed runs while it is.
    npm.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"]);
    guests::run(npm.current_dir(folder))?;
    fs::write(installed, wanted).map_err(text)
}
