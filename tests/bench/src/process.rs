//! Processes that take tasks by lines on stdin and answer by lines on stdout.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use hearken_bench_stopwatch::Answer;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// A process that takes tasks; it ends with its input.
pub(crate) struct Process {
    child: Child,
    tasks: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
    /// Where others reach it.
    pub(crate) address: String,
}

impl Process {
    /// Starts a process and waits until it is ready.
    pub(crate) fn start(command: &mut Command) -> Result<Self, String> {
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

    /// The number of the process.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Resident memory in KiB, as Linux counts it, and how many files are open.
    ///
    /// # Errors
    /// When Linux does not say so.
    pub(crate) fn holds(&self) -> Result<(f64, usize), String> {
        let folder = format!("/proc/{}", self.child.id());
        let files = std::fs::read_dir(format!("{folder}/fd"));
        let files = files.map_err(|error| error.to_string())?.count();
        let status = std::fs::read_to_string(format!("{folder}/status"));
        let status = status.map_err(|error| error.to_string())?;
        Ok((resident_kib(&status), files))
    }

    pub(crate) fn tell(&mut self, task: impl Serialize) -> Result<(), String> {
        let task = serde_json::to_string(&task).expect("a task is plain data");
        let tasks = self.tasks.as_mut().expect("open until it is dropped");
        writeln!(tasks, "{task}").map_err(|error| format!("a process has ended: {error}"))
    }

    pub(crate) fn answer(&mut self) -> Result<Answer, String> {
        match self.line()? {
            Answer::Failed(reason) => Err(reason),
            answer => Ok(answer),
        }
    }

    /// The answer to the last task of a process whose answers are others than [`Answer`]: what
    /// it has done, or why it could not.
    pub(crate) fn done<T: DeserializeOwned>(&mut self) -> Result<T, String> {
        self.line::<Result<T, String>>()?
    }

    fn line<T: DeserializeOwned>(&mut self) -> Result<T, String> {
        let mut line = String::new();
        let read = self.answers.read_line(&mut line);
        read.map_err(|error| format!("a process has ended: {error}"))?;
        serde_json::from_str(&line).map_err(|_| "a process has ended; see above".to_owned())
    }
}

/// Resident memory by what Linux says of a process.
pub(crate) fn resident_kib(status: &str) -> f64 {
    let resident = status.lines().find_map(|line| {
        let rest = line.strip_prefix("VmRSS:")?;
        rest.split_whitespace().next()?.parse().ok()
    });
    resident.unwrap_or(f64::NAN)
}

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.tasks.take());
        let _ = self.child.wait();
    }
}
