//! The scenarios: each makes a plan of a seed.

use std::time::Duration;

use clap::ValueEnum;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};

use crate::plan::{Action, Cut, CutKind, Join, NodePlan, Plan};

/// What happens to the cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Scenario {
    /// Nothing but nodes that start and events that flow.
    Steady,
}

impl Scenario {
    /// Every scenario.
    pub const ALL: [Self; 1] = [Self::Steady];

    /// The name that the command line gives it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Steady => "steady",
        }
    }

    /// What happens with this seed.
    #[must_use]
    pub fn plan(self, seed: u64) -> Plan {
        let mut draft = Draft::new(seed);
        match self {
            Self::Steady => draft.steady(),
        }
        draft.finish()
    }
}

/// A plan in the making.
struct Draft {
    random: StdRng,
    plan: Plan,
}

fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

impl Draft {
    fn new(seed: u64) -> Self {
        let mut random = StdRng::seed_from_u64(seed);
        let shortest = random.random_range(0..5);
        let longest = shortest + random.random_range(1..40);
        Self {
            plan: Plan {
                nodes: Vec::new(),
                latency: (millis(shortest), millis(longest)),
                actions: Vec::new(),
                length: millis(random.random_range(15_000..30_000)),
                visitors: random.random_bool(0.5),
            },
            random,
        }
    }

    fn finish(mut self) -> Plan {
        self.plan.actions.sort_by_key(|(at, _)| *at);
        self.plan
    }

    fn at(&mut self, at: u64, action: Action) {
        self.plan.actions.push((millis(at), action));
    }

    /// Nodes of which each joins some that come before it in an order that is not
    /// that in which they start.
    fn nodes(&mut self, count: usize) {
        for node in 0..count {
            let mut join = Vec::new();
            for other in 0..node {
                let last = other + 1 == node && join.is_empty();
                if last || self.random.random_bool(0.4) {
                    join.push(if self.random.random_bool(0.5) {
                        Join::Name(other)
                    } else {
                        Join::Address(other)
                    });
                }
            }
            join.shuffle(&mut self.random);
            let pause = self.random.random_range(50..400);
            self.plan.nodes.push(NodePlan {
                join,
                publishers: self.random.random_range(1..=3),
                pause: millis(pause),
            });
        }
    }

    fn start_all(&mut self) {
        for node in 0..self.plan.nodes.len() {
            let at = self.random.random_range(0..3_000);
            let offset = self.clock_offset();
            self.at(at, Action::Start(node, offset));
        }
    }

    /// Clocks of machines are off by up to an hour.
    fn clock_offset(&mut self) -> i64 {
        self.random.random_range(-3_600_000..3_600_000)
    }

    fn steady(&mut self) {
        let count = self.random.random_range(2..=6);
        self.nodes(count);
        self.start_all();
    }
}
