//! Runs simulated clusters and says what became of them.

use std::io::{self, Write as _};
use std::num::{NonZeroU64, NonZeroUsize};
use std::process::ExitCode;
use std::sync::Mutex;
use std::thread::available_parallelism;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use hearken_channel_model::check;
use hearken_sim::consume::{self, ledger::Counts};
use hearken_sim::ledger::Coverage;
use hearken_sim::run::Outcome;
use hearken_sim::scale;
use hearken_sim::scenario::Scenario;
use hearken_sim::seeds::{run_many, run_one};
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// Clusters of Hearken in simulated time on a simulated network: what happens follows
/// from a seed, and whatever goes wrong can be run again.
#[derive(Parser)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Nodes start and events flow.
    Steady(Seeds),
    /// The network breaks between some nodes and others, for a while.
    Partition(Seeds),
    /// The network between single nodes breaks and heals in quick succession.
    Flap(Seeds),
    /// Nodes crash and start again.
    Crash(Seeds),
    /// Nodes come and go.
    Churn(Seeds),
    /// Nodes whose network is too slow.
    SlowPeer(Seeds),
    /// More is published than waits for a node that is away.
    Overflow(Seeds),
    /// Large events and long lists of wishes, partly over a slow network.
    Large(Seeds),
    /// Nodes with certificates link over TLS.
    Secured(Seeds),
    /// Nodes bear the names of others.
    Twins(Seeds),
    /// A node is away for so long that others forget it.
    Forgotten(Seeds),
    /// Clients of sessions are moved from node to node, whatever happens to these.
    Sessions(Seeds),
    /// All of these, one after the other.
    All(Seeds),
    /// One large cluster: does it come together, and at what cost?
    Scale(Scale),
    /// The logs of channels on a disk that fails, through crashes also during recovery.
    Channel(Logs),
    /// A plugin that consumes a channel, through failures, reloads and crashes.
    Consume(Logs),
}

#[derive(Args)]
struct Seeds {
    /// The first seed.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How many seeds to run from there.
    #[arg(long, default_value_t = NonZeroU64::MIN)]
    seeds: NonZeroU64,
    /// Runs at once [default: one for each core].
    #[arg(long)]
    jobs: Option<NonZeroUsize>,
    /// Print all that happens in the run of the first seed, and run no other.
    #[arg(long)]
    trace: bool,
}

#[derive(Args)]
struct Logs {
    /// The first seed.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How many seeds to run from there.
    #[arg(long, default_value_t = NonZeroU64::MIN)]
    seeds: NonZeroU64,
    /// Runs at once [default: one for each core].
    #[arg(long)]
    jobs: Option<NonZeroUsize>,
}

#[derive(Args)]
struct Scale {
    /// How many nodes.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u16).range(2..=500))]
    nodes: u16,
    /// What all random choices follow from.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

fn main() -> ExitCode {
    let filter = std::env::var("RUST_LOG").ok();
    let filter: Targets = filter
        .and_then(|filter| filter.parse().ok())
        .unwrap_or_default();
    tracing_subscriber::registry()
        .with(tracing_subscriber::fmt::layer().with_writer(io::stderr))
        .with(filter)
        .init();
    let (scenarios, seeds) = match Cli::parse().command {
        Command::Steady(seeds) => (vec![Scenario::Steady], seeds),
        Command::Partition(seeds) => (vec![Scenario::Partition], seeds),
        Command::Flap(seeds) => (vec![Scenario::Flap], seeds),
        Command::Crash(seeds) => (vec![Scenario::Crash], seeds),
        Command::Churn(seeds) => (vec![Scenario::Churn], seeds),
        Command::SlowPeer(seeds) => (vec![Scenario::SlowPeer], seeds),
        Command::Overflow(seeds) => (vec![Scenario::Overflow], seeds),
        Command::Large(seeds) => (vec![Scenario::Large], seeds),
        Command::Secured(seeds) => (vec![Scenario::Secured], seeds),
        Command::Twins(seeds) => (vec![Scenario::Twins], seeds),
        Command::Forgotten(seeds) => (vec![Scenario::Forgotten], seeds),
        Command::Sessions(seeds) => (vec![Scenario::Sessions], seeds),
        Command::All(seeds) => (Scenario::ALL.to_vec(), seeds),
        Command::Scale(Scale { nodes, seed }) => return large(usize::from(nodes), seed),
        Command::Channel(logs) => return channel_logs(&logs),
        Command::Consume(logs) => return consumers(&logs),
    };
    let mut sound = true;
    for scenario in scenarios {
        sound &= if seeds.trace {
            trace(scenario, seeds.seed)
        } else {
            many(scenario, &seeds)
        };
    }
    if sound {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn trace(scenario: Scenario, seed: u64) -> bool {
    let outcome = run_one(scenario, seed, true);
    // Fails when nobody reads it to the end.
    let _ = io::stdout().write_all(outcome.trace.as_deref().unwrap_or_default().as_bytes());
    report(scenario, seed, &outcome);
    outcome.violation.is_none()
}

fn many(scenario: Scenario, seeds: &Seeds) -> bool {
    let jobs = seeds.jobs.or_else(|| available_parallelism().ok());
    let jobs = jobs.map_or(1, NonZeroUsize::get);
    let count = seeds.seeds.get();
    let (mut runs, mut failed) = (0_u64, 0_u64);
    let (mut deliveries, mut missing, mut elapsed) = (0, 0, Duration::ZERO);
    let mut slowest = (Duration::ZERO, 0);
    let mut coverage = Coverage::default();
    run_many(scenario, seeds.seed, count, jobs, |seed, outcome| {
        runs += 1;
        deliveries += outcome.deliveries;
        missing += outcome.missing;
        coverage += outcome.coverage;
        elapsed += outcome.elapsed;
        slowest = slowest.max((outcome.slowest_recovery, seed));
        if outcome.violation.is_some() {
            failed += 1;
            report(scenario, seed, &outcome);
        } else if count == 1 {
            report(scenario, seed, &outcome);
        }
        true
    });
    println!(
        "{}: {runs} runs, {failed} failed; {} s simulated, {deliveries} deliveries, {missing} reported missing, slowest recovery {:.1} s (seed {})",
        scenario.name(),
        elapsed.as_secs(),
        slowest.0.as_secs_f64(),
        slowest.1,
    );
    println!("  {coverage:?}");
    failed == 0
}

fn report(scenario: Scenario, seed: u64, outcome: &Outcome) {
    let name = scenario.name();
    if let Some(violation) = &outcome.violation {
        println!(
            "{name}, seed {seed}: after {:.3} s: {}\n  again: cargo run --release -p hearken-sim -- {name} --seed {seed} --trace",
            violation.at.as_secs_f64(),
            violation.what,
        );
    } else {
        let Outcome {
            hash,
            lines,
            deliveries,
            ..
        } = outcome;
        println!(
            "{name}, seed {seed}: trace {hash:016x} of {lines} lines, {deliveries} deliveries"
        );
    }
}

fn large(nodes: usize, seed: u64) -> ExitCode {
    match scale::run(nodes, seed) {
        Ok(figures) => {
            println!("{figures}");
            ExitCode::SUCCESS
        }
        Err(violation) => {
            println!(
                "after {:.3} s: {}",
                violation.at.as_secs_f64(),
                violation.what
            );
            ExitCode::FAILURE
        }
    }
}

fn channel_logs(logs: &Logs) -> ExitCode {
    let jobs = logs.jobs.or_else(|| available_parallelism().ok());
    let jobs = jobs.map_or(1, NonZeroUsize::get);
    if check::tell(logs.seed, logs.seeds.get(), jobs) {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn consumers(logs: &Logs) -> ExitCode {
    let jobs = logs.jobs.or_else(|| available_parallelism().ok());
    let jobs = jobs.map_or(1, NonZeroUsize::get);
    let count = logs.seeds.get();
    let all = Mutex::new((Counts::default(), 0_u64));
    consume::run_many(logs.seed, count, jobs, |seed, outcome| {
        let mut all = all.lock().expect("nobody panics while counting");
        match outcome {
            Ok(counts) => all.0 += counts,
            Err(violation) => {
                all.1 += 1;
                println!(
                    "consume: {violation}\n  again: cargo run --release -p hearken-sim -- consume --seed {seed}"
                );
            }
        }
    });
    let (counts, failed) = all.into_inner().expect("nobody panics while counting");
    println!("consume: {count} runs, {failed} failed\n  {counts:?}");
    if failed == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
