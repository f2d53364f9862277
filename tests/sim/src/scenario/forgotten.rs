//! A node is away for about an hour.

use std::ops::Range;

use rand::RngExt;
use rand::seq::SliceRandom;

use super::{BEGUN, Draft, millis};
use crate::plan::{Action, Cut, CutKind, Join, NodePlan};

/// What time moves by, in milliseconds: an hour in steps of two takes minutes.
const TICK: u64 = 50;

/// How long the network is broken: for too short to be forgotten, for about as long, and for
/// longer; in milliseconds.
const SHORT: Range<u64> = 3_000_000..3_590_000;
const ABOUT: Range<u64> = 3_596_000..3_603_000;
const LONG: Range<u64> = 3_603_000..3_900_000;

/// How much later it breaks in the other direction, where it breaks in one after the other:
/// that side gives the link up later, but not before it misses the first sign of life.
const LATER: Range<u64> = 500..2_000;

/// How much earlier than the others a node was started that bears the name of one: by more
/// than their clocks are off, in milliseconds.
const EARLIER: i64 = 3 * 3_600_000;

impl Draft {
    /// The network between a node and one or all others breaks for about an hour, and all go
    /// on publishing. Some of them may start again meanwhile, or another may come that bears
    /// the name of one and was started earlier; and the network may break before and after
    /// that for a moment.
    pub(super) fn forgotten(&mut self) {
        let count = self.random.random_range(2..=3);
        self.nodes(count);
        self.plan.tick = millis(TICK);
        self.plan.visitors = false;
        self.plan.wishes = false;
        for node in &mut self.plan.nodes {
            node.pause = millis(self.random.random_range(5_000..40_000));
        }
        self.start_all();
        let mut nodes: Vec<usize> = (0..count).collect();
        nodes.shuffle(&mut self.random);
        let mut those = nodes.split_off(1);
        those.truncate(self.random.random_range(1..count));
        let mut now = BEGUN + self.random.random_range(1_000..60_000);
        if self.random.random_bool(0.3) {
            now = self.break_for_a_moment(&nodes, &those, now);
        }
        let length = match self.random.random_range(0..10) {
            0 => SHORT,
            1..=6 => ABOUT,
            _ => LONG,
        };
        let end = now + self.random.random_range(length);
        self.break_between(&nodes, &those, now, end);
        if self.random.random_bool(0.25) {
            let node = self.random.random_range(0..count);
            let at = if self.random.random_bool(0.5) {
                self.random.random_range(now + 10_000..end)
            } else {
                end - self.random.random_range(0..10_000)
            };
            self.at(at, Action::Crash(node));
            self.restart(node, at);
        } else if self.random.random_bool(0.4) {
            let at = self.random.random_range(now + 10_000..end);
            self.earlier_twin(those[0], at);
        }
        now = end;
        if self.random.random_bool(0.5) {
            now += self.random.random_range(3_000..30_000);
            now = self.break_for_a_moment(&nodes, &those, now);
        }
        self.plan.length = millis(now + self.random.random_range(60_000..120_000));
    }

    /// A node comes that bears the name of another, by the word of its clock an earlier start
    /// of it, and tries to link with all others.
    fn earlier_twin(&mut self, called: usize, at: u64) {
        let count = self.plan.nodes.len();
        let others = (0..count).filter(|other| *other != called);
        let twin = NodePlan {
            join: others.map(Join::Address).collect(),
            ..self.plan.nodes[called].clone()
        };
        self.plan.nodes.push(twin);
        let behind = i64::try_from(at).expect("some hours at most") + EARLIER;
        self.at(at, Action::Start(count, -behind));
    }

    fn break_for_a_moment(&mut self, these: &[usize], those: &[usize], begin: u64) -> u64 {
        let end = begin + self.random.random_range(100..8_000);
        self.break_between(these, those, begin, end);
        end + self.random.random_range(1_000..30_000)
    }

    /// The network between some nodes and others breaks in any way, and is whole again at the
    /// end.
    fn break_between(&mut self, these: &[usize], those: &[usize], begin: u64, end: u64) {
        let (these, those) = if self.random.random_bool(0.5) {
            (these, those)
        } else {
            (those, these)
        };
        let cut = |these: &[usize], those: &[usize], kind| Cut {
            these: these.to_vec(),
            those: those.to_vec(),
            kind,
        };
        let there = match self.random.random_range(0..4) {
            0 => CutKind::Both,
            1 => CutKind::Held,
            _ => CutKind::OneWay,
        };
        let mut cuts = vec![(begin, cut(these, those, there))];
        if there == CutKind::OneWay && self.random.random_bool(0.7) {
            let later = begin + self.random.random_range(LATER);
            cuts.push((later.min(end), cut(those, these, there)));
        }
        for (begin, cut) in cuts {
            self.at(begin, Action::Cut(cut.clone()));
            self.at(end, Action::Heal(cut));
        }
    }
}
