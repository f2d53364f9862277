//! All sessions of a node are cut off at once, and come back to what they have missed.

use std::time::Duration;

use super::client::{Dialect, Storm, Task};
use super::contender::{Contender, Session};
use super::found::row;
use super::hearken;
use crate::Options;
use crate::report::{Report, Samples};

/// What is published meanwhile, and before and after.
const STORM: Storm = Storm {
    every: Duration::from_millis(100),
    around: 20,
};

/// What was found out.
#[derive(Default)]
struct Found {
    milliseconds: Samples,
    cpu: Samples,
    missed: Samples,
}

pub(super) fn measure(report: &mut Report, options: &Options, sessions: usize) {
    let name = format!("{}, storm of {sessions} sessions", hearken::NAME);
    let mut found = Found::default();
    for repetition in 0..options.repetitions {
        let (now, all) = (repetition + 1, options.repetitions);
        eprintln!("{name}: repetition {now} of {all}");
        if let Err(reason) = found.repeat(sessions) {
            return report.skip("sessions", &name, &reason);
        }
    }
    let Found {
        milliseconds,
        cpu,
        missed,
    } = &found;
    report.push(row(
        name.clone(),
        milliseconds,
        "ms until all are back with all that they missed",
    ));
    let unit = "µs of the node's CPU a session";
    report.push(row(format!("{name}, CPU"), cpu, unit));
    let unit = "publications meanwhile";
    report.push(row(format!("{name}, published"), missed, unit));
}

impl Found {
    fn repeat(&mut self, sessions: usize) -> Result<(), String> {
        let node = hearken::Node(Dialect::HearkenKept);
        let mut session = Session::with(node.start(sessions)?)?;
        session.run(&Task::Connect(sessions))?;
        let (done, cpu) = session.run_counted(&Task::Storm(STORM))?;
        self.milliseconds.push(done.seconds * 1e3);
        self.cpu.push(cpu * 1e6 / sessions as f64);
        self.missed.push(done.messages as f64);
        Ok(())
    }
}
