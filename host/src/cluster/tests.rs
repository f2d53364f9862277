//! Two nodes in one process, on a network of pipes and with time that does not have to
//! be waited for.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncWriteExt, DuplexStream, ReadHalf, WriteHalf};
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::timing::FORGET_AFTER;
use super::wire::network::{BoxFuture, Connection, Io, Listener, Network};
use super::*;
use crate::admin::NodeState;
use crate::bus::{
    BusConfig, Filter, MailboxLimits, Overflow, Publisher, Receiver, ReceiverKind, Subscription,
};
use crate::clock::{Clock, SystemClock};
use crate::event::{Draft, EventType, Pattern};
use crate::passing::{Elsewhere, Foreknown, Hosting, Known};

/// Pipes between addresses, which can be cut.
#[derive(Default)]
struct Pipes {
    listeners: Mutex<BTreeMap<SocketAddr, mpsc::Sender<Connection>>>,
    /// What runs between two ends, to the one that was dialled and back; ended where the
    /// network is cut.
    between: Mutex<Vec<[JoinHandle<()>; 2]>>,
    is_cut: AtomicBool,
    /// Whether the next who dials panics.
    panics: AtomicBool,
}

impl Pipes {
    fn cut(&self) {
        self.is_cut.store(true, Ordering::Relaxed);
        for between in self.between.lock().unwrap().drain(..).flatten() {
            between.abort();
        }
    }

    /// From now on nothing comes back to those who have dialled, over the connections that
    /// there are: what they say arrives, and new ones can be made.
    fn mute(&self) {
        for [_, back] in &*self.between.lock().unwrap() {
            back.abort();
        }
    }

    fn heal(&self) {
        self.is_cut.store(false, Ordering::Relaxed);
    }

    fn listen(self: &Arc<Self>, address: SocketAddr) -> PipeListener {
        let (connections, accepted) = mpsc::channel(64);
        self.listeners.lock().unwrap().insert(address, connections);
        PipeListener { accepted, address }
    }
}

/// The network as the node at `from` sees it.
struct Seen {
    pipes: Arc<Pipes>,
    from: SocketAddr,
}

impl Network for Seen {
    fn dial(&self, address: SocketAddr) -> BoxFuture<'_, io::Result<Connection>> {
        Box::pin(async move {
            let panics = self.pipes.panics.swap(false, Ordering::Relaxed);
            assert!(!panics, "as it was told to");
            let listener = self.pipes.listeners.lock().unwrap().get(&address).cloned();
            let listener = listener.filter(|_| !self.pipes.is_cut.load(Ordering::Relaxed));
            let refused = || io::Error::from(io::ErrorKind::ConnectionRefused);
            let listener = listener.ok_or_else(refused)?;
            let (near, near_end) = tokio::io::duplex(1 << 20);
            let (far_end, far) = tokio::io::duplex(1 << 20);
            let (from_near, to_near) = tokio::io::split(near_end);
            let (from_far, to_far) = tokio::io::split(far_end);
            let between = [carry(from_near, to_far), carry(from_far, to_near)];
            self.pipes
                .between
                .lock()
                .unwrap()
                .push(between.map(tokio::spawn));
            let connection = |io: Box<dyn Io>, local, remote| Connection { io, local, remote };
            let there = connection(Box::new(far), address, self.from);
            listener.send(there).await.map_err(|_| refused())?;
            Ok(connection(Box::new(near), self.from, address))
        })
    }

    fn resolve<'a>(&'a self, address: &'a str) -> BoxFuture<'a, io::Result<Vec<SocketAddr>>> {
        let address = address.parse().expect("addresses, not names");
        Box::pin(std::future::ready(Ok(vec![address])))
    }
}

/// Carries bytes until there are no more.
async fn carry(mut from: ReadHalf<DuplexStream>, mut to: WriteHalf<DuplexStream>) {
    if tokio::io::copy(&mut from, &mut to).await.is_ok() {
        // Whoever reads there may be gone.
        let _ = to.shutdown().await;
    }
}

struct PipeListener {
    accepted: mpsc::Receiver<Connection>,
    address: SocketAddr,
}

impl Listener for PipeListener {
    fn accept(&mut self) -> BoxFuture<'_, io::Result<Connection>> {
        Box::pin(async move {
            let gone = || io::Error::from(io::ErrorKind::NotConnected);
            self.accepted.recv().await.ok_or_else(gone)
        })
    }

    fn address(&self) -> SocketAddr {
        self.address
    }
}

/// A node that takes part.
struct Part {
    admin: Arc<dyn ClusterAdmin>,
    elsewhere: Arc<dyn Elsewhere>,
    mesh: Arc<dyn Mesh>,
    hosting: Hosting,
    publisher: Publisher,
    heard: Receiver,
    leave: CancellationToken,
    _running: tokio_util::task::AbortOnDropHandle<Result<(), ClusterError>>,
}

/// A clock that can be told to fail the next who reads it.
#[derive(Default)]
struct FailingClock(AtomicBool);

impl Clock for FailingClock {
    fn now_millis(&self) -> u64 {
        assert!(!self.0.swap(false, Ordering::Relaxed), "as it was told to");
        SystemClock.now_millis()
    }
}

/// Node number `number`, of whichever name, which joins the one at `join`.
fn start(pipes: &Arc<Pipes>, name: &str, number: u8, join: &[u8]) -> Part {
    start_by(pipes, name, number, join, Arc::new(SystemClock))
}

/// The same by a clock of its own.
fn start_by(
    pipes: &Arc<Pipes>,
    name: &str,
    number: u8,
    join: &[u8],
    clock: Arc<dyn Clock>,
) -> Part {
    start_knowing(pipes, name, number, join, clock, Foreknown::default())
}

/// The same, knowing channels of others.
fn start_knowing(
    pipes: &Arc<Pipes>,
    name: &str,
    number: u8,
    join: &[u8],
    clock: Arc<dyn Clock>,
    foreknown: Foreknown,
) -> Part {
    start_heard(pipes, name, number, join, clock, foreknown, |cluster| {
        cluster
    })
}

/// The same, where sessions are given to the cluster.
fn start_heard(
    pipes: &Arc<Pipes>,
    name: &str,
    number: u8,
    join: &[u8],
    clock: Arc<dyn Clock>,
    foreknown: Foreknown,
    heard_by: impl FnOnce(Cluster) -> Cluster,
) -> Part {
    let address = |number: u8| SocketAddr::from(([127, 0, 0, number], 7071));
    let incarnation = Uuid::from_u128(u128::from(number) << 80);
    let bus = Bus::new(BusConfig {
        node: name.into(),
        incarnation: incarnation.simple().to_string(),
        max_event_bytes: 1 << 20,
        clock,
    });
    let filter = |pattern| Filter::new(Pattern::new(pattern).unwrap());
    let heard = bus.subscribe(Subscription {
        name: "test".into(),
        kind: ReceiverKind::Stream,
        filters: vec![filter("custom.*"), filter("cluster.*")],
        limits: MailboxLimits {
            events: 1 << 16,
            bytes: 1 << 26,
        },
        overflow: Overflow::DropOldest,
        partitions: 1,
    });
    let hosting = Hosting::default();
    let cluster = Cluster::new(ClusterConfig {
        identity: Identity {
            cluster: "test".into(),
            node: name.into(),
            incarnation,
            version: "0.1.0".into(),
            max_event_bytes: 1 << 20,
        },
        bus: bus.clone(),
        network: Arc::new(Seen {
            pipes: Arc::clone(pipes),
            from: address(number),
        }),
        listener: Box::new(pipes.listen(address(number))),
        tls: None,
        allow_plaintext: false,
        advertise: None,
        join: join
            .iter()
            .map(|other| address(*other).to_string().into())
            .collect(),
        hosting: hosting.clone(),
        foreknown,
        seed: number.into(),
    });
    let cluster = heard_by(cluster);
    let leave = CancellationToken::new();
    Part {
        admin: cluster.admin(),
        elsewhere: cluster.elsewhere(),
        mesh: cluster.mesh(),
        hosting,
        publisher: bus.publisher("/test", "test"),
        heard,
        _running: tokio_util::task::AbortOnDropHandle::new(tokio::spawn(
            cluster.run(leave.clone()),
        )),
        leave,
    }
}

impl Part {
    fn publish(&self, number: u64) {
        let mut draft = Draft::new(EventType::custom("number").unwrap());
        let id = number.to_string();
        draft.id = Some(id.as_str().into());
        draft.distributed = true;
        self.publisher.publish(&draft).unwrap();
    }

    /// The next events of a type, as their ids and data.
    async fn hear(&self, event_type: &str, count: usize) -> Vec<(String, Value)> {
        let mut heard = Vec::new();
        while heard.len() < count {
            let event = timeout(Duration::from_secs(60), self.heard.recv()).await;
            let event = event.expect("there are more").expect("the bus is there");
            if event.event_type() == event_type {
                let data = event.data().map(serde_json::from_slice);
                let data = data.transpose().unwrap().unwrap_or_default();
                heard.push((event.id().to_owned(), data));
            }
        }
        heard
    }

    fn sees(&self, name: &str) -> Option<(NodeState, String)> {
        let nodes = self.admin.nodes().into_iter();
        let mut named = nodes.filter(|node| node.state != NodeState::This && node.name == name);
        named.next().map(|node| (node.state, node.incarnation))
    }

    async fn until(&self, name: &str, state: Option<NodeState>) {
        let seen = async {
            while self.sees(name).map(|(state, _)| state) != state {
                sleep(Duration::from_millis(10)).await;
            }
        };
        let seen = timeout(FORGET_AFTER * 2, seen).await;
        seen.unwrap_or_else(|_| panic!("{:?} instead of {state:?}", self.sees(name)));
    }
}

fn ids(events: &[(String, Value)]) -> Vec<&str> {
    events.iter().map(|(id, _)| id.as_str()).collect()
}

#[tokio::test(start_paused = true)]
async fn a_node_that_was_forgotten_comes_back_without_an_event_twice() {
    let pipes = Arc::new(Pipes::default());
    let (a, b) = (start(&pipes, "a", 1, &[]), start(&pipes, "b", 2, &[1]));
    a.until("b", Some(NodeState::Connected)).await;
    b.until("a", Some(NodeState::Connected)).await;
    // What b wants, a knows a moment after the link is up.
    sleep(Duration::from_secs(1)).await;
    for number in 0..10 {
        a.publish(number);
    }
    let heard = b.hear("custom.number", 10).await;
    assert_eq!(
        ids(&heard),
        ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"]
    );

    pipes.cut();
    b.until("a", Some(NodeState::Unreachable)).await;
    a.until("b", Some(NodeState::Unreachable)).await;
    for number in 10..13 {
        a.publish(number);
    }
    a.until("b", None).await;
    b.until("a", None).await;

    pipes.heal();
    a.until("b", Some(NodeState::Connected)).await;
    b.until("a", Some(NodeState::Connected)).await;
    sleep(Duration::from_secs(1)).await;
    for number in 20..23 {
        a.publish(number);
    }
    // What waited was thrown away, which is told; nothing comes twice.
    let gaps = b.hear("cluster.gap", 1).await;
    let (_, gap) = &gaps[0];
    assert_eq!(
        (&gap["first"], &gap["count"]),
        (&Value::from(11), &Value::Null)
    );
    assert!(gap["after"].is_string(), "{gap}");
    let heard = b.hear("custom.number", 3).await;
    assert_eq!(ids(&heard), ["20", "21", "22"]);
}

#[tokio::test(start_paused = true)]
async fn of_two_starts_of_one_name_the_later_one_is_linked_whoever_comes_first() {
    let pipes = Arc::new(Pipes::default());
    let a = start(&pipes, "a", 1, &[]);
    let later = start(&pipes, "b", 9, &[1]);
    a.until("b", Some(NodeState::Connected)).await;
    let (_, incarnation) = a.sees("b").unwrap();
    // The earlier one comes second, and dials as long as it runs.
    let earlier = start(&pipes, "b", 2, &[1]);
    sleep(Duration::from_secs(60)).await;
    assert_eq!(
        a.sees("b").unwrap(),
        (NodeState::Connected, incarnation.clone())
    );
    assert_eq!(earlier.sees("a"), None);

    // And whether or not the later one is there.
    drop(later);
    a.until("b", Some(NodeState::Unreachable)).await;
    sleep(Duration::from_secs(60)).await;
    assert_eq!(a.sees("b").unwrap(), (NodeState::Unreachable, incarnation));

    // And when it is long forgotten.
    a.until("b", None).await;
    sleep(Duration::from_secs(60)).await;
    assert_eq!((a.sees("b"), earlier.sees("a")), (None, None));
}

#[tokio::test(start_paused = true)]
async fn a_panic_of_a_links_task_costs_no_event_that_came_and_is_no_secret() {
    let pipes = Arc::new(Pipes::default());
    let clock = Arc::new(FailingClock::default());
    let a = start(&pipes, "a", 1, &[]);
    let b = start_by(&pipes, "b", 2, &[1], Arc::clone(&clock) as Arc<dyn Clock>);
    a.until("b", Some(NodeState::Connected)).await;
    b.until("a", Some(NodeState::Connected)).await;
    sleep(Duration::from_secs(1)).await;
    a.publish(0);
    b.hear("custom.number", 1).await;
    sleep(Duration::from_secs(1)).await;
    // These have come, and a does not know that yet.
    for number in 1..4 {
        a.publish(number);
    }
    b.hear("custom.number", 3).await;
    pipes.cut();
    // The next that b publishes is that a cannot be reached.
    clock.0.store(true, Ordering::Relaxed);
    b.until("a", None).await;
    assert!(!clock.0.load(Ordering::Relaxed), "its task has panicked");

    pipes.heal();
    b.until("a", Some(NodeState::Connected)).await;
    a.until("b", Some(NodeState::Connected)).await;
    sleep(Duration::from_secs(1)).await;
    a.publish(4);
    let mut heard = Vec::new();
    while heard.last().is_none_or(|last| last != "custom.number") {
        let event = timeout(Duration::from_secs(60), b.heard.recv()).await;
        let event = event.expect("there are more").expect("the bus is there");
        heard.push(event.event_type().to_owned());
    }
    assert_eq!(
        heard,
        ["cluster.unreachable", "cluster.joined", "custom.number"]
    );
    // What b may have had for a is gone, which a is told.
    let gaps = a.hear("cluster.gap", 1).await;
    assert_eq!(gaps[0].1["count"], Value::Null);
}

#[tokio::test(start_paused = true)]
async fn an_address_is_dialled_on_after_a_panic() {
    let pipes = Arc::new(Pipes::default());
    let a = start(&pipes, "a", 1, &[]);
    pipes.panics.store(true, Ordering::Relaxed);
    let b = start(&pipes, "b", 2, &[1]);
    b.until("a", Some(NodeState::Connected)).await;
    a.until("b", Some(NodeState::Connected)).await;
    assert!(!pipes.panics.load(Ordering::Relaxed), "the first dial has");
}

#[tokio::test(start_paused = true)]
async fn after_a_panic_at_a_goodbye_nobody_believes_that_the_node_is_there() {
    let pipes = Arc::new(Pipes::default());
    let clock = Arc::new(FailingClock::default());
    let a = start_by(&pipes, "a", 1, &[], Arc::clone(&clock) as Arc<dyn Clock>);
    let b = start(&pipes, "b", 2, &[1]);
    a.until("b", Some(NodeState::Connected)).await;
    a.hear("cluster.joined", 1).await;
    // The next that a publishes is that b has left.
    clock.0.store(true, Ordering::Relaxed);
    b.leave.cancel();
    a.hear("cluster.unreachable", 1).await;
    assert!(!clock.0.load(Ordering::Relaxed), "its task has panicked");
}

mod passing;
mod speaking;
