//! Logs on several nodes against a model: whatever the order in which messages come, and
//! whoever comes, goes, is cut off or misses something, there is one order in an epoch, what is
//! said to be recovered is whole, and nothing comes twice.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use uuid::Uuid;

use super::log::{AGAIN, Homed, PATIENCE, Todo, View};
use super::role::Standing;
use super::word::{Manner, Word};
use crate::mesh::PeerNode;
use crate::session::history::Position;
use crate::session::history_settings::HistorySettings;

const SETTINGS: HistorySettings = HistorySettings {
    size: 6,
    ttl: Duration::from_secs(1 << 20),
    meta_ttl: Duration::from_secs(1 << 21),
};

/// What of a publication's bytes has a log handed over in several parts.
const BYTES: usize = 60 << 10;

/// A publication: what was published, as no other was.
type Said = u64;

fn peer(at: usize) -> PeerNode {
    PeerNode {
        name: format!("n{at}").into(),
        incarnation: Uuid::from_u128(at as u128),
    }
}

fn at(peer: &PeerNode) -> usize {
    usize::try_from(peer.incarnation.as_u128()).unwrap()
}

/// Somebody who is subscribed at a node, or was.
#[derive(Debug, Default)]
struct Client {
    /// Where it is, if it ever was subscribed.
    position: Option<Position>,
    is_subscribed: bool,
    /// How often it was told that it has missed something.
    told: usize,
}

struct Node {
    log: Homed<Said>,
    /// Whom it sees.
    others: Vec<usize>,
    /// Who it knows to be about to end.
    drains: Vec<usize>,
    client: Client,
}

struct World {
    nodes: Vec<Option<Node>>,
    /// What is on its way from one to another.
    wires: BTreeMap<(usize, usize), VecDeque<Word<Said>>>,
    /// All that was numbered.
    logs: BTreeMap<(Arc<str>, u64), Said>,
    said: Said,
    now: u64,
    random: u64,
}

#[derive(Clone, Debug)]
enum Step {
    /// The next message from one to another comes.
    Deliver(usize, usize),
    /// Somebody publishes at a node.
    Publish(usize),
    /// The client of a node subscribes.
    Subscribe(usize),
    /// One sees the other.
    See(usize, usize),
    /// One does not see the other any more, of whom nothing comes any more; what was on its way
    /// is lost.
    Part(usize, usize),
    /// Messages from one to another are lost.
    Lose(usize, usize),
    /// A node says that it is about to end.
    Drain(usize),
    /// A node ends without a word.
    Crash(usize),
    /// Time passes.
    Wait(u64),
}

/// The home of the channel among these.
fn home_among(nodes: impl Iterator<Item = usize>) -> Option<usize> {
    // Some order that is not that of their numbers.
    nodes.max_by_key(|at| (at * 5 + 3) % 7)
}

impl World {
    fn new(count: usize) -> Self {
        let node = || Node {
            log: Homed::default(),
            others: Vec::new(),
            drains: Vec::new(),
            client: Client::default(),
        };
        Self {
            nodes: (0..count).map(|_| Some(node())).collect(),
            wires: BTreeMap::new(),
            logs: BTreeMap::new(),
            said: 0,
            now: 1,
            random: 1,
        }
    }

    /// Lets a node do something, and does what is to be done then.
    fn with<T>(
        &mut self,
        node: usize,
        work: impl FnOnce(&mut Homed<Said>, &View<'_>, &mut Vec<Todo<Said>>) -> T,
    ) -> Option<T> {
        self.random += 1;
        let random = self.random.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let Node {
            log,
            others,
            drains,
            client,
        } = self.nodes[node].as_mut()?;
        let may_be = |at: &usize| !drains.contains(at);
        let candidates = others.iter().copied().chain([node]).filter(may_be);
        let home = home_among(candidates).unwrap_or(node);
        let home = (home != node).then(|| peer(home));
        let all: Vec<_> = others.iter().map(|at| peer(*at)).collect();
        let view = View {
            home: home.as_ref(),
            others: &all,
            settings: SETTINGS,
            is_used: client.is_subscribed || client.position.is_some(),
            random,
            now: self.now,
        };
        let mut todo = Vec::new();
        let done = work(log, &view, &mut todo);
        for one in todo {
            match one {
                Todo::Send(to, word) => {
                    if others.contains(&at(&to)) {
                        let wire = self.wires.entry((node, at(&to))).or_default();
                        wire.push_back(word);
                    }
                }
                Todo::Deliver(entry, _) => client.take(&self.logs, *entry.publication),
                Todo::Lose => client.lose(),
                Todo::Remember(_) | Todo::Tell => {}
            }
        }
        Some(done)
    }

    /// Publishes at a node, if it numbers now.
    fn publish(&mut self, node: usize) -> bool {
        self.said += 1;
        let (said, now) = (self.said, self.now);
        let appended = self.with(node, |log, view, todo| {
            log.want(view, todo);
            let manner = Manner::default();
            let given = (SETTINGS, view.random, now);
            let (_, position) = log.append(given, BYTES, &manner, |_| said, todo)?;
            Some(position)
        });
        let Some(Some(position)) = appended else {
            return false;
        };
        let key = (position.epoch, position.offset);
        let before = self.logs.insert(key.clone(), said);
        assert_eq!(before, None, "two have the number {key:?}");
        // The node's own sessions get it from its hub.
        let logs = &self.logs;
        if let Some(node) = &mut self.nodes[node] {
            node.client.take(logs, said);
        }
        true
    }

    fn subscribe(&mut self, node: usize) -> bool {
        let now = self.now;
        let recovered = self.with(node, |log, view, todo| {
            log.want(view, todo);
            (log.standing() != Standing::Unsettled).then(|| view.random)
        });
        let Some(Some(random)) = recovered else {
            return false;
        };
        let logs = &self.logs;
        let Some(Node { log, client, .. }) = &mut self.nodes[node] else {
            return false;
        };
        if client.is_subscribed {
            return true;
        }
        let history = log.history(SETTINGS, random, now).expect("it is settled");
        if let Some(position) = &client.position {
            let got = history.recover(position.offset, &position.epoch, 100, now);
            if got.recovered {
                assert_eq!(got.top.epoch, position.epoch);
                let mut next = position.offset;
                for (number, said) in got.publications {
                    next += 1;
                    assert_eq!(number, next, "it follows on");
                    let known = logs.get(&(Arc::clone(&got.top.epoch), number));
                    assert_eq!(known, Some(&*said), "it is what was numbered");
                }
                assert_eq!(next, got.top.offset, "up to the top");
            }
        }
        client.position = Some(history.top());
        client.is_subscribed = true;
        true
    }

    fn see(&mut self, one: usize, other: usize) {
        if one == other || self.nodes[one].is_none() || self.nodes[other].is_none() {
            return;
        }
        // Both sides of a link find it out, one a little before the other.
        for (one, other) in [(one, other), (other, one)] {
            let node = self.nodes[one].as_mut().expect("it is there");
            if !node.others.contains(&other) {
                node.others.push(other);
            }
        }
        for node in [one, other] {
            self.with(node, |log, view, todo| log.look(view, todo));
        }
    }

    fn part(&mut self, one: usize, other: usize) {
        for (one, other) in [(one, other), (other, one)] {
            self.wires.remove(&(one, other));
            if let Some(node) = self.nodes[one].as_mut()
                && node.others.contains(&other)
            {
                node.others.retain(|seen| *seen != other);
                node.drains.retain(|seen| *seen != other);
                self.with(one, |log, view, todo| log.gone(&peer(other), view, todo));
            }
        }
    }

    fn step(&mut self, step: &Step) {
        match *step {
            Step::Deliver(from, to) => {
                let word = self.wires.get_mut(&(from, to)).and_then(VecDeque::pop_front);
                if let Some(word) = word {
                    self.with(to, |log, view, todo| log.hear(&peer(from), word, view, todo));
                }
            }
            Step::Publish(node) => drop(self.publish(node)),
            Step::Subscribe(node) => drop(self.subscribe(node)),
            Step::See(one, other) => self.see(one, other),
            Step::Part(one, other) if one != other => self.part(one, other),
            Step::Part(..) => {}
            Step::Lose(from, to) => {
                if let Some(wire) = self.wires.get_mut(&(from, to)) {
                    wire.clear();
                    self.with(to, |log, view, todo| log.missed(&peer(from), view, todo));
                }
            }
            Step::Drain(node) => {
                for knows in 0..self.nodes.len() {
                    let is_node = knows == node;
                    if let Some(known) = self.nodes[knows].as_mut()
                        && (is_node || known.others.contains(&node))
                        && !known.drains.contains(&node)
                    {
                        known.drains.push(node);
                        self.with(knows, |log, view, todo| log.look(view, todo));
                    }
                }
            }
            Step::Crash(node) => {
                for other in 0..self.nodes.len() {
                    self.part(node, other);
                }
                self.nodes[node] = None;
            }
            Step::Wait(time) => {
                self.now += time;
                for node in 0..self.nodes.len() {
                    self.with(node, |log, view, todo| log.look(view, todo));
                }
            }
        }
    }

    /// All messages come, and as much time passes as anybody waits.
    fn settle(&mut self) {
        for _ in 0..20 {
            while let Some((from, to)) = self.waiting() {
                self.step(&Step::Deliver(from, to));
            }
            self.step(&Step::Wait(AGAIN.max(PATIENCE / 2)));
        }
    }

    fn waiting(&self) -> Option<(usize, usize)> {
        let mut wires = self.wires.iter();
        wires.find(|(_, wire)| !wire.is_empty()).map(|(ends, _)| *ends)
    }

    fn alive(&self) -> Vec<usize> {
        let all = 0..self.nodes.len();
        all.filter(|at| self.nodes[*at].is_some()).collect()
    }

    /// All that are left see each other, and have come to rest: then there is one order for all.
    fn heal(&mut self) {
        let alive = self.alive();
        for one in &alive {
            for other in &alive {
                self.see(*one, *other);
            }
        }
        self.settle();
        for node in &alive {
            if !self.subscribe(*node) {
                self.settle();
                assert!(self.subscribe(*node), "{node} is settled");
            }
        }
        self.settle();
        for node in &alive {
            self.subscribe(*node);
        }
        let owners: Vec<_> = alive
            .iter()
            .copied()
            .filter(|at| self.nodes[*at].as_ref().is_some_and(|it| it.log.is_owned()))
            .collect();
        assert_eq!(owners.len(), 1, "one owns it: {owners:?}");
        let told = self.told();
        for _ in 0..3 {
            assert!(self.publish(owners[0]));
            self.settle();
        }
        let positions: Vec<_> = alive.iter().map(|at| self.client(*at).position.clone()).collect();
        assert!(positions.iter().all(|it| *it == positions[0]), "{positions:?}");
        assert_eq!(self.told(), told, "nobody has missed anything since");
    }

    fn client(&self, at: usize) -> &Client {
        &self.nodes[at].as_ref().expect("it is there").client
    }

    fn told(&self) -> usize {
        let nodes = self.nodes.iter().flatten();
        nodes.map(|node| node.client.told).sum()
    }

    fn epochs(&self) -> usize {
        let mut epochs: Vec<_> = self.logs.keys().map(|(epoch, _)| epoch).collect();
        epochs.dedup();
        epochs.len()
    }
}

impl Client {
    fn take(&mut self, logs: &BTreeMap<(Arc<str>, u64), Said>, said: Said) {
        if !self.is_subscribed {
            return;
        }
        let position = self.position.as_mut().expect("it is subscribed");
        position.offset += 1;
        let expected = logs.get(&(Arc::clone(&position.epoch), position.offset));
        assert_eq!(expected, Some(&said), "the next of its log, at {position:?}");
    }

    fn lose(&mut self) {
        if self.is_subscribed {
            self.is_subscribed = false;
            self.told += 1;
        }
    }
}

const COUNT: usize = 4;

fn node() -> impl Strategy<Value = usize> {
    0..COUNT
}

/// What happens where nobody fails.
fn calm() -> impl Strategy<Value = Step> {
    prop_oneof![
        12 => (node(), node()).prop_map(|(from, to)| Step::Deliver(from, to)),
        4 => node().prop_map(Step::Publish),
        2 => node().prop_map(Step::Subscribe),
        1 => (1..40_u64).prop_map(Step::Wait),
    ]
}

fn any_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        20 => calm(),
        2 => (node(), node()).prop_map(|(one, other)| Step::See(one, other)),
        1 => (node(), node()).prop_map(|(one, other)| Step::Part(one, other)),
        1 => (node(), node()).prop_map(|(from, to)| Step::Lose(from, to)),
        1 => node().prop_map(Step::Drain),
        1 => (1..3_000_u64).prop_map(Step::Wait),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// Whatever happens; one node at most crashes.
    #[test]
    fn there_is_one_order_in_an_epoch(
        steps in proptest::collection::vec(any_step(), 0..150),
        crash in proptest::option::of((node(), 0..150_usize)),
    ) {
        let mut world = World::new(COUNT);
        for (number, step) in steps.iter().enumerate() {
            if let Some((node, at)) = crash && at == number {
                world.step(&Step::Crash(node));
            }
            world.step(step);
        }
        for node in world.nodes.iter_mut().flatten() {
            node.drains.clear();
        }
        world.heal();
    }

    /// Nodes come and go in order, each once the others have come to rest.
    #[test]
    fn who_comes_and_goes_in_order_changes_nothing_for_anybody(
        first in node(),
        phases in proptest::collection::vec(
            (node(), any::<bool>(), proptest::collection::vec(calm(), 0..40)),
            1..6,
        ),
    ) {
        let mut world = World::new(COUNT);
        let mut here = vec![first];
        world.step(&Step::Subscribe(first));
        world.step(&Step::Publish(first));
        for (node, may_go, steps) in phases {
            match here.contains(&node) {
                false => {
                    for other in &here {
                        world.see(node, *other);
                    }
                    here.push(node);
                }
                true if may_go && here.len() > 1 => world.step(&Step::Drain(node)),
                true => {}
            }
            for step in &steps {
                let is_here = match step {
                    Step::Publish(at) | Step::Subscribe(at) => here.contains(at),
                    _ => true,
                };
                if is_here {
                    world.step(step);
                }
            }
            world.settle();
            prop_assert_eq!(world.told(), 0);
            if world.nodes[node].as_ref().is_some_and(|it| it.drains.contains(&node)) {
                prop_assert!(!world.nodes[node].as_ref().unwrap().log.is_owned());
                world.step(&Step::Crash(node));
                world.nodes[node] = World::new(1).nodes.pop().unwrap();
                here.retain(|at| *at != node);
            }
        }
        prop_assert_eq!(world.told(), 0);
        prop_assert!(world.epochs() <= 1, "there is one log");
    }
}

#[test]
fn a_log_that_is_handed_over_in_parts_arrives_whole() {
    let mut world = World::new(2);
    // The other is the home of the two.
    let home = home_among(0..2).unwrap();
    let first = 1 - home;
    assert!(world.subscribe(first));
    for _ in 0..10 {
        assert!(world.publish(first));
    }
    world.see(first, home);
    world.settle();
    assert!(world.nodes[home].as_ref().unwrap().log.is_owned());
    assert!(world.subscribe(home));
    for node in [first, home] {
        let kept = world.nodes[node].as_ref().unwrap().log.kept().unwrap();
        assert_eq!((kept.1.top().offset, kept.1.len()), (10, 6));
    }
    assert!(world.publish(home));
    world.settle();
    assert_eq!((world.told(), world.epochs()), (0, 1));
    assert_eq!(world.client(first).position.as_ref().unwrap().offset, 11);
}
