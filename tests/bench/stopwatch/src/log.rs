//! What a process does that appends to logs and reads them.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::role::{Answer, serve};
use crate::{Error, clock};

/// One line to a process.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogTask {
    /// Append for a while.
    Append(Append),
    /// Read all of the first log, from its beginning.
    Read,
}

/// How events are appended.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Append {
    /// Events that are under way at once, each until it is answered.
    pub window: usize,
    /// Logs that take turns, numbered from 0.
    pub logs: usize,
    /// Bytes of data of each event.
    pub payload: usize,
    /// Whether those under way at once are one request.
    pub batch: bool,
    /// For how long.
    pub milliseconds: u64,
}

impl Append {
    /// For how long.
    #[must_use]
    pub fn time(&self) -> Duration {
        Duration::from_millis(self.milliseconds)
    }
}

/// What was done.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Logged {
    /// Events that were answered, or read.
    pub events: u64,
    /// How long that took.
    pub nanoseconds: u64,
}

/// Appends to logs, and reads them.
pub trait LogClient {
    /// Appends until the time is over and all is answered; how many.
    ///
    /// # Errors
    /// When one was refused.
    fn append(&mut self, task: Append) -> Result<u64, Error>;

    /// Reads the first log from its beginning to its end; how many.
    ///
    /// # Errors
    /// When it cannot.
    fn read(&mut self) -> Result<u64, Error>;
}

/// Appends and reads until there are no more tasks.
///
/// # Errors
/// When nobody hears it any more.
pub fn serve_log(client: Result<impl LogClient, Error>) -> Result<(), Error> {
    serve(client, "", |client, task: LogTask| {
        let began = clock::now();
        let events = match task {
            LogTask::Append(task) => client.append(task)?,
            LogTask::Read => client.read()?,
        };
        let nanoseconds = clock::now().saturating_sub(began);
        Ok(Answer::Logged(Logged {
            events,
            nanoseconds,
        }))
    })
}
