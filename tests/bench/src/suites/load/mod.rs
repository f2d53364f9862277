//! Loading plugins cold and from the cache, reloading one, and what idle ones cost.

pub(crate) mod idle;
mod reload;

use std::path::{Path, PathBuf};

use tokio::time::Instant;

use crate::Options;
use crate::guests::component;
use crate::node::{Folder, Node};
use crate::report::{Report, Row, Samples};
use reload::Before;

/// Plugins of one start from the cache, each of its own file.
const PLUGINS: usize = 20;

pub(crate) fn run(report: &mut Report, &Options { repetitions, .. }: &Options) {
    let measured = component("measured");
    let files = tempfile::tempdir().expect("a temporary folder");
    let files = different_files(&measured, files.path(), PLUGINS);
    let plugins: Vec<(String, &Path, &str)> = files
        .iter()
        .enumerate()
        .map(|(index, file)| (format!("plugin-{index}"), file.as_path(), ""))
        .collect();
    let (mut cold, mut cached) = (Samples::default(), Samples::default());
    for repetition in 0..repetitions {
        eprintln!("repetition {} of {repetitions}", repetition + 1);
        // By itself, since what plugins have in common is compiled once.
        let (_, taken) = timed_start(Folder::new(&plugins[..1]));
        cold.push(taken);
        let (node, _) = timed_start(Folder::new(&plugins));
        let (_, taken) = timed_start(node.stop());
        cached.push(taken / PLUGINS as f64);
    }
    report.push(row("cold", "ms, start of a node with one plugin", &cold));
    report.push(row("cached", "ms/plugin", &cached));
    eprintln!("reloading");
    let edited = component("measured-edited");
    for (name, before) in [
        ("reload", Before::Compiled),
        ("reload-after-restart", Before::Cached),
    ] {
        let reloads = reload::measure(&measured, &edited, before);
        report.push(Row {
            p95: Some(reloads.percentile(0.95)),
            ..row(name, "ms, file replaced to first event handled", &reloads)
        });
    }
    eprintln!("starting many idle plugins");
    idle::measure(report, &measured);
}

fn row(name: &str, unit: &'static str, samples: &Samples) -> Row {
    Row::of("load", name, samples, unit)
}

/// A node whose plugins all run, and the milliseconds that its start took.
fn timed_start(folder: Folder) -> (Node, f64) {
    let began = Instant::now();
    let node = Node::open(folder);
    let taken = milliseconds(began);
    (node, taken)
}

fn milliseconds(began: Instant) -> f64 {
    began.elapsed().as_secs_f64() * 1e3
}

/// Copies of a component that differ in nothing but their content's hash, so that
/// nothing but their functions is shared.
fn different_files(component: &Path, folder: &Path, count: usize) -> Vec<PathBuf> {
    let original = std::fs::read(component).expect("the component was just built");
    (0..count)
        .map(|version| {
            let file = folder.join(format!("{version}.wasm"));
            std::fs::write(&file, marked(&original, version))
                .expect("the temporary folder is writable");
            file
        })
        .collect()
}

/// The component with a custom section that says nothing but a number.
pub(crate) fn marked(component: &[u8], number: usize) -> Vec<u8> {
    let name = format!("bench-{number:04}");
    let length = u8::try_from(name.len()).expect("a short name");
    [component, &[0, length + 1, length], name.as_bytes()].concat()
}
