//! The process of all sessions of a server, and of somebody who publishes to them: it takes tasks
//! by lines on stdin, and says by lines on stdout what came of them.
//!
//! - `crowd` is what all connections share, `connection` one of them, `storm` what befalls them.
//! - `dialect` is how servers are spoken with, `frames` what they send, and `tally` counts that;
//!   `deliveries` knows what all sessions have got.
//! - `ticks` is when something is published, and `text` how something is found in what comes.

mod connection;
mod crowd;
mod deliveries;
mod dialect;
mod frames;
mod storm;
mod tally;
mod task;
mod text;
mod ticks;

use std::io::BufRead;

use hearken_bench_stopwatch::{Answer, Error};
use serde::Serialize;

use crowd::Crowd;
pub(super) use crowd::admin_token;
pub(super) use dialect::Dialect;
pub(super) use task::{Done, Pace, Publish, Server, Storm, Task};

/// The process.
pub(crate) fn run() {
    say(&Answer::Ready(String::new()));
    let mut crowd = None;
    for line in std::io::stdin().lock().lines() {
        let task = line.map_err(Error::from);
        let task = task.and_then(|line| Ok(serde_json::from_str(&line)?));
        let done = task.and_then(|task| carry_out(&mut crowd, task));
        say(&done.map_err(|error| error.to_string()));
    }
}

fn say(answer: &impl Serialize) {
    match serde_json::to_string(answer) {
        Ok(answer) => println!("{answer}"),
        Err(error) => eprintln!("a client cannot answer: {error}"),
    }
}

fn carry_out(crowd: &mut Option<Crowd>, task: Task) -> Result<Done, Error> {
    if let Task::Speak(server) = task {
        *crowd = Some(Crowd::of(server)?);
        return Ok(Done::default());
    }
    let crowd = crowd.as_mut().ok_or("there is no server")?;
    match task {
        Task::Speak(_) => Ok(Done::default()),
        Task::Connect(sessions) => crowd.connect(sessions),
        Task::Publish(task) => crowd.publish(task),
        Task::Storm(task) => crowd.storm(task),
    }
}
