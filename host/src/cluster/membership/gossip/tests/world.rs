//! Nodes without a network: a stand-in for the links of a whole cluster, on a
//! paused clock.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};
use uuid::{Builder, Uuid};

use crate::cluster::membership::gossip::{
    Gossip, LinkNews, MAX_MESSAGE_BYTES, Member, Outgoing, Settings,
};
use crate::cluster::membership::{Address, Candidates, Membership};

type Name = Arc<str>;

/// What messages take from node to node, and how often the links look around.
const STEP: Duration = Duration::from_millis(10);

/// Longest time that the nodes get to agree on something. No measure of how long
/// they should take.
const LONG_ENOUGH: Duration = Duration::from_secs(120);

/// A UUID of version 7 of that moment.
pub fn incarnation(millis: u64) -> Uuid {
    Builder::from_unix_timestamp_millis(millis, &[7; 10]).into_uuid()
}

struct Node {
    member: Member,
    news: mpsc::Sender<LinkNews>,
    outgoing: mpsc::Receiver<Outgoing>,
    found: watch::Receiver<Candidates>,
    task: JoinHandle<()>,
    /// What the links dial: what was given, and whatever was found once, for the
    /// dialler does not give up soon.
    dialled: Candidates,
    links: BTreeMap<Name, Member>,
    /// Links stay up, yet nothing comes through.
    silent: bool,
}

/// A message as it was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sent {
    pub at: Duration,
    pub from: Member,
    pub to: Name,
    pub message: Bytes,
}

pub struct World {
    seed: u64,
    started: Instant,
    nodes: BTreeMap<Name, Node>,
    /// Pairs of nodes that cannot reach each other.
    cuts: BTreeSet<(Name, Name)>,
    pub sent: Vec<Sent>,
}

impl World {
    pub fn new(seed: u64) -> Self {
        Self {
            seed,
            started: Instant::now(),
            nodes: BTreeMap::new(),
            cuts: BTreeSet::new(),
            sent: Vec::new(),
        }
    }

    /// Starts a node that is told of the `join` addresses.
    pub fn start(&mut self, name: &str, address: &str, incarnation: Uuid, join: &[&str]) {
        self.start_knowing(name, address, Some(address.into()), incarnation, join);
    }

    /// Starts a node that must learn its own address.
    pub fn start_unspecified(&mut self, name: &str, address: &str, join: &[&str]) {
        self.start_knowing(name, address, None, incarnation(1_000), join);
    }

    fn start_knowing(
        &mut self,
        name: &str,
        address: &str,
        known: Option<Address>,
        incarnation: Uuid,
        join: &[&str],
    ) {
        self.seed += 1;
        let (news, told) = mpsc::channel(4096);
        let (says, outgoing) = mpsc::channel(4096);
        let settings = Settings {
            node: name.into(),
            incarnation,
            address: known,
            seed: self.seed,
        };
        let gossip = Gossip::new(settings, told, says);
        let node = Node {
            member: Member {
                node: name.into(),
                incarnation,
                address: address.into(),
            },
            found: gossip.watch(),
            news,
            outgoing,
            task: tokio::spawn(Box::new(gossip).run()),
            dialled: join.iter().map(|address| Address::from(*address)).collect(),
            links: BTreeMap::new(),
            silent: false,
        };
        let before = self.nodes.insert(name.into(), node);
        assert!(before.is_none(), "{name} runs already");
    }

    /// Ends a node without a word; the links notice at once.
    pub fn crash(&mut self, name: &str) {
        let node = self.nodes.remove(name).expect("a running node");
        node.task.abort();
        for peer in node.links.keys() {
            self.unlink(peer, &node.member);
        }
    }

    /// Lets nothing through to and from a node, with its links up.
    pub fn silence(&mut self, name: &str) {
        self.node_mut(name).silent = true;
    }

    /// Ends a node in order: it tells the gossip, then the links.
    pub async fn leave(&mut self, name: &str) {
        self.tell(name, LinkNews::Leaving);
        let ended = (&mut self.node_mut(name).task).await;
        ended.expect("a node ends without a panic");
        self.carry(name);
        let node = self.nodes.remove(name).expect("a running node");
        assert_eq!(*node.found.borrow(), Candidates::new());
        for peer in node.links.keys() {
            let known = self.node_mut(peer).links.remove(name);
            self.tell(peer, LinkNews::Left(known.expect("links have two ends")));
        }
    }

    /// Keeps the nodes of either side from those of the other.
    pub fn cut(&mut self, one: &[&str], other: &[&str]) {
        for a in one {
            for b in other {
                self.cuts.insert(pair(a, b));
                let (a, b) = (self.node(a).member.clone(), self.node(b).member.clone());
                if self.node(&a.node).links.contains_key(&b.node) {
                    self.unlink(&a.node, &b);
                    self.unlink(&b.node, &a);
                }
            }
        }
    }

    pub fn heal(&mut self) {
        self.cuts.clear();
    }

    /// The nodes that run.
    pub fn names(&self) -> Vec<Name> {
        self.nodes.keys().cloned().collect()
    }

    /// Has all others dial a node.
    pub fn introduce(&mut self, name: &str) {
        let address = self.node(name).member.address.clone();
        for node in self.nodes.values_mut() {
            node.dialled.insert(address.clone());
        }
    }

    pub fn member(&self, name: &str) -> &Member {
        &self.node(name).member
    }

    /// Hands a node a message as if a linked node had sent it.
    pub fn forge(&self, from: &str, to: &str, message: Bytes) {
        let from = self.node(to).links[from].clone();
        self.tell(to, LinkNews::Message { from, message });
    }

    /// The addresses that a node has found.
    pub fn found(&self, name: &str) -> Vec<String> {
        let found = self.node(name).found.borrow();
        found.iter().map(ToString::to_string).collect()
    }

    /// Whether every one of these nodes has found exactly the others of them.
    pub fn agree(&self, names: &[&str]) -> bool {
        names.iter().all(|name| {
            let others = names.iter().filter(|other| *other != name);
            let expected: Candidates = others
                .map(|other| self.node(other).member.address.clone())
                .collect();
            *self.node(name).found.borrow() == expected
        })
    }

    /// Lets time pass until `done`.
    ///
    /// # Panics
    /// When that takes too long.
    pub async fn until(&mut self, what: &str, mut done: impl FnMut(&Self) -> bool) {
        let deadline = Instant::now() + LONG_ENOUGH;
        while !done(self) {
            if Instant::now() > deadline {
                let found = self.nodes.keys().map(|name| (name, self.found(name)));
                panic!(
                    "not within {LONG_ENOUGH:?}: {what}; {:?}",
                    found.collect::<Vec<_>>()
                );
            }
            self.step().await;
        }
    }

    pub async fn pass(&mut self, time: Duration) {
        let deadline = Instant::now() + time;
        while Instant::now() < deadline {
            self.step().await;
        }
    }

    /// What the links of all nodes do in one step of time.
    async fn step(&mut self) {
        sleep(STEP).await;
        let names: Vec<Name> = self.nodes.keys().cloned().collect();
        for name in &names {
            assert!(!self.node(name).task.is_finished(), "{name} has ended");
            self.dial(name);
            self.carry(name);
        }
    }

    fn dial(&mut self, name: &str) {
        let node = self.node_mut(name);
        let found = node.found.borrow().clone();
        node.dialled.extend(found);
        let (dialler, dialled) = (node.member.clone(), node.dialled.clone());
        let answering: Vec<Member> = self
            .nodes
            .values()
            .map(|node| node.member.clone())
            .filter(|other| other.node != dialler.node && dialled.contains(&other.address))
            .filter(|other| !self.cuts.contains(&pair(name, &other.node)))
            .collect();
        for answers in answering {
            if !self.node(name).links.contains_key(&answers.node) {
                self.link(&dialler, &answers);
                self.link(&answers, &dialler);
            }
        }
    }

    fn carry(&mut self, name: &str) {
        while let Ok(Outgoing { to, message }) = self.node_mut(name).outgoing.try_recv() {
            assert!(message.len() <= MAX_MESSAGE_BYTES);
            assert_ne!(&*to, name, "a message to the node itself");
            let from = self.node(name).member.clone();
            self.sent.push(Sent {
                at: self.started.elapsed(),
                from: from.clone(),
                to: to.clone(),
                message: message.clone(),
            });
            let passes = self.node(name).links.contains_key(&to)
                && !self.node(name).silent
                && !self.node(&to).silent;
            if passes {
                self.tell(&to, LinkNews::Message { from, message });
            }
        }
    }

    fn link(&mut self, node: &Member, peer: &Member) {
        let local_address = node.address.clone();
        let links = &mut self.node_mut(&node.node).links;
        links.insert(peer.node.clone(), peer.clone());
        let peer = peer.clone();
        self.tell(
            &node.node,
            LinkNews::Up {
                peer,
                local_address,
            },
        );
    }

    fn unlink(&mut self, node: &str, peer: &Member) {
        self.node_mut(node).links.remove(&peer.node);
        self.tell(node, LinkNews::Down(peer.clone()));
    }

    fn tell(&self, name: &str, news: LinkNews) {
        let told = self.node(name).news.try_send(news);
        told.unwrap_or_else(|error| panic!("{name} does not listen: {error}"));
    }

    fn node(&self, name: &str) -> &Node {
        &self.nodes[name]
    }

    fn node_mut(&mut self, name: &str) -> &mut Node {
        self.nodes.get_mut(name).expect("a running node")
    }
}

impl Drop for World {
    fn drop(&mut self) {
        for node in self.nodes.values() {
            node.task.abort();
        }
    }
}

fn pair(a: &str, b: &str) -> (Name, Name) {
    if a < b {
        (a.into(), b.into())
    } else {
        (b.into(), a.into())
    }
}
