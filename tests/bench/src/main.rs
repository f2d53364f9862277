//! `cargo run --release -p hearken-bench -- SUITE [--json]`: one run measures
//! everything in a suite side by side, several repetitions interleaved, and
//! shows medians with the smallest and the largest.

mod guests;
mod node;
mod report;
mod suites;

use clap::{Parser, ValueEnum};

use report::Report;

/// The allocator of the `hearken` command.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// What Hearken costs.
#[derive(Debug, Parser)]
struct Bench {
    /// What to measure
    suite: Suite,

    /// One JSON object a line instead of a table
    #[arg(long)]
    json: bool,

    /// How often each measurement is taken
    #[arg(long, default_value_t = 5)]
    repetitions: usize,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Suite {
    /// Throughput: from `publish` on one thread to handled in the guest
    Dispatch,
    /// Time from `publish` to handled at 10,000 events/s, alone and beside hogs
    Latency,
    /// Publishing to one of many receivers
    Routing,
    /// Loading and reloading plugins, and the memory of idle ones
    Load,
}

fn main() {
    let Bench {
        suite,
        json,
        repetitions,
    } = Bench::parse();
    let mut report = Report::new(json);
    let repetitions = repetitions.max(1);
    match suite {
        Suite::Dispatch => suites::dispatch::run(&mut report, repetitions),
        Suite::Latency => suites::latency::run(&mut report, repetitions),
        Suite::Routing => suites::routing::run(&mut report, repetitions),
        Suite::Load => suites::load::run(&mut report, repetitions),
    }
    report.finish();
}
