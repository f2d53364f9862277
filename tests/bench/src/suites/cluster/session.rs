//! The processes of one measurement.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use hearken_bench_stopwatch::{Answer, Arrival, Task};

/// Starts the processes of one way to get events to others.
pub(super) trait Launch {
    /// Finds out whether it can be measured here, and builds what that takes.
    ///
    /// # Errors
    /// Says why not, and what to do about it.
    fn prepare(&mut self) -> Result<(), String> {
        Ok(())
    }

    /// Starts one process that publishes and so many that receive.
    ///
    /// # Errors
    /// Says which did not start, and why.
    fn start(&self, receivers: usize) -> Result<Session, String>;
}

/// Processes that wait for tasks.
pub(super) struct Session {
    publisher: Process,
    receivers: Vec<Process>,
    /// Stopped last.
    _broker: Option<Stopped>,
}

/// What came out of a task.
pub(super) struct Measured {
    /// From the first event published to the last one received by the slowest.
    pub(super) nanoseconds: u64,
    /// Microseconds from sent to received, of the slowest receiver, where the task
    /// has them measured.
    pub(super) p50: f64,
    pub(super) p99: f64,
}

impl Session {
    pub(super) fn new(
        publisher: Process,
        receivers: Vec<Process>,
        broker: Option<Stopped>,
    ) -> Self {
        Self {
            publisher,
            receivers,
            _broker: broker,
        }
    }

    /// Runs one task to its end.
    ///
    /// # Errors
    /// When an event was lost, repeated or out of order, or a process failed.
    pub(super) fn run(&mut self, task: Task) -> Result<Measured, String> {
        for receiver in &mut self.receivers {
            receiver.tell(task)?;
        }
        self.publisher.tell(task)?;
        let began = match self.publisher.answer()? {
            Answer::Published(began) => began,
            other => return Err(format!("the publisher says {other:?}")),
        };
        let mut measured = Measured {
            nanoseconds: 0,
            p50: 0.0,
            p99: 0.0,
        };
        for receiver in &mut self.receivers {
            let Arrival { last, p50, p99 } = match receiver.answer()? {
                Answer::Received(arrival) => arrival,
                other => return Err(format!("a receiver says {other:?}")),
            };
            let nanoseconds = last.saturating_sub(began);
            measured.nanoseconds = measured.nanoseconds.max(nanoseconds);
            measured.p50 = measured.p50.max(p50.unwrap_or_default());
            measured.p99 = measured.p99.max(p99.unwrap_or_default());
        }
        Ok(measured)
    }
}

/// A process that takes tasks; it ends with its input.
pub(super) struct Process {
    child: Child,
    tasks: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
    /// Where others reach it.
    pub(super) address: String,
}

impl Process {
    /// Starts a process and waits until it is ready.
    pub(super) fn start(command: &mut Command) -> Result<Self, String> {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| format!("{command:?} cannot be run: {error}"))?;
        let tasks = child.stdin.take();
        let answers = child.stdout.take().expect("it is piped");
        let mut process = Self {
            child,
            tasks,
            answers: BufReader::new(answers),
            address: String::new(),
        };
        match process.answer()? {
            Answer::Ready(address) => process.address = address,
            other => return Err(format!("{command:?} says {other:?}")),
        }
        Ok(process)
    }

    fn tell(&mut self, task: Task) -> Result<(), String> {
        let task = serde_json::to_string(&task).expect("a task is plain data");
        let tasks = self.tasks.as_mut().expect("open until it is dropped");
        writeln!(tasks, "{task}").map_err(|error| format!("a process has ended: {error}"))
    }

    fn answer(&mut self) -> Result<Answer, String> {
        let mut answer = String::new();
        let read = self.answers.read_line(&mut answer);
        read.map_err(|error| format!("a process has ended: {error}"))?;
        match serde_json::from_str(&answer) {
            Ok(Answer::Failed(reason)) => Err(reason),
            Ok(answer) => Ok(answer),
            Err(_) => Err("a process has ended; see above".to_owned()),
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.tasks.take());
        let _ = self.child.wait();
    }
}

/// A process that knows no end; it is stopped when this is dropped.
pub(super) struct Stopped(pub(super) Child);

impl Drop for Stopped {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
