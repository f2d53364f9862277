//! What requests have to store.

use std::time::Duration;

use hearken_bench_stopwatch::Append;

use crate::suites::latency::nanoseconds_from_now;

/// Digits of the time, and the quotes around data.
const STAMP: usize = 20;
const QUOTES: usize = 2;

/// Makes the bodies of requests of one task.
#[derive(Clone)]
pub(super) struct Bodies {
    each: usize,
    /// Subjects that take turns; none if 0.
    subjects: usize,
    /// Behind the time.
    rest: String,
    /// No other task has this, so that no id comes twice.
    task: u64,
}

impl Bodies {
    pub(super) fn new(append: Append, subjects: usize) -> Self {
        Self {
            each: if append.batch { append.window } else { 1 },
            subjects,
            rest: "x".repeat(append.payload.saturating_sub(STAMP + QUOTES)),
            task: nanoseconds_from_now(Duration::ZERO),
        }
    }

    /// Events of one request.
    pub(super) fn each(&self) -> u64 {
        self.each as u64
    }

    /// The body of a request. Those of a batch are whole CloudEvents, which have ids.
    pub(super) fn body(&self, turn: usize) -> String {
        if self.each == 1 {
            return format!("{{{}}}", self.event(turn));
        }
        let events = (0..self.each).map(|at| {
            let number = turn * self.each + at;
            let (task, event) = (self.task, self.event(number));
            format!(r#"{{"specversion":"1.0","id":"{task}-{number}","source":"/bench",{event}}}"#)
        });
        format!("[{}]", events.collect::<Vec<_>>().join(","))
    }

    /// The members of an event, whose data begins with the time.
    fn event(&self, number: usize) -> String {
        let (sent, rest) = (nanoseconds_from_now(Duration::ZERO), &self.rest);
        let subject = match self.subjects {
            0 => String::new(),
            subjects => format!(r#""subject":"subject-{}","#, number % subjects),
        };
        format!(r#""type":"bench.appended",{subject}"data":"{sent:0STAMP$}{rest}""#)
    }
}
