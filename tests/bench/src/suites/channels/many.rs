//! What many channels cost that nobody uses: the start of a node, and memory and open files.

use std::path::Path;
use std::time::Duration;

use tokio::time::Instant;

use super::{hearken, in_process};
use crate::Options;
use crate::report::{Report, Row, Samples};
use crate::sleep;

/// The rows that are measured here begin so.
const NAME: &str = "hearken/many";

/// Channels and GiB of events with which a node is started.
const STARTED: (usize, u64) = (1_000, 10);

/// Events that are written at once for it.
const BATCH: usize = 1_000;

/// Channels of which memory is counted, each with one event: so many that what one has shows.
const IDLE: usize = 10_000;

/// After that time nothing is held any more of a channel that is not used.
const UNUSED: Duration = Duration::from_secs(45);

pub(super) fn measure(report: &mut Report, options: &Options) {
    if !options.wants(NAME) {
        return;
    }
    let (channels, gibibytes) = STARTED;
    let start = format!("{NAME}, start with {channels} channels and {gibibytes} GiB");
    eprintln!("{start}: writing them takes minutes");
    match starts(options.repetitions) {
        Ok(samples) => report.push(row(start, &samples, "ms")),
        Err(reason) => report.skip("channels", &start, &reason),
    }
    let idle = format!("{NAME}, idle");
    match idle_channels() {
        Ok((memory, files)) => {
            report.push(row(format!("{idle}, memory"), &memory, "bytes/channel"));
            let unit = "open files of all channels";
            report.push(row(format!("{idle}, files"), &files, unit));
        }
        Err(reason) => report.skip("channels", &idle, &reason),
    }
}

fn row(name: String, samples: &Samples, unit: &'static str) -> Row {
    Row::of("channels", name, samples, unit)
}

/// Milliseconds from the start of the program until a node is ready.
fn starts(repetitions: usize) -> Result<Samples, String> {
    let folder = tempfile::tempdir_in(".").map_err(|error| error.to_string())?;
    let (channels, gibibytes) = STARTED;
    fill(folder.path(), channels, BATCH, gibibytes << 30)?;
    let mut samples = Samples::default();
    for _ in 0..repetitions {
        let began = Instant::now();
        let node = hearken::start_node(folder.path(), None)?;
        samples.push(began.elapsed().as_secs_f64() * 1e3);
        drop(node);
    }
    Ok(samples)
}

/// Bytes that a channel adds to a node that was started with it, and files that all add.
fn idle_channels() -> Result<(Samples, Samples), String> {
    let [none, many] = [0, IDLE].map(|channels| {
        let folder = tempfile::tempdir_in(".").map_err(|error| error.to_string())?;
        fill(folder.path(), channels, 1, 0)?;
        let node = hearken::start_node(folder.path(), None)?;
        sleep::until(Instant::now() + UNUSED);
        node.holds()
    });
    let ((none, few), (many, files)) = (none?, many?);
    let (mut memory, mut open) = (Samples::default(), Samples::default());
    memory.push((many - none) * 1024.0 / IDLE as f64);
    open.push(files as f64 - few as f64);
    Ok((memory, open))
}

fn fill(folder: &Path, channels: usize, events: usize, bytes: u64) -> Result<(), String> {
    let filled = in_process::fill(&hearken::data(folder), channels, events, bytes);
    filled.map_err(|error| error.to_string())
}
