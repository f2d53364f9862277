//! Carries out a plan: steps the simulation, breaks what the plan says, and checks
//! the rules all along.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use turmoil::{Builder, Sim};

use crate::certificates::Certificates;
use crate::checks::{self, Leeway, Parted, Progress};
use crate::forgetting;
use crate::ledger::{Coverage, Ledger, Stage, Violation};
use crate::network::Wire;
use crate::node::{self, NodeSetup, SharedLedger};
use crate::plan::{Action, Cut, CutKind, Plan, name};
use crate::sessions::Visits;
use crate::sessions::looks;
use crate::troubles::{AFTERWARDS, RECOVERY, Troubles};

/// Ticks between two looks at the rules that hold over time.
const LOOK: u32 = 25;

/// For all that waits to be sent once nothing is published any more.
const REST: Duration = Duration::from_secs(20);

/// For what was received last to be noted and reported.
const REPORTED: Duration = Duration::from_secs(3);

/// For clients of sessions to have all that there is, once nothing is published any more; for
/// what is published then to come to all; and for nodes to know what each other want, who say
/// so for 10 seconds behind the last subscriber, and for up to as long again.
const SETTLED: Duration = Duration::from_secs(30);

/// For nodes to know of each other's subscribers, once nothing is broken.
const KNOWN: Duration = Duration::from_secs(1);

/// Messages of sessions between two nodes that may be on their way at any time: they say every
/// second what they hold.
const TALK: u64 = 8;

/// Segments that a simulated connection holds each way, and connections that wait to
/// be taken; the simulation takes more of the latter for a mistake.
const TCP_CAPACITY: usize = 256;

/// What became of a run.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// A hash over all that happened.
    pub hash: u64,
    /// Things that happened.
    pub lines: u64,
    /// All that happened, if it was to be kept.
    pub trace: Option<String>,
    /// Events received from other nodes.
    pub deliveries: u64,
    /// Events reported missing.
    pub missing: u64,
    /// What else occurred.
    pub coverage: Coverage,
    /// Longest time that the links took to be made again.
    pub slowest_recovery: Duration,
    /// Simulated time.
    pub elapsed: Duration,
    /// The rule that was broken, if one was.
    pub violation: Option<Violation>,
}

/// A run under way.
pub struct Run {
    sim: Sim<'static>,
    weather: Weather,
    plan: Plan,
    nodes: Vec<Rc<NodeSetup>>,
    /// Those of all nodes, if they have any.
    certificates: Option<Arc<Certificates>>,
    /// What all nodes note.
    pub ledger: SharedLedger,
    troubles: Troubles,
    progress: Progress,
    parted: Parted,
    /// Where clients of sessions go follows from this.
    seats: StdRng,
    /// How many of the plan's actions are done.
    done: usize,
    /// Nodes whose machines have no power.
    dark: Vec<usize>,
    next_look: Duration,
    look: Duration,
    last_change: Duration,
    /// Since the last change, all nodes have been linked.
    recovered: bool,
    latest_recovery: Duration,
    slowest_recovery: Duration,
}

/// How long messages are on their way: the same for all between two nodes, until that
/// changes. Were it drawn for each message, it would depend on the order in which a
/// node sends to others at one instant, which the runtime does not promise.
struct Weather {
    random: StdRng,
    latency: (Duration, Duration),
}

impl Weather {
    fn new(latency: (Duration, Duration), seed: u64) -> Self {
        Self {
            random: StdRng::seed_from_u64(seed),
            latency,
        }
    }

    fn latency(&mut self) -> Duration {
        let (shortest, longest) = self.latency;
        shortest + (longest - shortest).mul_f64(self.random.random_range(0.0..1.0))
    }

    /// Two of so many nodes.
    fn pair(&mut self, nodes: usize) -> (usize, usize) {
        let a = self.random.random_range(0..nodes);
        let b = self.random.random_range(1..nodes);
        (a, (a + b) % nodes)
    }
}

/// Carries out a plan from its begin to its end.
#[must_use]
pub fn run(plan: Plan, seed: u64, keep_trace: bool) -> Outcome {
    let look = plan.tick * LOOK;
    let mut run = Run::new(plan, seed, keep_trace, look);
    run.to_the_end();
    run.outcome()
}

impl Run {
    /// Prepares a run; rules that hold over time are looked at every `look`.
    #[must_use]
    pub fn new(plan: Plan, seed: u64, keep_trace: bool, look: Duration) -> Self {
        let mut ledger = Ledger::new(keep_trace);
        let largest = plan.nodes.iter().map(|node| node.max_event_bytes as u64);
        ledger.largest = largest.max().unwrap_or_default();
        ledger.visits = Visits::of(&plan);
        let ledger = Rc::new(RefCell::new(ledger));
        // Whoever is away is dialled less than once a second, and all of that may arrive at once.
        let dials = usize::try_from(plan.length.as_secs()).unwrap_or(usize::MAX);
        let mut sim = Builder::new()
            .rng_seed(seed)
            .tcp_capacity(TCP_CAPACITY.max(plan.nodes.len() * 4).max(dials))
            .simulation_duration(Duration::MAX)
            .tick_duration(plan.tick)
            .build();
        let certificates = Certificates::of(&plan);
        let mut nodes = Vec::new();
        for (node, of_node) in plan.nodes.iter().enumerate() {
            let setup = Rc::new(NodeSetup {
                node,
                nodes: plan.nodes.len(),
                plan: of_node.clone(),
                visitors: plan.visitors,
                wishes: plan.wishes,
                sessions: plan.clients > 0,
                seed,
                wire: Arc::new(Wire::default()),
                clock_offset: Rc::default(),
                certificates: certificates.clone(),
                ledger: Rc::clone(&ledger),
            });
            let software = Rc::clone(&setup);
            sim.host(name(node), move || node::run(Rc::clone(&software)));
            sim.crash(name(node));
            nodes.push(setup);
        }
        let mut weather = Weather::new(plan.latency, seed);
        for a in 0..nodes.len() {
            for b in a + 1..nodes.len() {
                sim.set_link_latency(name(a), name(b), weather.latency());
            }
        }
        Self {
            sim,
            weather,
            plan,
            nodes,
            certificates,
            ledger,
            troubles: Troubles::default(),
            progress: Progress::default(),
            parted: Parted::default(),
            seats: StdRng::seed_from_u64(!seed),
            done: 0,
            dark: Vec::new(),
            next_look: Duration::ZERO,
            look,
            last_change: Duration::ZERO,
            recovered: false,
            latest_recovery: Duration::ZERO,
            slowest_recovery: Duration::ZERO,
        }
    }

    /// Simulated time since the begin.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.sim.elapsed()
    }

    /// The network connections of all nodes.
    pub fn wires(&self) -> impl Iterator<Item = &Wire> {
        self.nodes.iter().map(|setup| &*setup.wire)
    }

    /// How long the links took to be made after the last change.
    #[must_use]
    pub fn latest_recovery(&self) -> Duration {
        self.latest_recovery
    }

    /// Whether a rule was broken.
    #[must_use]
    pub fn failed(&self) -> bool {
        self.ledger.borrow().violation().is_some()
    }

    /// Goes on for as long as `until` is false, but stops when a rule is broken.
    pub fn go_on(&mut self, mut until: impl FnMut(&Self) -> bool) {
        while !until(self) && !self.failed() {
            self.step();
        }
    }

    /// All of the plan, and what comes after it: nothing is published any more, and
    /// all that was must have arrived.
    pub fn to_the_end(&mut self) {
        let length = self.plan.length;
        // What is due in the last moment is done too, before anything is called over.
        self.go_on(|run| run.elapsed() >= length && run.done == run.plan.actions.len());
        // It is checked all along that it takes no longer than it may.
        self.go_on(|run| run.recovered);
        self.ledger.borrow_mut().quiet = true;
        let deadline = self.elapsed() + REST;
        self.go_on(|run| {
            run.elapsed() >= deadline || checks::unsent(&run.ledger.borrow()).is_none()
        });
        let unsent = checks::unsent(&self.ledger.borrow());
        if let Some(unsent) = unsent {
            let at = self.elapsed();
            self.ledger.borrow_mut().violate(at, unsent);
        }
        self.settle(looks::unsettled);
        if self.plan.clients > 0 {
            self.go_on(|run| run.ledger.borrow().visits.is_calm(run.elapsed(), KNOWN));
        }
        self.ledger.borrow_mut().visits.calls_roll = true;
        self.settle(looks::unheard);
        if self.plan.clients > 0 {
            self.settle(looks::disagreed);
            self.settle(looks::mistaken);
            looks::count(&mut self.ledger.borrow_mut());
        }
        let end = self.elapsed() + REPORTED;
        self.go_on(|run| run.elapsed() >= end);
        if !self.failed() {
            // Messages of sessions are events to links, and to nobody else.
            let has_clients = self.plan.clients > 0;
            let leeway = Leeway {
                counts_others: self.plan.visitors || has_clients,
                talk: if has_clients { TALK } else { 0 },
                is_lossy: self.plan.is_lossy(),
            };
            checks::balance(&mut self.ledger.borrow_mut(), leeway, end);
        }
    }

    /// Goes on until nothing is amiss, which takes so long at most.
    fn settle(&mut self, amiss: impl Fn(&Ledger) -> Option<String>) {
        let deadline = self.elapsed() + SETTLED;
        self.go_on(|run| run.elapsed() >= deadline || amiss(&run.ledger.borrow()).is_none());
        let amiss = amiss(&self.ledger.borrow());
        if let Some(amiss) = amiss {
            let at = self.elapsed();
            self.ledger.borrow_mut().violate(at, amiss);
        }
    }

    fn step(&mut self) {
        let at = self.elapsed();
        while let Some((_, action)) = self
            .plan
            .actions
            .get(self.done)
            .filter(|(due, _)| *due <= at)
        {
            let action = action.clone();
            self.done += 1;
            self.act(at, &action);
        }
        if let Some(certificates) = &self.certificates {
            certificates.set_elapsed(at);
        }
        if let Err(error) = self.sim.step() {
            self.ledger.borrow_mut().violate(at, error.to_string());
        }
        self.take_away_who_left();
        if at >= self.next_look {
            self.next_look = at + self.look;
            let (a, b) = self.weather.pair(self.nodes.len());
            let latency = self.weather.latency();
            self.sim.set_link_latency(name(a), name(b), latency);
            self.look_around(at);
        }
    }

    fn look_around(&mut self, at: Duration) {
        let mut ledger = self.ledger.borrow_mut();
        checks::overdue(&mut ledger, &self.troubles, at);
        checks::unjustified(&mut ledger, &self.troubles, at);
        forgetting::look(&mut ledger, &self.troubles, at);
        self.progress.look(&mut ledger, &self.troubles, at);
        self.parted.look(&mut ledger, &self.troubles, at);
        looks::seat(&mut ledger, at, &mut self.seats);
        looks::presence(&mut ledger, at);
        if self.troubles.any() {
            ledger.visits.linked_since = None;
            return;
        }
        let apart = checks::apart(&ledger);
        // One that is found not to be a link after all begins it anew.
        let linked_since = apart.is_none().then_some(at);
        let visits = &mut ledger.visits;
        visits.linked_since = linked_since.map(|at| visits.linked_since.unwrap_or(at));
        // Until then a link may be one that nothing moves over, and that nobody knows of.
        if apart.is_none() && at >= self.last_change + AFTERWARDS {
            ledger.visits.calm_since.get_or_insert(at);
        }
        match apart {
            None if !self.recovered => {
                self.recovered = true;
                self.latest_recovery = at.saturating_sub(self.last_change);
                self.slowest_recovery = self.slowest_recovery.max(self.latest_recovery);
            }
            Some(apart) if at > self.last_change + RECOVERY => ledger.violate(at, apart),
            _ => {}
        }
    }

    /// Nodes that have said goodbye end their processes.
    fn take_away_who_left(&mut self) {
        for node in 0..self.nodes.len() {
            let ledger = self.ledger.borrow();
            let Some(last) = ledger.lives.iter().rfind(|life| life.node == node) else {
                continue;
            };
            let ended = matches!(last.stage, Stage::Left(_) | Stage::Dead(_));
            drop(ledger);
            if ended && self.sim.is_host_running(name(node)) {
                self.sim.crash(name(node));
                self.changed();
            }
        }
    }

    /// The links have something to get over.
    fn changed(&mut self) {
        self.last_change = self.elapsed();
        self.recovered = false;
        let mut ledger = self.ledger.borrow_mut();
        ledger.visits.linked_since = None;
        ledger.visits.calm_since = None;
    }

    fn act(&mut self, at: Duration, action: &Action) {
        self.ledger
            .borrow_mut()
            .trace
            .note(at, format_args!("{action:?}"));
        match action {
            Action::Start(node, clock_offset) => {
                if let Some(dark) = self.dark.iter().position(|dark| dark == node) {
                    self.dark.swap_remove(dark);
                    for other in self.others(*node) {
                        self.sim.repair(name(*node), other);
                    }
                }
                *self.nodes[*node].clock_offset.borrow_mut() = *clock_offset;
                self.sim.bounce(name(*node));
            }
            Action::Crash(node) => self.kill(at, *node),
            Action::PowerLoss(node) => {
                for other in self.others(*node) {
                    self.sim.partition(name(*node), other);
                }
                self.dark.push(*node);
                self.kill(at, *node);
            }
            Action::Stop(node) => {
                let mut ledger = self.ledger.borrow_mut();
                if let Some(life) = ledger
                    .present(*node)
                    .filter(|id| ledger.life(*id).is_running())
                {
                    ledger.life(life).leave.cancel();
                    ledger.advance(at, life, Stage::Leaving(at));
                    let mut others = ledger.running();
                    let has_heir = others.any(|other| ledger.are_joined(life, other));
                    drop(others);
                    ledger.visits.keeps_all &= has_heir;
                }
            }
            Action::Cut(cut) => self.cut(at, cut),
            Action::Heal(cut) => self.heal(at, cut),
            Action::Slow(node, rate) => {
                self.nodes[*node].wire.rate.store(*rate, Ordering::Relaxed);
                self.troubles.slow(at, *node, *rate);
            }
            Action::Burst(node, count) => {
                let ledger = self.ledger.borrow();
                if let Some(life) = ledger.present(*node) {
                    // One that does not keep up has enough to do.
                    let _ = ledger.life(life).bursts.try_send(*count);
                }
                return;
            }
        }
        self.changed();
    }

    fn kill(&mut self, at: Duration, node: usize) {
        self.sim.crash(name(node));
        let mut ledger = self.ledger.borrow_mut();
        if let Some(life) = ledger.present(node) {
            ledger.advance(at, life, Stage::Dead(at));
        }
    }

    fn cut(&mut self, at: Duration, cut: &Cut) {
        for (a, b) in cut.pairs() {
            match cut.kind {
                CutKind::Both => self.sim.partition(name(a), name(b)),
                CutKind::OneWay => self.sim.partition_oneway(name(a), name(b)),
                CutKind::Held => self.sim.hold(name(a), name(b)),
            }
        }
        self.troubles.cut(at, cut);
    }

    fn heal(&mut self, at: Duration, cut: &Cut) {
        for (a, b) in cut.pairs() {
            match cut.kind {
                CutKind::Both => self.sim.repair(name(a), name(b)),
                CutKind::OneWay => self.sim.repair_oneway(name(a), name(b)),
                CutKind::Held => self.sim.release(name(a), name(b)),
            }
        }
        self.troubles.heal(at, cut);
    }

    fn others(&self, node: usize) -> Vec<String> {
        let others = (0..self.nodes.len()).filter(|other| *other != node);
        others.map(name).collect()
    }

    /// What became of it.
    #[must_use]
    pub fn outcome(self) -> Outcome {
        let ledger = self.ledger.borrow();
        let missing = ledger.views.values().map(|view| view.reported).sum();
        let mut coverage = ledger.coverage;
        coverage.forgotten_by_one = forgetting::by_one(&ledger);
        if self.plan.has_bursts() {
            coverage.overflows = missing;
        } else if self.plan.nodes.iter().any(|node| node.large) {
            coverage.too_large = missing;
        }
        Outcome {
            hash: ledger.trace.hash(),
            lines: ledger.trace.lines,
            trace: ledger.trace.text().map(str::to_owned),
            deliveries: ledger.deliveries,
            missing,
            coverage,
            slowest_recovery: self.slowest_recovery,
            elapsed: self.sim.elapsed(),
            violation: ledger.violation().cloned(),
        }
    }
}
