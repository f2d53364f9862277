//! What plugins cost that do nothing: many of them in a process of their own, so
//! that nothing else is counted, once after compiling them and once from the cache.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use super::{different_files, milliseconds, row};
use crate::node::{Folder, Node};
use crate::report::{Report, Samples};
use crate::{process, sleep, usage};

/// Plugins that do nothing.
const PLUGINS: usize = 1_000;

/// After a start, for what it took for a moment to be given back.
const SETTLES: Duration = Duration::from_secs(3);

/// Different files among them.
const FILES: usize = 100;

/// What a process with idle plugins says of itself.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct Taken {
    /// Resident memory that the plugins added.
    kib: f64,
    /// Memory that the process has written, and nobody shares.
    pub(crate) written_kib: f64,
    /// How long the start took.
    milliseconds: f64,
    /// CPU of the start, by all threads.
    pub(crate) cpu_milliseconds: f64,
}

pub(super) fn measure(report: &mut Report, measured: &Path) {
    let files = tempfile::tempdir().expect("a temporary folder");
    let files = different_files(measured, files.path(), FILES);
    let plugins: Vec<(String, &Path, &str)> = (0..PLUGINS)
        .map(|index| {
            let file = files[index % FILES].as_path();
            (format!("idle-{index}"), file, "")
        })
        .collect();
    let folder = Folder::new(&plugins);
    for (memory, start) in [
        ("idle-memory-after-compiling", "start-1000-cold"),
        ("idle-memory", "start-1000-cached"),
    ] {
        match in_a_process(folder.path()) {
            Ok(taken) => {
                let mut samples = Samples::default();
                samples.push(taken.kib / PLUGINS as f64);
                report.push(row(memory, "KiB/plugin", &samples));
                let mut samples = Samples::default();
                samples.push(taken.milliseconds);
                report.push(row(
                    start,
                    "ms, 1,000 plugins of 100 files that are much alike",
                    &samples,
                ));
            }
            Err(reason) => report.skip("load", memory, &reason),
        }
    }
}

/// Starts a node on this folder in a process of its own.
///
/// # Errors
/// When it fails.
pub(crate) fn in_a_process(folder: &Path) -> Result<Taken, String> {
    let program = std::env::current_exe().map_err(|error| error.to_string())?;
    let output = Command::new(program)
        .arg("--idle-node")
        .arg(folder)
        .stderr(std::process::Stdio::inherit())
        .output()
        .map_err(|error| error.to_string())?;
    serde_json::from_slice(&output.stdout)
        .map_err(|_| "the process with the idle plugins has failed; see above".to_owned())
}

/// The process that [`in_a_process`] starts.
pub(crate) fn run_node(folder: &Path) {
    let before = resident_kib();
    let (began, cpu) = (Instant::now(), usage::own_cpu());
    let node = Node::run(folder);
    let start = milliseconds(began);
    let cpu_milliseconds = (usage::own_cpu() - cpu).as_secs_f64() * 1e3;
    sleep::until(Instant::now() + SETTLES);
    let taken = Taken {
        milliseconds: start,
        cpu_milliseconds,
        kib: resident_kib() - before,
        written_kib: usage::written_kib(std::process::id()).unwrap_or(f64::NAN),
    };
    println!(
        "{}",
        serde_json::to_string(&taken).expect("two numbers are plain data")
    );
    drop(node);
}

/// Resident memory of this process, as Linux counts it.
pub(crate) fn resident_kib() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    process::resident_kib(&status)
}
