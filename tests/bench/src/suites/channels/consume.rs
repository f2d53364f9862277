//! From an append over HTTP to handled in a plugin that listens to the channel.

use std::path::Path;

use hearken_bench_stopwatch::{Append, Consume, LogTask};

use super::session::{Session, rate};
use super::{MILLISECONDS, PAYLOAD, WARM_UP, WINDOWS, hearken, syncs};
use crate::Options;
use crate::guests::component;
use crate::report::{Report, Row, Samples};

/// How rows are named.
const NAME: &str = "hearken/consume";

/// The plugin's manifest.
const MANIFEST: &str = "[allow]\nappend = [\"bench-report\"]\n";

/// Subjects that take turns.
const SUBJECTS: usize = 256;

/// How events are appended, and what comes out.
struct Shape {
    window: usize,
    batch: bool,
    subjects: usize,
    rates: Samples,
    p50: Samples,
    p99: Samples,
    syncs: Option<f64>,
}

impl Shape {
    fn new(window: usize, batch: bool, subjects: usize) -> Self {
        Self {
            window,
            batch,
            subjects,
            rates: Samples::default(),
            p50: Samples::default(),
            p99: Samples::default(),
            syncs: None,
        }
    }

    fn name(&self) -> String {
        let batch = if self.batch { "-batch" } else { "" };
        let subjects = match self.subjects {
            0 => "without subjects".to_owned(),
            subjects => format!("{subjects} subjects"),
        };
        format!("{NAME}{batch} window {}, {subjects}", self.window)
    }

    fn task(&self, milliseconds: u64) -> LogTask {
        LogTask::Consume(Consume {
            append: Append {
                window: self.window,
                logs: 1,
                payload: PAYLOAD,
                batch: self.batch,
                milliseconds,
            },
            subjects: self.subjects,
        })
    }

    fn measure(&mut self, session: &mut Session) -> Result<(), String> {
        session.run(self.task(WARM_UP))?;
        let logged = session.run(self.task(MILLISECONDS))?;
        self.rates.push(rate(logged));
        self.p50.push(logged.p50.unwrap_or(f64::NAN));
        self.p99.push(logged.p99.unwrap_or(f64::NAN));
        Ok(())
    }

    /// Counts syncs, in a session of its own.
    fn count(&mut self, session: &mut Session, trace: &Path) -> Result<(), String> {
        session.run(self.task(WARM_UP))?;
        let before = session.syncs(trace)?;
        let events = session.run(self.task(MILLISECONDS))?.events;
        self.syncs = Some((session.syncs(trace)? - before) as f64 / events as f64);
        Ok(())
    }
}

pub(super) fn measure(report: &mut Report, options: &Options) {
    if !options.wants(NAME) {
        return;
    }
    let mut shapes: Vec<Shape> = WINDOWS
        .map(|window| Shape::new(window, false, SUBJECTS))
        .into();
    shapes.extend([SUBJECTS, 0].map(|subjects| Shape::new(256, true, subjects)));
    if let Err(reason) = measure_all(&mut shapes, options) {
        return report.skip("channels", NAME, &reason);
    }
    for shape in shapes {
        report.push(Row {
            suite: "channels",
            name: shape.name(),
            payload: Some(PAYLOAD),
            events_per_s: Some(shape.rates.median()),
            median: Some(shape.rates.median()),
            p50_us: Some(shape.p50.median()),
            p99_us: Some(shape.p99.median()),
            syncs_per_event: shape.syncs,
            min: shape.rates.min(),
            max: shape.rates.max(),
            unit: "events/s (µs from sent to handled)",
            ..Row::default()
        });
    }
}

fn measure_all(shapes: &mut [Shape], options: &Options) -> Result<(), String> {
    let plugin = component("measured-consuming");
    for repetition in 0..options.repetitions {
        eprintln!(
            "{NAME}: repetition {} of {}",
            repetition + 1,
            options.repetitions
        );
        let mut session = start(&plugin, None)?;
        for shape in &mut *shapes {
            shape.measure(&mut session)?;
        }
    }
    if syncs::available().is_ok() {
        let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
        let trace = folder.path().join("syncs");
        let mut session = start(&plugin, Some(&trace))?;
        for shape in shapes {
            shape.count(&mut session, &trace)?;
        }
    }
    Ok(())
}

/// A node with the plugin, and a client.
fn start(plugin: &Path, trace: Option<&Path>) -> Result<Session, String> {
    let folder = tempfile::tempdir_in(".").map_err(|error| error.to_string())?;
    let plugins = folder.path().join("plugins");
    std::fs::create_dir(&plugins)
        .and_then(|()| std::fs::copy(plugin, plugins.join("consuming.wasm")))
        .and_then(|_| std::fs::write(plugins.join("consuming.toml"), MANIFEST))
        .map_err(|error| error.to_string())?;
    hearken::start(folder, trace)
}
