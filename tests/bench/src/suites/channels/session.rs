//! A server and the client that appends to its logs, or somebody in this process.

use std::path::Path;

use hearken_bench_stopwatch::{Answer, LogClient, LogTask, Logged};
use tempfile::TempDir;

use super::syncs;
use crate::process::Process;

/// One who appends and reads, ready for tasks.
pub(super) struct Session {
    client: Client,
    /// Counts syncs where no server's are watched.
    own_syncs: Option<Box<dyn Fn() -> u64>>,
    /// Stopped after the client.
    _server: Option<Box<dyn std::any::Any>>,
    /// Removed last.
    _folder: TempDir,
}

/// Events a second.
pub(super) fn rate(logged: Logged) -> f64 {
    logged.events as f64 * 1e9 / logged.nanoseconds as f64
}

enum Client {
    Process(Process),
    Here(Box<dyn LogClient>),
}

impl Session {
    /// A client that is a process of its own, and its server.
    pub(super) fn served(client: Process, server: impl std::any::Any, folder: TempDir) -> Self {
        Self {
            client: Client::Process(client),
            own_syncs: None,
            _server: Some(Box::new(server)),
            _folder: folder,
        }
    }

    /// The same, whose server says how often it has synced.
    pub(super) fn counting(self, syncs: impl Fn() -> u64 + 'static) -> Self {
        Self {
            own_syncs: Some(Box::new(syncs)),
            ..self
        }
    }

    /// One in this process, who says how often it has synced.
    pub(super) fn here(
        client: impl LogClient + 'static,
        syncs: impl Fn() -> u64 + 'static,
        folder: TempDir,
    ) -> Self {
        Self {
            client: Client::Here(Box::new(client)),
            own_syncs: Some(Box::new(syncs)),
            _server: None,
            _folder: folder,
        }
    }

    pub(super) fn run(&mut self, task: LogTask) -> Result<Logged, String> {
        match &mut self.client {
            Client::Process(process) => {
                process.tell(task)?;
                match process.answer()? {
                    Answer::Logged(logged) => Ok(logged),
                    other => Err(format!("a client says {other:?}")),
                }
            }
            Client::Here(client) => {
                let began = tokio::time::Instant::now();
                let done = match task {
                    LogTask::Append(task) => client.append(task),
                    LogTask::Read => client.read(),
                    LogTask::Consume(_) => Err("there are no plugins".into()),
                };
                let events = done.map_err(|error| error.to_string())?;
                let nanoseconds = u64::try_from(began.elapsed().as_nanos());
                Ok(Logged {
                    events,
                    nanoseconds: nanoseconds.map_err(|error| error.to_string())?,
                    ..Logged::default()
                })
            }
        }
    }

    /// Events a second.
    pub(super) fn rate(&mut self, task: LogTask) -> Result<f64, String> {
        self.run(task).map(rate)
    }

    /// Syncs so far.
    pub(super) fn syncs(&self, trace: &Path) -> Result<u64, String> {
        match &self.own_syncs {
            Some(count) => Ok(count()),
            None => syncs::count(trace),
        }
    }
}
