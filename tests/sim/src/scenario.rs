//! The scenarios: each makes a plan of a seed.

mod forgotten;
mod sessions;

use std::time::Duration;

use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};

use crate::plan::{Action, Cut, CutKind, Join, NodePlan, Plan, TICK};

/// What happens to the cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scenario {
    /// Nothing but nodes that start and events that flow.
    Steady,
    /// The network breaks between some nodes and others, for a while.
    Partition,
    /// The network between single nodes breaks and heals in quick succession.
    Flap,
    /// Nodes crash and start again.
    Crash,
    /// Nodes come and go: they start late, leave, crash and come back.
    Churn,
    /// Nodes whose network is too slow for what is published.
    SlowPeer,
    /// More is published than waits for a node that is away.
    Overflow,
    /// Large events, some too large for some nodes, and long lists of wishes, partly
    /// over a slow network.
    Large,
    /// Nodes with certificates, which link over TLS: they come and go, and the network
    /// breaks.
    Secured,
    /// Two nodes bear the names of others, of which one was started later than the other of
    /// its name, and one earlier.
    Twins,
    /// A node is away for so long that others forget it, and it them, or nearly so.
    Forgotten,
    /// Clients of sessions are moved from node to node, whatever happens to these.
    Sessions,
}

impl Scenario {
    /// Every scenario.
    pub const ALL: [Self; 12] = [
        Self::Steady,
        Self::Partition,
        Self::Flap,
        Self::Crash,
        Self::Churn,
        Self::SlowPeer,
        Self::Overflow,
        Self::Large,
        Self::Secured,
        Self::Twins,
        Self::Forgotten,
        Self::Sessions,
    ];

    /// The name that the command line gives it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Steady => "steady",
            Self::Partition => "partition",
            Self::Flap => "flap",
            Self::Crash => "crash",
            Self::Churn => "churn",
            Self::SlowPeer => "slow-peer",
            Self::Overflow => "overflow",
            Self::Large => "large",
            Self::Secured => "secured",
            Self::Twins => "twins",
            Self::Forgotten => "forgotten",
            Self::Sessions => "sessions",
        }
    }

    /// What happens with this seed.
    #[must_use]
    pub fn plan(self, seed: u64) -> Plan {
        let mut draft = Draft::new(seed);
        match self {
            Self::Steady => draft.steady(),
            Self::Partition => draft.partition(),
            Self::Flap => draft.flap(),
            Self::Crash => draft.crash(),
            Self::Churn => draft.churn(),
            Self::SlowPeer => draft.slow_peer(),
            Self::Overflow => draft.overflowing(),
            Self::Large => draft.large(),
            Self::Secured => draft.secured(),
            Self::Twins => draft.twins(),
            Self::Forgotten => draft.forgotten(),
            Self::Sessions => draft.sessions(seed),
        }
        draft.finish()
    }
}

/// More events than wait for a node that is away.
const OVERFLOW: u32 = 100_000;

/// Largest event that nodes take, in bytes.
const MAX_EVENT_BYTES: usize = 64 << 10;

/// When the nodes that start at the begin have found each other, mostly.
const BEGUN: u64 = 4_000;

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
                tick: TICK,
                actions: Vec::new(),
                length: millis(random.random_range(15_000..30_000)),
                visitors: random.random_bool(0.5),
                wishes: random.random_bool(0.3),
                tls: false,
                clients: 0,
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
                called: node,
                join,
                publishers: self.random.random_range(1..=3),
                pause: millis(pause),
                max_event_bytes: MAX_EVENT_BYTES,
                large: false,
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

    fn partition(&mut self) {
        let count = self.random.random_range(2..=6);
        self.nodes(count);
        self.start_all();
        let mut now = BEGUN;
        for _ in 0..self.random.random_range(1..=3) {
            let mut all: Vec<usize> = (0..count).collect();
            all.shuffle(&mut self.random);
            let those = all.split_off(self.random.random_range(1..count));
            let cut = Cut {
                these: all,
                those,
                kind: self.cut_kind(),
            };
            let length = match self.random.random_range(0..3) {
                0 => self.random.random_range(1..500),
                1 => self.random.random_range(500..5_000),
                _ => self.random.random_range(5_000..20_000),
            };
            if self.random.random_bool(0.05) {
                self.overflow(now + length / 2);
            }
            self.at(now, Action::Cut(cut.clone()));
            now += length;
            self.at(now, Action::Heal(cut));
            now += self.random.random_range(100..15_000);
        }
        self.plan.length = millis(now);
    }

    fn cut_kind(&mut self) -> CutKind {
        match self.random.random_range(0..4) {
            0 => CutKind::OneWay,
            1 => CutKind::Held,
            _ => CutKind::Both,
        }
    }

    /// A node publishes more than fits into what waits for others.
    fn overflow(&mut self, at: u64) {
        self.plan.visitors = false;
        let node = self.random.random_range(0..self.plan.nodes.len());
        self.at(at, Action::Burst(node, OVERFLOW));
    }

    fn flap(&mut self) {
        let count = self.random.random_range(2..=5);
        self.nodes(count);
        self.start_all();
        for a in 0..count {
            for b in a + 1..count {
                if self.random.random_bool(0.5) {
                    self.flap_between(a, b);
                }
            }
        }
    }

    fn flap_between(&mut self, a: usize, b: usize) {
        let end = self.plan.length.as_millis() as u64;
        let steady = self.random.random_range(10..3_000);
        let mut now = self.random.random_range(0..BEGUN * 2);
        while now < end {
            let cut = Cut {
                these: vec![a],
                those: vec![b],
                kind: self.cut_kind(),
            };
            self.at(now, Action::Cut(cut.clone()));
            now += self.random.random_range(1..steady + 100);
            self.at(now.min(end), Action::Heal(cut));
            now += self.random.random_range(1..steady * 2);
        }
    }

    fn crash(&mut self) {
        let count = self.random.random_range(2..=6);
        self.nodes(count);
        self.start_all();
        let mut end = BEGUN;
        for node in 0..count {
            let mut now = self.random.random_range(BEGUN..BEGUN * 3);
            for _ in 0..self.random.random_range(0..=2) {
                now = self.kill_and_restart(node, now);
                end = end.max(now);
            }
        }
        self.plan.length = millis(end);
    }

    /// Returns when the node may be killed again.
    fn kill_and_restart(&mut self, node: usize, at: u64) -> u64 {
        let kill = if self.random.random_bool(0.5) {
            Action::Crash(node)
        } else {
            Action::PowerLoss(node)
        };
        self.at(at, kill);
        self.restart(node, at)
    }

    fn restart(&mut self, node: usize, at: u64) -> u64 {
        let back = at
            + match self.random.random_range(0..3) {
                0 => self.random.random_range(1..300),
                1 => self.random.random_range(300..3_000),
                _ => self.random.random_range(3_000..12_000),
            };
        let offset = self.clock_offset();
        self.at(back, Action::Start(node, offset));
        back + self.random.random_range(50..8_000)
    }

    fn churn(&mut self) {
        let count = self.random.random_range(3..=7);
        self.nodes(count);
        // Whoever knows only nodes that are gone for good finds nobody.
        for node in &mut self.plan.nodes[1..] {
            node.join.push(Join::Name(0));
        }
        let mut end = BEGUN;
        for node in 0..count {
            let late = if node == 0 { 1 } else { 15_000 };
            let mut now = self.random.random_range(0..late);
            let offset = self.clock_offset();
            self.at(now, Action::Start(node, offset));
            now += self.random.random_range(200..10_000);
            for _ in 0..self.random.random_range(0..=3) {
                now = if self.random.random_bool(0.3) {
                    self.kill_and_restart(node, now)
                } else {
                    self.at(now, Action::Stop(node));
                    // An operator's restart waits for the end, which may take a while.
                    self.restart(node, now + 6_000)
                };
            }
            // Some never come back, one at least.
            if node == 1 || node > 0 && self.random.random_bool(0.2) {
                self.at(now, Action::Stop(node));
            }
            end = end.max(now);
        }
        self.plan.length = millis(end);
    }

    /// The network of some node breaks for long enough that others give it up, and one
    /// of them publishes more than waits for it.
    fn overflowing(&mut self) {
        let count = self.random.random_range(2..=4);
        self.nodes(count);
        self.start_all();
        let begin = BEGUN + self.random.random_range(4_000..8_000);
        let end = begin + self.random.random_range(2_000..8_000);
        let away = self.random.random_range(0..count);
        let cut = Cut {
            these: vec![away],
            those: (0..count).filter(|node| *node != away).collect(),
            kind: CutKind::Both,
        };
        self.at(begin, Action::Cut(cut.clone()));
        self.plan.visitors = false;
        let node = (away + self.random.random_range(1..count)) % count;
        self.at(begin + 500, Action::Burst(node, OVERFLOW));
        self.at(end, Action::Heal(cut));
        self.plan.length = millis(end);
    }

    fn large(&mut self) {
        let count = self.random.random_range(2..=4);
        self.nodes(count);
        self.plan.visitors = false;
        self.plan.wishes = true;
        for node in &mut self.plan.nodes {
            node.publishers = 1;
            node.pause = millis(self.random.random_range(300..800));
            node.large = true;
            node.max_event_bytes = MAX_EVENT_BYTES << self.random.random_range(0..=4);
        }
        // Each of the two is there: one that takes little, and one that has more.
        self.plan.nodes[0].max_event_bytes = MAX_EVENT_BYTES;
        self.plan.nodes[1].max_event_bytes = 16 * MAX_EVENT_BYTES;
        self.start_all();
        let node = self.random.random_range(0..count);
        let begin = self.random.random_range(0..BEGUN * 2);
        let end = begin + self.random.random_range(15_000..40_000);
        let rate = self.random.random_range(200_000..800_000);
        self.at(begin, Action::Slow(node, rate));
        self.at(end, Action::Slow(node, 0));
        self.plan.length = millis(end + 5_000);
    }

    fn secured(&mut self) {
        self.plan.tls = true;
        if self.random.random_bool(0.5) {
            self.churn();
        } else {
            self.partition();
        }
    }

    /// All is well but for the names of two nodes, and for the one that is later than the
    /// other of its name, which may be away for a while.
    fn twins(&mut self) {
        const LATER: i64 = 60_000;
        let count = self.random.random_range(3..=5);
        self.nodes(count);
        for node in 0..count {
            let at = self.random.random_range(0..3_000);
            self.at(at, Action::Start(node, 0));
        }
        let (later, earlier) = (count, count + 1);
        for called in [1, 0] {
            let twin = self.plan.nodes[called].clone();
            self.plan.nodes.push(NodePlan {
                called,
                join: (2..count).map(Join::Address).collect(),
                ..twin
            });
        }
        let at = self.random.random_range(BEGUN..BEGUN * 3);
        self.at(at, Action::Start(later, LATER));
        let away = at + self.random.random_range(BEGUN..BEGUN * 2);
        let back = match self.random.random_range(0..3) {
            0 => self.kill_and_restart(later, away),
            1 => {
                let cut = Cut {
                    these: vec![later],
                    those: (2..count).collect(),
                    kind: self.cut_kind(),
                };
                let end = away + self.random.random_range(100..8_000);
                self.at(away, Action::Cut(cut.clone()));
                self.at(end, Action::Heal(cut));
                end
            }
            _ => away,
        };
        let at = self.random.random_range(BEGUN..BEGUN * 3);
        let behind = i64::try_from(at).expect("less than a minute") + LATER;
        self.at(at, Action::Start(earlier, -behind));
        self.plan.length = self.plan.length.max(millis(back.max(at) + BEGUN));
    }

    fn slow_peer(&mut self) {
        let count = self.random.random_range(2..=4);
        self.nodes(count);
        self.start_all();
        for _ in 0..self.random.random_range(1..=2) {
            let node = self.random.random_range(0..count);
            let begin = self.random.random_range(BEGUN..BEGUN * 2);
            let end = begin + self.random.random_range(1_000..15_000);
            let rate = self.random.random_range(2_000..200_000);
            self.at(begin, Action::Slow(node, rate));
            self.at(end, Action::Slow(node, 0));
            if self.random.random_bool(0.3) {
                self.overflow((begin + end) / 2);
            }
            self.plan.length = self.plan.length.max(millis(end));
        }
    }
}
