//! The processes of one measurement.

use hearken_bench_stopwatch::{Answer, Arrival, Task};

use crate::process::Process;
use crate::servers::Stopped;

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
