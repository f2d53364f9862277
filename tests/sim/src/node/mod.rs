//! A node of the simulation: the real bus and the real cluster, on a simulated
//! network in simulated time, with publishers and receivers in the place of plugins.

mod publishers;
mod receivers;
mod wishes;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use hearken::bus::{Bus, BusConfig};
use hearken::clock::Clock;
use hearken::cluster::{Cluster, ClusterConfig, Identity};
use hearken::passing::{Foreknown, Held, Hosting};
use rand::rngs::StdRng;
use rand::{Rng, RngExt, SeedableRng};
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::certificates::Certificates;
use crate::ledger::{Ledger, Life, LifeId, Stage};
use crate::network::{PORT, Simulated, SimulatedListener, Wire};
use crate::plan::{Join, NodePlan, name};
use crate::sessions::room;

/// The ledger as all nodes of a run share it; a run has one thread.
pub type SharedLedger = Rc<RefCell<Ledger>>;

/// How long a node that is told to stop may take.
const DRAIN: Duration = Duration::from_secs(5);

/// How long its sessions may take before that.
const SENT_AWAY: Duration = Duration::from_secs(1);

/// Begin of the simulated time, in milliseconds since the Unix epoch.
pub const BEGINNING: u64 = 1_700_000_000_000;

/// Bursts that a node may be asked for ahead.
const BURSTS_AHEAD: usize = 4;

/// What all starts of a node have in common.
pub struct NodeSetup {
    /// Number of the node.
    pub node: usize,
    /// How many nodes the plan has.
    pub nodes: usize,
    /// What the plan says of it.
    pub plan: NodePlan,
    /// Whether receivers come and go.
    pub visitors: bool,
    /// Whether long lists of wishes do.
    pub wishes: bool,
    /// Whether it has sessions.
    pub sessions: bool,
    /// The seed of the run.
    pub seed: u64,
    /// Its connection to the network.
    pub wire: Arc<Wire>,
    /// What its clock is off by, in milliseconds.
    pub clock_offset: Rc<RefCell<i64>>,
    /// The certificates of the run, if its nodes have any.
    pub certificates: Option<Arc<Certificates>>,
    /// Where all is noted.
    pub ledger: SharedLedger,
}

/// Simulated time since the begin of the run, from within a node.
#[must_use]
pub fn now() -> Duration {
    // At the end of the run nodes are dropped outside of the simulation.
    turmoil::sim_elapsed().unwrap_or_default()
}

/// Tells the simulated time of day.
struct SimulatedClock {
    offset: i64,
}

impl SimulatedClock {
    fn at(&self, elapsed: Duration) -> u64 {
        let elapsed = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX);
        (BEGINNING + elapsed).saturating_add_signed(self.offset)
    }
}

impl Clock for SimulatedClock {
    fn now_millis(&self) -> u64 {
        self.at(now())
    }
}

/// One start of a node, as its own tasks see it.
#[derive(Clone)]
pub struct Context {
    /// Which it is.
    pub life: LifeId,
    /// What is published on it goes over this.
    pub bus: Bus,
    /// Where all is noted.
    pub ledger: SharedLedger,
}

/// Runs a node from its start to its stop, and then waits to be taken away.
///
/// # Errors
/// When the cluster ends otherwise than it was told to.
pub async fn run(setup: Rc<NodeSetup>) -> turmoil::Result {
    let start = setup.ledger.borrow().starts(setup.node);
    let mut random = random_of(setup.seed, setup.node, start);
    let offset = *setup.clock_offset.borrow();
    let clock = Arc::new(SimulatedClock { offset });
    let last = setup.ledger.borrow().last_incarnation(setup.node);
    let incarnation = incarnation(last, clock.at(now()), &mut random);
    let node: Arc<str> = name(setup.plan.called).into();
    let certificates = setup.certificates.as_ref();
    let tls = certificates.map(|certificates| certificates.tls(setup.plan.called, offset));
    let bus = Bus::new(BusConfig {
        node: Arc::clone(&node),
        incarnation: incarnation.to_string(),
        max_event_bytes: setup.plan.max_event_bytes,
        clock: Arc::clone(&clock) as _,
    });
    let hosting = Hosting::default();
    if setup.sessions {
        // Nobody begins a history before the others have said that it is not a channel of theirs.
        hosting.hold(Held::new());
    }
    let cluster = Cluster::new(ClusterConfig {
        identity: Identity {
            cluster: "simulation".into(),
            node,
            incarnation,
            version: "simulated".into(),
            max_event_bytes: setup.plan.max_event_bytes,
        },
        bus: bus.clone(),
        network: Arc::new(Simulated(Arc::clone(&setup.wire))),
        listener: Box::new(SimulatedListener::bind(Arc::clone(&setup.wire)).await?),
        allow_plaintext: tls.is_none(),
        tls,
        advertise: None,
        join: setup.plan.join.iter().map(address).collect(),
        hosting,
        foreknown: Foreknown::default(),
        seed: random.next_u64(),
    });
    let sessions = match setup.sessions {
        true => Some(room::open(&bus, clock, &cluster, &mut random).await),
        false => None,
    };
    let cluster = match &sessions {
        Some(sessions) => cluster.heard_by(sessions.ears()),
        None => cluster,
    };
    let (bursts, asked_for) = mpsc::channel(BURSTS_AHEAD);
    let leave = CancellationToken::new();
    let life = Life {
        node: setup.node,
        called: setup.plan.called,
        start,
        incarnation,
        since: now(),
        stage: Stage::Running,
        displaced: false,
        published: BTreeMap::new(),
        heard_locally: 0,
        admin: cluster.admin(),
        leave: leave.clone(),
        bursts,
    };
    let context = Context {
        life: setup.ledger.borrow_mut().begin(now(), life),
        bus,
        ledger: Rc::clone(&setup.ledger),
    };
    if setup.certificates.is_some() {
        context.ledger.borrow_mut().coverage.secured += 1;
    }
    receivers::start(&context, &setup, &mut random);
    if setup.wishes {
        wishes::start(&context, &mut random);
    }
    publishers::start(&context, &setup.plan, asked_for, &leave, &mut random);
    if let Some(sessions) = &sessions {
        room::start(&context, sessions, &mut random);
    }
    let stop = CancellationToken::new();
    let ran = cluster.run(stop.clone());
    tokio::pin!(ran);
    let told = async {
        leave.cancelled().await;
        if let Some(sessions) = &sessions {
            sessions.finish(Instant::now() + SENT_AWAY).await;
        }
    };
    tokio::select! {
        biased;
        ended = &mut ran => return Err(format!("the cluster ended by itself: {ended:?}").into()),
        () = told => stop.cancel(),
    }
    let stage = match timeout(DRAIN, ran).await {
        Ok(ended) => {
            ended?;
            Stage::Left(now())
        }
        Err(_) => Stage::Dead(now()),
    };
    setup
        .ledger
        .borrow_mut()
        .advance(now(), context.life, stage);
    // The run takes the node away, with all that it left behind.
    std::future::pending().await
}

/// What all random choices of one start of a node follow from.
fn random_of(seed: u64, node: usize, start: usize) -> StdRng {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    bytes[8..16].copy_from_slice(&(node as u64).to_le_bytes());
    bytes[16..24].copy_from_slice(&(start as u64).to_le_bytes());
    StdRng::from_seed(bytes)
}

/// As nodes make it: later than that of the last start, wherever the clock stands.
fn incarnation(last: Option<Uuid>, millis: u64, random: &mut StdRng) -> Uuid {
    let random: [u8; 10] = random.random();
    // The first 48 bits are the milliseconds.
    let least = last.map_or(0, |last| (last.as_u128() >> 80) as u64 + 1);
    let millis = millis.max(least);
    uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid()
}

fn address(join: &Join) -> Arc<str> {
    match join {
        Join::Name(node) => format!("{}:{PORT}", name(*node)).into(),
        Join::Address(node) => {
            let ip: IpAddr = turmoil::lookup(name(*node));
            SocketAddr::new(ip, PORT).to_string().into()
        }
    }
}
