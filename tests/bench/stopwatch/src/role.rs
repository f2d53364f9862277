//! What a process does: publishes or receives, whenever it is told to.

use std::io::{BufRead, Write};
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use crate::log::Logged;
use crate::stamp::{Expected, Stamped};
use crate::{Error, clock, sleep};

/// Longest wait for an event that is bound to come.
pub const DEADLINE: Duration = Duration::from_secs(20);

/// One line to a process: these events are to be published, or will come.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Task {
    /// How many.
    pub events: u64,
    /// Bytes of data of each.
    pub payload: usize,
    /// Nanoseconds from one to the next; without them, as fast as it goes.
    pub interval: Option<u64>,
    /// How many of them go by before times are taken.
    pub warm_up: u64,
}

/// One line from a process.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// It waits for tasks; others reach it here, if they are to.
    Ready(String),
    /// It has published all, and began at this time.
    Published(u64),
    /// It has received all.
    Received(Arrival),
    /// It has appended or read so much.
    Logged(Logged),
    /// It cannot go on, and why.
    Failed(String),
}

/// How the events of a task arrived.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Arrival {
    /// When the last one came.
    pub last: u64,
    /// Microseconds from sent to received, if the task has an interval.
    pub p50: Option<f64>,
    /// The same.
    pub p99: Option<f64>,
}

/// Publishes events.
pub trait Publish {
    /// Publishes one, or puts it where [`flush`](Self::flush) finds it.
    ///
    /// # Errors
    /// When it cannot.
    fn publish(&mut self, data: &[u8]) -> Result<(), Error>;

    /// Sends what has been held back; does not wait for it to arrive.
    ///
    /// # Errors
    /// When it cannot.
    fn flush(&mut self) -> Result<(), Error> {
        Ok(())
    }
}

/// Receives events.
pub trait Receive {
    /// Waits until there are events, at most for [`DEADLINE`], and hands over the
    /// data of each.
    ///
    /// # Errors
    /// When there are none in time, or `take` has failed.
    fn receive(&mut self, take: &mut dyn FnMut(&[u8]) -> Result<(), Error>) -> Result<(), Error>;
}

/// Publishes until there are no more tasks; others reach the process at `address`.
///
/// # Errors
/// When nobody hears it any more.
pub fn publish(publisher: Result<impl Publish, Error>, address: &str) -> Result<(), Error> {
    sleep::sharpen();
    serve(publisher, address, |publisher, task| {
        publish_all(publisher, task).map(Answer::Published)
    })
}

/// Receives until there are no more tasks; others reach the process at `address`.
///
/// # Errors
/// When nobody hears it any more.
pub fn receive(receiver: Result<impl Receive, Error>, address: &str) -> Result<(), Error> {
    serve(receiver, address, |receiver, task| {
        receive_all(receiver, task).map(Answer::Received)
    })
}

pub(crate) fn serve<R, T: DeserializeOwned>(
    role: Result<R, Error>,
    address: &str,
    run: impl Fn(&mut R, T) -> Result<Answer, Error>,
) -> Result<(), Error> {
    let failed = |error: Error| Answer::Failed(error.to_string());
    let mut role = match role {
        Ok(role) => role,
        Err(error) => return say(&failed(error)),
    };
    say(&Answer::Ready(address.to_owned()))?;
    for line in std::io::stdin().lock().lines() {
        let task = serde_json::from_str(&line?)?;
        say(&run(&mut role, task).unwrap_or_else(failed))?;
    }
    Ok(())
}

fn say(answer: &Answer) -> Result<(), Error> {
    let mut stdout = std::io::stdout().lock();
    serde_json::to_writer(&mut stdout, answer)?;
    writeln!(stdout)?;
    Ok(stdout.flush()?)
}

fn publish_all(publisher: &mut impl Publish, task: Task) -> Result<u64, Error> {
    let mut stamped = Stamped::new(task.payload);
    let began = clock::now();
    let Some(interval) = task.interval else {
        for _ in 0..task.events {
            publisher.publish(stamped.next())?;
        }
        publisher.flush()?;
        return Ok(began);
    };
    let start = Instant::now();
    for number in 0..task.events {
        // An event that is late makes none of those behind it later.
        sleep::until(start + Duration::from_nanos(interval * number));
        publisher.publish(stamped.next())?;
        publisher.flush()?;
    }
    Ok(began)
}

fn receive_all(receiver: &mut impl Receive, task: Task) -> Result<Arrival, Error> {
    let mut expected = Expected::new(task.payload);
    while expected.received() < task.events {
        let received = receiver.receive(&mut |data| {
            let timed = task.interval.is_some() && expected.received() >= task.warm_up;
            expected.take(data, timed)
        });
        received.map_err(|error| {
            let (received, events) = (expected.received(), task.events);
            format!("{error}, after {received} of {events} events")
        })?;
    }
    Ok(Arrival {
        last: clock::now(),
        p50: expected.percentile(0.5),
        p99: expected.percentile(0.99),
    })
}
