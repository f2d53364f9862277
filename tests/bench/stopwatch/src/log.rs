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
    /// Append to the first log for a while, and wait until a plugin has handled all.
    Consume(Consume),
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

/// How events are appended that a plugin handles.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Consume {
    /// How they are appended.
    pub append: Append,
    /// Subjects that take turns; none if 0.
    pub subjects: usize,
}

/// What was done.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub struct Logged {
    /// Events that were answered, read or handled.
    pub events: u64,
    /// How long that took.
    pub nanoseconds: u64,
    /// Microseconds from sent to handled, where a plugin handled them.
    pub p50: Option<f64>,
    /// The same.
    pub p99: Option<f64>,
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

    /// Appends until the time is over, and waits until a plugin has handled all.
    ///
    /// # Errors
    /// When one was refused, or there is no such plugin.
    fn consume(&mut self, _: Consume) -> Result<Logged, Error> {
        Err("there are no plugins".into())
    }
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
            LogTask::Consume(task) => return client.consume(task).map(Answer::Logged),
        };
        let nanoseconds = clock::now().saturating_sub(began);
        Ok(Answer::Logged(Logged {
            events,
            nanoseconds,
            ..Logged::default()
        }))
    })
}
