//! Loading plugins cold and from the cache, reloading one, and the memory that
//! idle plugins cost.

use std::path::Path;

use hearken::event::{Draft, EventType};
use tokio::time::Instant;

use crate::guests::component;
use crate::node::Node;
use crate::report::{Report, Row, Samples};

/// Plugins of one start.
const PLUGINS: usize = 20;

/// Replacements of a plugin's file.
const RELOADS: usize = 20;

/// Plugins that do nothing.
const IDLE: usize = 1_000;

pub(crate) fn run(report: &mut Report, repetitions: usize) {
    let measured = component("measured");
    let (mut cold, mut cached) = (Samples::default(), Samples::default());
    for _ in 0..repetitions {
        let plugins: Vec<_> = (0..PLUGINS)
            .map(|index| (format!("p-{index}"), measured.as_path(), ""))
            .collect();
        let began = Instant::now();
        let node = Node::start(&plugins[..1]);
        cold.push(milliseconds(began));
        for (name, component, _) in &plugins[1..] {
            std::fs::copy(component, node.file(name, "wasm")).expect("a writable folder");
        }
        let began = Instant::now();
        let node = node.restart();
        cached.push(milliseconds(began) / PLUGINS as f64);
        drop(node);
    }
    report.push(row("cold", "ms/plugin", &cold));
    report.push(row("cached", "ms/plugin", &cached));
    report.push(row(
        "reload",
        "ms, file replaced to first event handled",
        &reloads(&measured),
    ));
    report.push(row("idle-memory", "KiB/plugin", &idle_memory(&measured)));
}

fn row(name: &str, unit: &'static str, samples: &Samples) -> Row {
    Row {
        suite: "load",
        name: name.to_owned(),
        median: Some(samples.median()),
        min: samples.min(),
        max: samples.max(),
        unit,
        ..Row::default()
    }
}

fn milliseconds(began: Instant) -> f64 {
    began.elapsed().as_secs_f64() * 1e3
}

/// From a file being renamed into place to the first event that the new version
/// has handled. Each file is different, so that each is compiled.
fn reloads(measured: &Path) -> Samples {
    let node = Node::start(&[("measured".to_owned(), measured, "")]);
    let reloaded = node.receiver("plugin.reloaded");
    let answered = node.receiver("custom.bench.reported");
    let publisher = node.publisher();
    let original = std::fs::read(measured).expect("the component was just built");
    let ask = Draft::new(EventType::custom("bench.report").expect("a valid type"));
    let mut samples = Samples::default();
    for version in 0..RELOADS {
        let staged = node.file("measured", "next");
        let marked = [original.as_slice(), &custom_section(version)].concat();
        std::fs::write(&staged, marked).expect("a writable folder");
        let began = Instant::now();
        std::fs::rename(&staged, node.file("measured", "wasm")).expect("a writable folder");
        node.next(&reloaded);
        publisher.publish(&ask).expect("a valid event");
        node.next(&answered);
        samples.push(milliseconds(began));
    }
    samples
}

/// A custom section that changes nothing but the file's hash.
fn custom_section(version: usize) -> Vec<u8> {
    let name = format!("bench-{version:04}");
    let length = u8::try_from(name.len()).expect("a short name");
    [&[0, length + 1, length], name.as_bytes()].concat()
}

fn idle_memory(measured: &Path) -> Samples {
    let before = resident_kib();
    let plugins: Vec<_> = (0..IDLE)
        .map(|index| (format!("idle-{index}"), measured, ""))
        .collect();
    let node = Node::start(&plugins);
    let mut samples = Samples::default();
    samples.push((resident_kib() - before) / IDLE as f64);
    drop(node);
    samples
}

/// Resident memory of this process, as Linux counts it.
fn resident_kib() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    status
        .lines()
        .find_map(|line| {
            line.strip_prefix("VmRSS:")?
                .split_whitespace()
                .next()?
                .parse()
                .ok()
        })
        .unwrap_or(f64::NAN)
}
