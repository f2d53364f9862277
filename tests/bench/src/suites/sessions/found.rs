//! What is measured of a contender.

use std::time::Duration;

use tokio::time::Instant;

use super::PAYLOAD;
use super::client::{Pace, Publish, Task};
use super::contender::{Contender, Session};
use crate::report::{Report, Row, Samples};
use crate::sleep;

/// Receipts of all messages that are published one after the other.
const RECEIPTS: usize = 200_000;

/// Most of these messages.
const MESSAGES: usize = 200;

/// Messages that are published as fast as all sessions get them, and how many of them may be
/// under way.
const FLOOD: usize = 500;
const WINDOW: usize = 32;

/// Messages that are published at intervals, and these.
const TIMED: usize = 3_000;
const INTERVAL: Duration = Duration::from_millis(1);

/// Messages that are not counted.
const WARM_UP: usize = 10;

/// After that time a session is idle that has just begun.
const IDLE: Duration = Duration::from_secs(3);

/// Numbers of sessions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Sizes {
    pub(super) few: usize,
    pub(super) some: usize,
    pub(super) many: usize,
}

impl Sizes {
    pub(super) fn of(many: usize) -> Self {
        Self {
            few: (many / 100).max(1),
            some: (many / 10).max(2),
            many,
        }
    }
}

/// One event to all of many sessions.
#[derive(Debug, Default)]
pub(super) struct FanOut {
    /// Milliseconds from published to received by the last.
    pub(super) to_all: Samples,
    /// Microseconds of the server's CPU for each session.
    pub(super) cpu: Samples,
}

/// All that is measured.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) name: &'static str,
    shown: &'static str,
    pub(super) to_some: FanOut,
    pub(super) to_many: FanOut,
    /// Messages a second to some sessions.
    pub(super) rate: Samples,
    /// Microseconds from published to received, of few sessions.
    p50: Samples,
    p99: Samples,
    /// Sessions a second.
    connecting: Samples,
    /// Sessions a second of the server's CPU.
    pub(super) connecting_cpu: Samples,
    /// KiB of memory of an idle session.
    pub(super) idle: Samples,
    /// Bytes of a message on the wire.
    pub(super) frame: usize,
    /// Why it cannot be measured, once it could not.
    failed: Option<String>,
}

impl Found {
    pub(super) fn of(contender: &dyn Contender) -> Self {
        Self {
            name: contender.name(),
            shown: contender.shown(),
            ..Self::default()
        }
    }

    /// Measures everything once, unless something went wrong before. `frame` is how many bytes
    /// the loop writes.
    pub(super) fn repeat(&mut self, contender: &dyn Contender, sizes: Sizes, frame: usize) {
        if self.failed.is_none() {
            self.failed = self.measure(contender, sizes, frame).err();
        }
    }

    /// Whether all of it was measured.
    pub(super) fn is_whole(&self) -> bool {
        self.failed.is_none()
    }

    fn measure(
        &mut self,
        contender: &dyn Contender,
        sizes: Sizes,
        frame: usize,
    ) -> Result<(), String> {
        let publish = |messages, pace| {
            Task::Publish(Publish {
                messages,
                pace,
                frame,
            })
        };
        let mut session = Session::with(contender.start(sizes.many)?)?;
        session.run(&Task::Connect(sizes.few))?;
        // One a frame, and so as long as it is.
        self.frame = session.run(&publish(MESSAGES, Pace::Window(1)))?.frame;
        let timed = session.run(&publish(TIMED, Pace::Every(INTERVAL)))?;
        self.p50.push(timed.p50 * 1e6);
        self.p99.push(timed.p99 * 1e6);

        session.run(&Task::Connect(sizes.some))?;
        session.run(&publish(WARM_UP, Pace::Window(1)))?;
        self.to_some.measure(&mut session, sizes.some, publish)?;
        let flood = session.run(&publish(FLOOD, Pace::Window(WINDOW)))?;
        self.rate.push(flood.messages as f64 / flood.seconds);

        let before = session.usage()?.kib;
        let (connected, cpu) = session.run_counted(&Task::Connect(sizes.many))?;
        let more = (sizes.many - sizes.some) as f64;
        self.connecting.push(more / connected.seconds);
        self.connecting_cpu.push(more / cpu);
        sleep::until(Instant::now() + IDLE);
        self.idle.push((session.usage()?.kib - before) / more);

        session.run(&publish(WARM_UP, Pace::Window(1)))?;
        self.to_many.measure(&mut session, sizes.many, publish)
    }

    pub(super) fn tell(&self, report: &mut Report, sizes: Sizes) {
        let Self { name, shown, .. } = self;
        if let Some(reason) = &self.failed {
            return report.skip("sessions", name, reason);
        }
        for (sessions, fan_out) in [(sizes.some, &self.to_some), (sizes.many, &self.to_many)] {
            let name = format!("{name}, to {sessions} sessions");
            let unit = "ms from published to received by the last";
            report.push(of_message(row(name.clone(), &fan_out.to_all, unit)));
            let unit = "µs of the server's CPU a session";
            report.push(of_message(row(format!("{name}, CPU"), &fan_out.cpu, unit)));
        }
        let rate = format!("{name}, one after the other to {} sessions", sizes.some);
        report.push(of_message(row(rate, &self.rate, "messages/s")));
        report.push(of_message(Row {
            p50_us: Some(self.p50.median()),
            p99_us: Some(self.p99.median()),
            median: None,
            ..row(
                format!("{name}, 1,000 messages/s to {} sessions", sizes.few),
                &self.p99,
                "µs from published to received (min and max of p99)",
            )
        }));
        let connecting = format!("{name}, connecting and subscribing {shown}");
        report.push(row(connecting.clone(), &self.connecting, "sessions/s"));
        let unit = "sessions a second of the server's CPU";
        let cpu = format!("{connecting}, CPU");
        report.push(row(cpu, &self.connecting_cpu, unit));
        report.push(row(format!("{name}, idle"), &self.idle, "KiB/session"));
    }
}

impl FanOut {
    fn measure(
        &mut self,
        session: &mut Session,
        sessions: usize,
        publish: impl Fn(usize, Pace) -> Task,
    ) -> Result<(), String> {
        let messages = (RECEIPTS / sessions).clamp(1, MESSAGES);
        let task = publish(messages, Pace::Window(1));
        let (done, cpu) = session.run_counted(&task)?;
        self.to_all.push(done.to_all * 1e3);
        self.cpu.push(cpu * 1e6 / (messages * sessions) as f64);
        Ok(())
    }
}

pub(super) fn row(name: String, samples: &Samples, unit: &'static str) -> Row {
    Row::of("sessions", name, samples, unit)
}

fn of_message(row: Row) -> Row {
    Row {
        payload: Some(PAYLOAD),
        ..row
    }
}
