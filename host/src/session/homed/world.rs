//! A model of several nodes with one log, with what is on its way between them: whoever gets
//! what it should not get next is found out at once.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use super::client::{Client, Said};
use super::log::{ANSWER_TIMEOUT, Homed, RETRY_DELAY, Todo, View};
use super::role::Standing;
use super::step::{Step, at, home_among, peer};
use super::word::{Manner, Word};
use crate::mesh::PeerNode;
use crate::session::history_settings::HistorySettings;

/// Times that nobody comes to the end of.
const TTL: Duration = Duration::from_secs(1 << 20);
const META_TTL: Duration = Duration::from_secs(1 << 21);

/// What of a publication's bytes has a log handed over in several parts.
pub(super) const BYTES: usize = 30 << 10;

pub(super) struct Node {
    pub(super) log: Homed<Said>,
    /// Whom it sees.
    others: Vec<usize>,
    /// Who it knows to be about to end.
    pub(super) drains: Vec<usize>,
    /// Whether it sees the others differently since it was last looked at.
    is_due: bool,
    client: Client,
}

pub(super) struct World {
    pub(super) nodes: Vec<Option<Node>>,
    settings: HistorySettings,
    /// What is on its way from one to another; `None` is that the sender has met the receiver
    /// anew, and may have left out what came before.
    wires: BTreeMap<(usize, usize), VecDeque<Option<Word<Said>>>>,
    /// All that was numbered.
    logs: BTreeMap<(Arc<str>, u64), Said>,
    said: Said,
    now: u64,
    random: u64,
    /// Bytes of a log that may be under way at a time.
    pub(super) under_way: usize,
}

impl World {
    /// So many nodes, of a channel that keeps so many publications.
    pub(super) fn new(count: usize, size: usize) -> Self {
        let node = || Node {
            log: Homed::default(),
            others: Vec::new(),
            drains: Vec::new(),
            is_due: false,
            client: Client::default(),
        };
        Self {
            nodes: (0..count).map(|_| Some(node())).collect(),
            settings: HistorySettings {
                size,
                ttl: TTL,
                meta_ttl: META_TTL,
            },
            wires: BTreeMap::new(),
            logs: BTreeMap::new(),
            said: 0,
            now: 1,
            random: 1,
            under_way: 3 * BYTES,
        }
    }

    /// Lets a node do something, and does what is to be done then.
    pub(super) fn with<T>(
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
            ..
        } = self.nodes[node].as_mut()?;
        let may_be = |at: &usize| !drains.contains(at);
        let candidates = others.iter().copied().chain([node]).filter(may_be);
        let home = home_among(candidates).unwrap_or(node);
        let home = (home != node).then(|| peer(home));
        let all: Vec<_> = others.iter().map(|at| peer(*at)).collect();
        let view = View {
            home: home.as_ref(),
            is_home_linked: true,
            others: &all,
            settings: self.settings,
            is_used: client.is_subscribed || client.position.is_some(),
            under_way: self.under_way,
            random,
            now: self.now,
            time: self.now,
        };
        let mut todo = Vec::new();
        let done = work(log, &view, &mut todo);
        let wires = &mut self.wires;
        let mut send = |to: &PeerNode, word| {
            if others.contains(&at(to)) {
                wires
                    .entry((node, at(to)))
                    .or_default()
                    .push_back(Some(word));
            }
        };
        for one in todo {
            match one {
                Todo::Send(to, word) => send(&to, word),
                Todo::Spread(all, word) => {
                    for to in all.iter() {
                        send(to, word.clone());
                    }
                }
                Todo::Deliver(entry, _) => client.take(&self.logs, *entry.publication),
                Todo::Lose => client.lose(),
                Todo::Remember(..) | Todo::Tell => {}
            }
        }
        Some(done)
    }

    /// Publishes at a node, if it numbers now.
    pub(super) fn publish(&mut self, node: usize) -> bool {
        self.said += 1;
        let (said, now, settings) = (self.said, self.now, self.settings);
        let appended = self.with(node, |log, view, todo| {
            log.want(view, todo);
            let manner = Manner::default();
            let given = (settings, view.random, now);
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

    pub(super) fn subscribe(&mut self, node: usize) -> bool {
        let (now, settings) = (self.now, self.settings);
        let recovered = self.with(node, |log, view, todo| {
            log.want(view, todo);
            (log.standing() != Standing::Unsettled).then_some(view.random)
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
        let history = log.history(settings, random, now).expect("it is settled");
        if let Some(position) = &client.position {
            let got = history.recover(position.offset, &position.epoch, 100, now);
            let missed = got.top.offset.saturating_sub(position.offset);
            let is_kept = usize::try_from(missed).is_ok_and(|missed| missed <= settings.size);
            let may_be = got.top.epoch == position.epoch && is_kept;
            assert!(
                got.recovered || !may_be,
                "{position:?} is kept up to {:?}",
                got.top
            );
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

    pub(super) fn see(&mut self, one: usize, other: usize) {
        if one == other || self.nodes[one].is_none() || self.nodes[other].is_none() {
            return;
        }
        // Both sides of a link find it out, one a little before the other.
        for (one, other) in [(one, other), (other, one)] {
            let node = self.nodes[one].as_mut().expect("it is there");
            if !node.others.contains(&other) {
                node.others.push(other);
                self.wires.entry((one, other)).or_default().push_back(None);
            }
        }
        for node in [one, other] {
            self.with(node, |log, view, todo| log.look(view, todo));
        }
    }

    fn part(&mut self, one: usize, other: usize) {
        for (one, other) in [(one, other), (other, one)] {
            self.wires.remove(&(one, other));
            self.lose_sight(one, other);
        }
    }

    fn lose_sight(&mut self, one: usize, other: usize) {
        if let Some(node) = self.nodes[one].as_mut()
            && node.others.contains(&other)
        {
            node.others.retain(|seen| *seen != other);
            node.drains.retain(|seen| *seen != other);
            node.is_due = true;
            self.with(one, |log, view, todo| log.gone(&peer(other), view, todo));
        }
    }

    /// The next message from one to another comes.
    fn deliver(&mut self, from: usize, to: usize) {
        let wire = self.wires.get_mut(&(from, to));
        let Some(word) = wire.and_then(VecDeque::pop_front) else {
            return;
        };
        let receiver = self.nodes[to].as_mut();
        let Some(receiver) = receiver.filter(|node| node.others.contains(&from)) else {
            return;
        };
        match word {
            Some(word) => {
                _ = self.with(to, |log, view, todo| {
                    log.hear(&peer(from), word, view, todo);
                })
            }
            None => {
                receiver.is_due = true;
                self.with(to, |log, _, _| log.missed(&peer(from)));
            }
        }
    }

    pub(super) fn step(&mut self, step: &Step) {
        match *step {
            Step::Deliver(from, to) => self.deliver(from, to),
            Step::Publish(node) => drop(self.publish(node)),
            Step::Subscribe(node) => drop(self.subscribe(node)),
            Step::See(one, other) => self.see(one, other),
            Step::Part(one, other) if one != other => self.part(one, other),
            Step::LoseSight(one, other) if one != other => self.lose_sight(one, other),
            Step::Part(..) | Step::LoseSight(..) => {}
            Step::Lose(from, to) => {
                if let Some(wire) = self.wires.get_mut(&(from, to)) {
                    wire.clear();
                    self.with(to, |log, _, _| log.missed(&peer(from)));
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
                    let due = self.nodes[node].as_mut().map(|it| &mut it.is_due);
                    let is_due = due.is_some_and(std::mem::take);
                    self.with(node, |log, view, todo| {
                        if is_due || log.is_unsettled(view.home.is_none()) {
                            log.look(view, todo);
                        }
                    });
                }
            }
        }
    }

    /// All messages come, and as much time passes as anybody waits.
    pub(super) fn settle(&mut self) {
        for _ in 0..20 {
            while let Some((from, to)) = self.waiting() {
                self.step(&Step::Deliver(from, to));
            }
            self.step(&Step::Wait(RETRY_DELAY.max(ANSWER_TIMEOUT / 2)));
        }
    }

    /// How many messages are on their way from one to another.
    pub(super) fn on_the_way(&self, from: usize, to: usize) -> usize {
        self.wires.get(&(from, to)).map_or(0, VecDeque::len)
    }

    fn waiting(&self) -> Option<(usize, usize)> {
        let mut wires = self.wires.iter();
        wires
            .find(|(_, wire)| !wire.is_empty())
            .map(|(ends, _)| *ends)
    }

    fn alive(&self) -> Vec<usize> {
        let all = 0..self.nodes.len();
        all.filter(|at| self.nodes[*at].is_some()).collect()
    }

    /// All that are left see each other, and have come to rest: then there is one order for all.
    pub(super) fn heal(&mut self) {
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
        let positions: Vec<_> = alive
            .iter()
            .map(|at| self.client(*at).position.clone())
            .collect();
        assert!(
            positions.iter().all(|it| *it == positions[0]),
            "{positions:?}"
        );
        assert_eq!(self.told(), told, "nobody has missed anything since");
    }

    pub(super) fn client(&self, at: usize) -> &Client {
        &self.nodes[at].as_ref().expect("it is there").client
    }

    pub(super) fn told(&self) -> usize {
        let nodes = self.nodes.iter().flatten();
        nodes.map(|node| node.client.told).sum()
    }

    pub(super) fn epochs(&self) -> usize {
        let mut epochs: Vec<_> = self.logs.keys().map(|(epoch, _)| epoch).collect();
        epochs.dedup();
        epochs.len()
    }
}
