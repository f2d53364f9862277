//! Nodes made of a bus and its part in a cluster, in processes of their own.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use clap::ValueEnum;
use hearken::admin::{ClusterAdmin, NodeState, NodeStatus};
use hearken::bus::{
    Bus, BusConfig, Filter, MailboxLimits, Overflow, Publisher, Receiver, ReceiverKind,
    Subscription, Taken,
};
use hearken::clock::SystemClock;
use hearken::cluster::network::{Tcp, TcpAcceptor};
use hearken::cluster::{Cluster as Part, ClusterConfig, Identity, LinkThreads};
use hearken::event::{Draft, EventType, Pattern};
use hearken::passing::{Foreknown, Hosting};
use hearken_bench_stopwatch::role::{self, DEADLINE};
use hearken_bench_stopwatch::{Error, Publish, Receive};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::session::{Launch, Session};
use crate::process::Process;
use crate::sleep;

const MAX_EVENT_BYTES: usize = 1 << 20;

/// The type as nodes see it.
const EVENT_TYPE: &str = "custom.bench.link";

/// Events that may wait in a link before no more are published for a while: far
/// below what it drops events at.
const MAX_QUEUED: u64 = 16 << 10;

/// Events between two looks how many wait, which cost about as much as publishing
/// ten events.
const LOOK_EVERY: u64 = 1024;

/// Between two looks while too many wait.
const LOOK_AGAIN: Duration = Duration::from_micros(50);

/// What a receiver lets wait: more than one task has, so that it throws none away.
const MAILBOX: MailboxLimits = MailboxLimits {
    events: 4 << 20,
    bytes: 4 << 30,
};

/// What a receiver takes at once.
const BATCH: MailboxLimits = MailboxLimits {
    events: 1024,
    bytes: 1 << 20,
};

/// What a node does.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Role {
    Publish,
    Receive,
}

/// Starts a cluster of processes.
pub(super) struct Cluster;

impl Launch for Cluster {
    fn start(&self, receivers: usize) -> Result<Session, String> {
        let program = std::env::current_exe().map_err(|error| error.to_string())?;
        let node = |role, arguments: &[&str]| {
            let mut command = Command::new(&program);
            command.args(["--cluster-node", role]).args(arguments);
            Process::start(&mut command)
        };
        let publisher = node("publish", &[])?;
        let receivers = (0..receivers)
            .map(|_| node("receive", &["--join", &publisher.address]))
            .collect::<Result<_, _>>()?;
        Ok(Session::new(publisher, receivers, None))
    }
}

/// The process of a node, which [`Cluster`] starts. The nodes all end at once, so
/// none says goodbye.
pub(crate) fn run(role: Role, join: Option<&str>) {
    let served = Node::start(role, join).and_then(|node| {
        let address = node.address.clone();
        match role {
            Role::Publish => role::publish(Ok(PublishingNode::new(node)), &address),
            Role::Receive => role::receive(ReceivingNode::new(node), &address),
        }
    });
    if let Err(error) = served {
        eprintln!("a node has failed: {error}");
    }
}

/// A node whose links have the threads that they have in any.
struct Node {
    /// Takes connections, and is what the process's first thread waits by.
    runtime: Runtime,
    _links: LinkThreads,
    bus: Bus,
    nodes: Arc<dyn ClusterAdmin>,
    address: String,
}

impl Node {
    fn start(role: Role, join: Option<&str>) -> Result<Self, Error> {
        let incarnation = Uuid::now_v7();
        let node: Arc<str> = match role {
            Role::Publish => "publisher".into(),
            Role::Receive => format!("receiver-{}", std::process::id()).into(),
        };
        let bus = Bus::new(BusConfig {
            node: Arc::clone(&node),
            incarnation: incarnation.simple().to_string(),
            max_event_bytes: MAX_EVENT_BYTES,
            clock: Arc::new(SystemClock),
        });
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()?;
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0"))?;
        let address = listener.local_addr()?.to_string();
        let cluster = Part::new(ClusterConfig {
            identity: Identity {
                cluster: "bench".into(),
                node,
                incarnation,
                version: env!("CARGO_PKG_VERSION").into(),
                max_event_bytes: MAX_EVENT_BYTES,
            },
            bus: bus.clone(),
            network: Arc::new(Tcp),
            listener: Box::new(TcpAcceptor::new(listener)?),
            tls: None,
            allow_plaintext: true,
            advertise: None,
            join: join.into_iter().map(Into::into).collect(),
            hosting: Hosting::default(),
            foreknown: Foreknown::default(),
            seed: u64::from(std::process::id()),
        });
        let nodes = cluster.admin();
        let links = LinkThreads::start()?;
        let linked = links.spawn(cluster, CancellationToken::new());
        runtime.spawn(async {
            if let Ok(Err(error)) = linked.await {
                eprintln!("a node is no longer part of the cluster: {error}");
            }
        });
        Ok(Self {
            runtime,
            _links: links,
            bus,
            nodes,
            address,
        })
    }

    /// Waits until another node is linked.
    fn linked(&self) -> Result<(), Error> {
        let deadline = Instant::now() + DEADLINE;
        let linked = |node: &NodeStatus| node.state == NodeState::Connected;
        while !self.nodes.nodes().iter().any(linked) {
            if Instant::now() > deadline {
                return Err("the node that it joins does not answer".into());
            }
            sleep::until(Instant::now() + Duration::from_millis(1));
        }
        Ok(())
    }
}

/// A node that publishes, held back by what waits in its links.
struct PublishingNode {
    node: Node,
    publisher: Publisher,
    /// Published since the last look.
    unseen: u64,
}

impl PublishingNode {
    fn new(node: Node) -> Self {
        Self {
            publisher: node.bus.publisher("/bench", "bench"),
            node,
            unseen: 0,
        }
    }

    /// Events that wait in the longest queue of all links.
    fn queued(&self) -> Result<u64, Error> {
        let nodes = self.node.nodes.nodes();
        let links: Vec<_> = nodes.into_iter().filter_map(|node| node.link).collect();
        let dropped: u64 = links.iter().map(|link| link.dropped).sum();
        if dropped > 0 {
            return Err(format!("the links dropped {dropped} events").into());
        }
        Ok(links.iter().map(|link| link.queued).max().unwrap_or(0))
    }
}

impl Publish for PublishingNode {
    fn publish(&mut self, data: &[u8]) -> Result<(), Error> {
        self.publisher.publish(&Draft {
            datacontenttype: Some("application/octet-stream".into()),
            data: Some(Cow::Borrowed(data)),
            distributed: true,
            ..Draft::new(EventType::host(EVENT_TYPE)?)
        })?;
        self.unseen += 1;
        if self.unseen == LOOK_EVERY {
            self.unseen = 0;
            while self.queued()? > MAX_QUEUED - LOOK_EVERY {
                sleep::until(Instant::now() + LOOK_AGAIN);
            }
        }
        Ok(())
    }
}

/// A node that receives.
struct ReceivingNode {
    node: Node,
    receiver: Receiver,
    taken: VecDeque<Taken>,
}

impl ReceivingNode {
    /// A node whose subscription others know.
    fn new(node: Node) -> Result<Self, Error> {
        node.linked()?;
        let receiver = node.bus.subscribe(Subscription {
            name: "bench".into(),
            kind: ReceiverKind::Stream,
            filters: vec![Filter::new(Pattern::new(EVENT_TYPE)?)],
            limits: MAILBOX,
            overflow: Overflow::DropOldest,
            partitions: 1,
        });
        node.runtime.block_on(node.bus.interest().known());
        Ok(Self {
            node,
            receiver,
            taken: VecDeque::new(),
        })
    }
}

impl Receive for ReceivingNode {
    fn receive(&mut self, take: &mut dyn FnMut(&[u8]) -> Result<(), Error>) -> Result<(), Error> {
        let Self {
            node,
            receiver,
            taken,
        } = self;
        let mailbox = receiver.mailbox();
        node.runtime
            .block_on(async { timeout(DEADLINE, mailbox.recv_batch(0, BATCH, taken)).await })??;
        for taken in taken.drain(..) {
            take(taken.event().data().unwrap_or_default())?;
        }
        Ok(())
    }
}
