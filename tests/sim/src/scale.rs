//! A large cluster: whether it comes together, and what a node of it costs.

use std::fmt;
use std::fs;
use std::sync::atomic::Ordering;
use std::time::Duration;

use crate::checks;
use crate::ledger::Violation;
use crate::plan::{Action, Cut, CutKind, Join, NodePlan, Plan, TICK};
use crate::run::Run;

/// All but the last node start within this time.
const STARTING: Duration = Duration::from_secs(5);

/// When the last node starts.
const LAST: Duration = Duration::from_secs(30);

/// When the network breaks in two, when it heals, and when the run is over.
const CUT: Duration = Duration::from_secs(60);
const HEAL: Duration = Duration::from_secs(75);
const END: Duration = Duration::from_secs(110);

/// Mean time between two bursts, of two or three events each, of a node.
const PAUSE: Duration = Duration::from_secs(5);

/// Over which traffic is measured, before the network breaks.
const MEASURED: Duration = Duration::from_secs(20);

/// Between two looks at the rules.
const LOOK: Duration = Duration::from_millis(500);

/// What a large cluster costs.
#[derive(Clone, Debug)]
pub struct Figures {
    nodes: usize,
    links: usize,
    together: Duration,
    joined: Duration,
    healed: Duration,
    memory: Option<u64>,
    bytes_a_second: u64,
    deliveries_a_second: u64,
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = Duration::as_secs_f64;
        writeln!(f, "nodes                       {}", self.nodes)?;
        writeln!(f, "links                       {}", self.links)?;
        writeln!(
            f,
            "all linked, all started     {:.1} s",
            seconds(&self.together)
        )?;
        writeln!(
            f,
            "all linked, one more        {:.1} s",
            seconds(&self.joined)
        )?;
        writeln!(
            f,
            "all linked, network healed  {:.1} s",
            seconds(&self.healed)
        )?;
        match self.memory {
            Some(memory) => writeln!(f, "memory a node               {} KiB", memory >> 10)?,
            None => writeln!(f, "memory a node               unknown on this system")?,
        }
        writeln!(f, "sent a node and second      {} B", self.bytes_a_second)?;
        write!(
            f,
            "received a node and second  {} events",
            self.deliveries_a_second
        )
    }
}

/// Runs a cluster of `nodes` nodes, of which each publishes and each listens: they
/// start within a few seconds, a last one joins, the network breaks in two and heals.
///
/// # Errors
/// [`Violation`] when a rule is broken, as that all find each other again in time.
pub fn run(nodes: usize, seed: u64) -> Result<Figures, Violation> {
    let empty = resident();
    let mut run = Run::new(plan(nodes), seed, false, LOOK);
    run.go_on(|run| run.elapsed() >= LAST);
    let together = run.latest_recovery();
    run.go_on(|run| run.elapsed() >= CUT - MEASURED);
    let joined = run.latest_recovery();
    let before = (sent(&run), run.ledger.borrow().deliveries);
    run.go_on(|run| run.elapsed() >= CUT);
    let after = (sent(&run), run.ledger.borrow().deliveries);
    let full = resident();
    run.go_on(|run| run.elapsed() >= END);
    let healed = run.latest_recovery();
    let links: usize = {
        let ledger = run.ledger.borrow();
        ledger
            .running()
            .map(|life| checks::links(&ledger, life).len())
            .sum()
    };
    run.to_the_end();
    if let Some(violation) = run.outcome().violation {
        return Err(violation);
    }
    let a_node_and_second = nodes as u64 * MEASURED.as_secs();
    Ok(Figures {
        nodes,
        links: links / 2,
        together,
        joined,
        healed,
        memory: full
            .zip(empty)
            .map(|(full, empty)| full.saturating_sub(empty) / nodes as u64),
        bytes_a_second: (after.0 - before.0) / a_node_and_second,
        deliveries_a_second: (after.1 - before.1) / a_node_and_second,
    })
}

fn sent(run: &Run) -> u64 {
    run.wires()
        .map(|wire| wire.sent.load(Ordering::Relaxed))
        .sum()
}

/// Every node joins through the first one.
fn plan(nodes: usize) -> Plan {
    let node = |node| NodePlan {
        called: node,
        join: if node == 0 {
            Vec::new()
        } else {
            vec![Join::Name(0)]
        },
        publishers: 1,
        pause: PAUSE,
        max_event_bytes: 64 << 10,
        large: false,
    };
    let early = nodes - 1;
    let start = |node: usize| {
        let at = STARTING * u32::try_from(node).unwrap_or(u32::MAX)
            / u32::try_from(nodes).unwrap_or(u32::MAX);
        (at, Action::Start(node, 0))
    };
    let cut = Cut {
        these: (0..nodes / 2).collect(),
        those: (nodes / 2..nodes).collect(),
        kind: CutKind::Both,
    };
    let mut actions: Vec<_> = (0..early).map(start).collect();
    actions.extend([
        (LAST, Action::Start(early, 0)),
        (CUT, Action::Cut(cut.clone())),
        (HEAL, Action::Heal(cut)),
    ]);
    Plan {
        nodes: (0..nodes).map(node).collect(),
        latency: (Duration::from_millis(1), Duration::from_millis(10)),
        tick: TICK,
        actions,
        length: END,
        visitors: false,
        wishes: false,
        tls: false,
        clients: 0,
    }
}

/// Bytes of memory that this process holds, where the system tells.
fn resident() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:"))?;
    let kibibytes: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kibibytes << 10)
}
