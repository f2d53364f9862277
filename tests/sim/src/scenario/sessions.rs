//! Clients of sessions are moved from node to node, whatever happens to these.

use rand::RngExt;

use super::{BEGUN, Draft, millis};
use crate::plan::Action;

/// Between the stop of a node and its next start, in milliseconds: a stop may take so long.
const STOPPED: u64 = 6_000;

/// Between the start of a node and the stop of the next one.
const STARTED: std::ops::Range<u64> = 3_000..8_000;

impl Draft {
    /// Of all troubles one, by the seed, so that a few seeds have them all.
    pub(super) fn sessions(&mut self, seed: u64) {
        match seed % 7 {
            0 => self.steady(),
            1 => self.rolling(),
            2 => self.partition(),
            3 => self.crash(),
            4 => self.flap(),
            5 => self.churn(),
            _ => self.slow_peer(),
        }
        self.overflow_in_cuts();
        self.plan.visitors = false;
        self.plan.wishes = false;
        let large = self.random.random_bool(0.25);
        for node in &mut self.plan.nodes {
            node.publishers = 1;
            node.large = large;
        }
        self.plan.clients = self.random.random_range(5..=12);
    }

    /// Now and then more is published, while nodes cannot reach each other, than waits for
    /// these: messages of sessions are lost with it.
    fn overflow_in_cuts(&mut self) {
        let cuts = self.plan.actions.iter();
        let cuts = cuts.filter(|(_, action)| matches!(action, Action::Cut(_)));
        let cuts: Vec<u64> = cuts.map(|(at, _)| at.as_millis() as u64).collect();
        if !cuts.is_empty() && self.random.random_bool(0.3) {
            let cut = cuts[self.random.random_range(0..cuts.len())];
            let at = cut + self.random.random_range(0..1_000);
            self.overflow(at);
        }
    }

    /// One node after the other is stopped and started again, as for an upgrade, and some more
    /// join.
    fn rolling(&mut self) {
        let count = self.random.random_range(2..=4);
        let more = self.random.random_range(1..=2);
        self.nodes(count + more);
        let mut now = 0;
        for node in 0..count {
            let at = self.random.random_range(0..500);
            let offset = self.clock_offset();
            self.at(at, Action::Start(node, offset));
        }
        now += BEGUN * 2;
        for node in 0..count {
            self.at(now, Action::Stop(node));
            now += STOPPED;
            let offset = self.clock_offset();
            self.at(now, Action::Start(node, offset));
            now += self.random.random_range(STARTED);
        }
        for node in count..count + more {
            let offset = self.clock_offset();
            self.at(now, Action::Start(node, offset));
            now += self.random.random_range(STARTED);
        }
        self.plan.length = millis(now);
    }
}
