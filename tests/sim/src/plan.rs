//! What happens in a run, and when: made from a seed by a scenario before the run
//! begins.

use std::time::Duration;

/// What the simulation moves time by, where little time is simulated.
pub const TICK: Duration = Duration::from_millis(2);

/// A run.
#[derive(Clone, Debug)]
pub struct Plan {
    /// How many nodes there are, numbered from 0; none runs before it is started.
    pub nodes: Vec<NodePlan>,
    /// Shortest and longest time that a message is on its way.
    pub latency: (Duration, Duration),
    /// What the simulation moves time by: no message is on its way for less, and each
    /// costs the same, however long it is.
    pub tick: Duration,
    /// Ordered by time.
    pub actions: Vec<(Duration, Action)>,
    /// When no more happens; what follows is for the cluster to come to rest.
    pub length: Duration,
    /// Whether receivers come and go while events flow. Events may not be lost
    /// then, since the receivers change which are numbered.
    pub visitors: bool,
    /// Whether long lists of wishes come and go; nobody publishes what they are for.
    pub wishes: bool,
    /// Whether the nodes have certificates, and link over TLS.
    pub tls: bool,
    /// Clients of sessions, who move from node to node; where there are none, no node has
    /// sessions.
    pub clients: usize,
}

impl Plan {
    /// Whether more is published at some time than waits for others, or larger events than all
    /// nodes take.
    #[must_use]
    pub fn is_lossy(&self) -> bool {
        self.has_bursts() || self.nodes.iter().any(|node| node.large)
    }

    /// Whether more is published at some time than waits for others.
    #[must_use]
    pub fn has_bursts(&self) -> bool {
        let is_burst = |action: &Action| matches!(action, Action::Burst(..));
        self.actions.iter().any(|(_, action)| is_burst(action))
    }

    /// Whether nothing ever breaks: nodes only come, and go when they are told to.
    #[must_use]
    pub fn is_gentle(&self) -> bool {
        let is_gentle = |action: &Action| matches!(action, Action::Start(..) | Action::Stop(_));
        self.actions.iter().all(|(_, action)| is_gentle(action))
    }
}

/// A node of the plan.
#[derive(Clone, Debug)]
pub struct NodePlan {
    /// The node whose name it bears, which is most often itself.
    pub called: usize,
    /// The nodes that it is told to join.
    pub join: Vec<Join>,
    /// Publishers on the node.
    pub publishers: usize,
    /// Mean time between two bursts of one publisher.
    pub pause: Duration,
    /// Largest event that the node takes, in bytes.
    pub max_event_bytes: usize,
    /// Whether some of its events are nearly as large.
    pub large: bool,
}

/// A node to join.
#[derive(Clone, Copy, Debug)]
pub enum Join {
    /// By a name that is looked up.
    Name(usize),
    /// By its address.
    Address(usize),
}

/// Something that happens to the cluster from outside.
#[derive(Clone, Debug)]
pub enum Action {
    /// A node starts, for the first time or again; its clock is off by so many
    /// milliseconds.
    Start(usize, i64),
    /// The process of a node dies; its connections are closed by the system.
    Crash(usize),
    /// The machine of a node dies; nobody is told.
    PowerLoss(usize),
    /// An operator stops a node.
    Stop(usize),
    /// The network between some nodes and others breaks.
    Cut(Cut),
    /// The network between some nodes and others, broken in this way, is whole again.
    Heal(Cut),
    /// The network of a node moves only so many bytes a second; 0 for no limit.
    Slow(usize, u64),
    /// One publisher of a node publishes so many events at once.
    Burst(usize, u32),
}

/// A break in the network.
#[derive(Clone, Debug)]
pub struct Cut {
    /// Some nodes.
    pub these: Vec<usize>,
    /// Others.
    pub those: Vec<usize>,
    /// In which way.
    pub kind: CutKind,
}

impl Cut {
    /// The pairs of nodes between which it is.
    pub fn pairs(&self) -> impl Iterator<Item = (usize, usize)> + '_ {
        let of = |a| self.those.iter().map(move |b| (a, *b));
        self.these.iter().flat_map(move |a| of(*a))
    }
}

/// How the network breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CutKind {
    /// What is sent either way is lost.
    Both,
    /// What the first nodes send is lost.
    OneWay,
    /// What is sent either way arrives when the break is over.
    Held,
}

/// The name of a node.
#[must_use]
pub fn name(node: usize) -> String {
    format!("n{node}")
}
