//! Appending to channels and reading them, beside a bare loop of writes and syncs on the
//! same disk and beside the logs of message brokers. Each server has the machine to
//! itself while it is measured, and its client is a process of its own.

mod bare;
mod body;
mod client;
mod connection;
mod consume;
mod handled;
mod hearken;
mod in_process;
mod many;
mod peers;
mod served;
mod session;
mod syncs;

use hearken_bench_stopwatch::{Append, LogTask};

use crate::Options;
use crate::report::{Report, Row, Samples};
use session::Session;

pub(crate) use client::run as run_client;
pub(crate) use hearken::run as run_node;

/// Bytes of data of an event.
const PAYLOAD: usize = 256;

/// Bytes of a record with so much data, for those who encode nothing.
const RECORD: usize = 400;

/// Events under way at once.
const WINDOWS: [usize; 3] = [1, 16, 256];

/// Channels that take turns.
const CHANNELS: [usize; 2] = [1, 100];

/// How long one repetition is.
const MILLISECONDS: u64 = 1000;

/// A repetition that is not counted: channels are made, files begun.
const WARM_UP: u64 = 300;

/// How long a log is filled that is read then.
const FILL: u64 = 3000;

/// Somebody who keeps logs.
trait Contender {
    /// How rows are named.
    fn name(&self) -> &'static str;

    /// Finds out whether it can be measured here, and builds what that takes.
    ///
    /// # Errors
    /// Says why not, and what to do about it.
    fn prepare(&mut self) -> Result<(), String> {
        Ok(())
    }

    /// Whether all that is under way at once is one request.
    fn batch(&self) -> bool {
        false
    }

    /// Whether it is measured with so many events under way at once.
    fn measures(&self, window: usize) -> bool {
        let _ = window;
        true
    }

    /// What its rows of reading are called, if it is read.
    fn read(&self) -> Option<&'static str> {
        None
    }

    /// Starts it with nothing stored; `trace` has all syncs of its server written to a file.
    ///
    /// # Errors
    /// When it cannot.
    fn start(&self, trace: Option<&std::path::Path>) -> Result<Session, String>;
}

/// What is found out about a contender.
struct Found {
    /// Events a second, for each window and number of channels.
    rates: Vec<Samples>,
    /// Syncs an event, for the same.
    syncs: Vec<Option<f64>>,
    /// Events a second that are read.
    read: Samples,
    /// Why it cannot be measured, once it could not.
    failed: Option<String>,
}

fn shapes() -> impl Iterator<Item = (usize, usize)> {
    WINDOWS
        .into_iter()
        .flat_map(|window| CHANNELS.map(|channels| (window, channels)))
}

pub(crate) fn run(report: &mut Report, options: &Options) {
    let mut contenders: Vec<Box<dyn Contender>> = vec![
        Box::new(bare::Bare),
        Box::new(served::Served),
        Box::new(in_process::InProcess),
        Box::new(hearken::Served { batch: false }),
        Box::new(hearken::Served { batch: true }),
    ];
    contenders.extend(peers::all());
    contenders.retain(|contender| options.wants(contender.name()));
    contenders.retain_mut(|contender| match contender.prepare() {
        Ok(()) => true,
        Err(reason) => {
            report.skip("channels", contender.name(), &reason);
            false
        }
    });
    let mut found: Vec<Found> = contenders.iter().map(|_| Found::new()).collect();
    for repetition in 0..options.repetitions {
        eprintln!("repetition {} of {}", repetition + 1, options.repetitions);
        repeat(&contenders, &mut found);
    }
    if let Err(reason) = syncs::available() {
        report.skip("channels", "syncs an event", &reason);
    } else {
        for (contender, found) in contenders.iter().zip(&mut found) {
            if found.failed.is_none() {
                let counted = found.count_syncs(contender.as_ref());
                found.keep(counted);
            }
        }
    }
    for (contender, found) in contenders.iter().zip(&found) {
        match &found.failed {
            Some(reason) => report.skip("channels", contender.name(), reason),
            None => found.tell(report, contender.as_ref()),
        }
    }
    consume::measure(report, options);
    many::measure(report, options);
}

/// Measures everything once, but for who has failed. A disk is not the same from one minute
/// to the next, so all contenders take turns at each shape.
fn repeat(contenders: &[Box<dyn Contender>], found: &mut [Found]) {
    let mut sessions: Vec<(&dyn Contender, &mut Found, Session)> = contenders
        .iter()
        .zip(found)
        .filter(|(_, found)| found.failed.is_none())
        .filter_map(|(contender, found)| {
            let session = found.keep(contender.start(None))?;
            Some((contender.as_ref(), found, session))
        })
        .collect();
    for (at, shape) in shapes().enumerate() {
        sessions.retain(|(_, found, _)| found.failed.is_none());
        let measured = sessions.iter_mut();
        for (contender, found, session) in measured.filter(|(who, ..)| who.measures(shape.0)) {
            let task = |milliseconds| LogTask::Append(append(*contender, shape, milliseconds));
            let measured = session
                .run(task(WARM_UP))
                .and_then(|_| session.rate(task(MILLISECONDS)));
            if let Some(rate) = found.keep(measured) {
                found.rates[at].push(rate);
            }
        }
    }
    sessions.retain(|(_, found, _)| found.failed.is_none());
    for (contender, found, session) in &mut sessions {
        if contender.read().is_some() {
            let fill = LogTask::Append(append(*contender, (256, 1), FILL));
            let measured = session.run(fill).and_then(|_| session.rate(LogTask::Read));
            if let Some(rate) = found.keep(measured) {
                found.read.push(rate);
            }
        }
    }
}

fn append(contender: &dyn Contender, (window, logs): (usize, usize), milliseconds: u64) -> Append {
    Append {
        window,
        logs,
        payload: PAYLOAD,
        batch: contender.batch(),
        milliseconds,
    }
}

impl Found {
    fn new() -> Self {
        Self {
            rates: shapes().map(|_| Samples::default()).collect(),
            syncs: shapes().map(|_| None).collect(),
            read: Samples::default(),
            failed: None,
        }
    }

    /// What came out, unless something went wrong now or before.
    fn keep<T>(&mut self, done: Result<T, String>) -> Option<T> {
        match done {
            Ok(done) => Some(done),
            Err(reason) => {
                self.failed.get_or_insert(reason);
                None
            }
        }
    }

    /// In a pass of its own, since being watched takes time.
    fn count_syncs(&mut self, contender: &dyn Contender) -> Result<(), String> {
        let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
        let trace = folder.path().join("syncs");
        let mut session = contender.start(Some(&trace))?;
        let all = shapes().zip(&mut self.syncs);
        for (shape, syncs) in all.filter(|(shape, _)| contender.measures(shape.0)) {
            session.run(LogTask::Append(append(contender, shape, WARM_UP)))?;
            let before = session.syncs(&trace)?;
            let task = LogTask::Append(append(contender, shape, MILLISECONDS));
            let events = session.run(task)?.events;
            *syncs = Some((session.syncs(&trace)? - before) as f64 / events as f64);
        }
        Ok(())
    }

    fn tell(&self, report: &mut Report, contender: &dyn Contender) {
        let rates = shapes().zip(&self.rates).zip(&self.syncs);
        let rates = rates.filter(|((shape, _), _)| contender.measures(shape.0));
        for (((window, channels), samples), syncs) in rates {
            report.push(Row {
                suite: "channels",
                name: format!("{} window {window}, {channels} channels", contender.name()),
                payload: Some(PAYLOAD),
                events_per_s: Some(samples.median()),
                median: Some(samples.median()),
                syncs_per_event: *syncs,
                min: samples.min(),
                max: samples.max(),
                unit: "events/s",
                ..Row::default()
            });
        }
        if let Some(name) = contender.read() {
            report.push(Row {
                suite: "channels",
                name: name.to_owned(),
                payload: Some(PAYLOAD),
                events_per_s: Some(self.read.median()),
                median: Some(self.read.median()),
                min: self.read.min(),
                max: self.read.max(),
                unit: "events/s",
                ..Row::default()
            });
        }
    }
}
