//! Who is measured: a server, and all its sessions in one other process.

use std::any::Any;
use std::process::Command;

use tempfile::TempDir;

use super::client::{Done, Server, Task};
use crate::process::Process;
use crate::usage::{self, Usage};

/// Somebody who has sessions.
pub(super) trait Contender {
    /// How rows are named.
    fn name(&self) -> &'static str;

    /// What sessions show when they connect.
    fn shown(&self) -> &'static str;

    /// Finds out whether it can be measured here, and installs what that takes.
    ///
    /// # Errors
    /// Says why not, and what to do about it.
    fn prepare(&mut self) -> Result<(), String> {
        Ok(())
    }

    /// Starts its server, which lets so many sessions in.
    ///
    /// # Errors
    /// When it cannot.
    fn start(&self, sessions: usize) -> Result<Started, String>;
}

/// A server that runs until this is dropped.
pub(super) struct Started {
    pub(super) server: Server,
    /// The number of its process.
    pub(super) process: u32,
    pub(super) running: Box<dyn Any>,
    /// Removed last.
    pub(super) folder: TempDir,
}

/// A server and its sessions.
pub(super) struct Session {
    /// Ends first.
    client: Process,
    process: u32,
    _running: Box<dyn Any>,
    _folder: TempDir,
}

impl Session {
    /// Has a client for a server, which has no sessions yet.
    ///
    /// # Errors
    /// When it does not start.
    pub(super) fn with(started: Started) -> Result<Self, String> {
        let program = std::env::current_exe().map_err(|error| error.to_string())?;
        let client = Process::start(Command::new(program).args(["--session-part", "client"]))?;
        let mut session = Self {
            client,
            process: started.process,
            _running: started.running,
            _folder: started.folder,
        };
        session.run(&Task::Speak(started.server))?;
        Ok(session)
    }

    /// Has a task done.
    ///
    /// # Errors
    /// When a message was lost, a session has ended, or a process failed.
    pub(super) fn run(&mut self, task: &Task) -> Result<Done, String> {
        self.client.tell(task)?;
        self.client.done()
    }

    /// The same; also the seconds of CPU that it took the server.
    ///
    /// # Errors
    /// As there.
    pub(super) fn run_counted(&mut self, task: &Task) -> Result<(Done, f64), String> {
        let before = self.usage()?.cpu;
        let done = self.run(task)?;
        Ok((done, self.usage()?.cpu - before))
    }

    /// What the server takes.
    ///
    /// # Errors
    /// When it has ended.
    pub(super) fn usage(&self) -> Result<Usage, String> {
        usage::of(self.process)
    }
}
