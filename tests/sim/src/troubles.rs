//! What keeps two nodes apart, and since when: what the cluster may be blamed for
//! depends on it.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::plan::Cut;

/// For links that were broken to be made again, at most.
pub const RECOVERY: Duration = Duration::from_secs(20);

/// For a node that cannot be reached to be forgotten: whoever comes back later is met anew.
pub const FORGET_AFTER: Duration = Duration::from_secs(60 * 60);

/// For a node to be announced that could not be reached when the network was whole again:
/// until then the link may not have been found to be dead.
pub const AFTERWARDS: Duration = Duration::from_secs(5);

/// The breaks between nodes.
#[derive(Debug, Default)]
pub struct Troubles {
    /// When it began, and when it ended if it has.
    cuts: BTreeMap<(usize, usize), (Duration, Option<Duration>)>,
    /// Bytes a second that a slow node moves, and since when.
    slow: BTreeMap<usize, (u64, Duration)>,
}

fn pair(a: usize, b: usize) -> (usize, usize) {
    (a.min(b), a.max(b))
}

impl Troubles {
    /// The network breaks.
    pub fn cut(&mut self, at: Duration, cut: &Cut) {
        for (a, b) in cut.pairs() {
            self.cuts.insert(pair(a, b), (at, None));
        }
    }

    /// The network is whole again.
    pub fn heal(&mut self, at: Duration, cut: &Cut) {
        for (a, b) in cut.pairs() {
            if let Some((_, end)) = self.cuts.get_mut(&pair(a, b)) {
                *end = Some(at);
            }
        }
    }

    /// A node becomes slow, moving so many bytes a second, or fast again.
    pub fn slow(&mut self, at: Duration, node: usize, rate: u64) {
        if rate > 0 {
            self.slow.insert(node, (rate, at));
        } else {
            self.slow.remove(&node);
        }
    }

    /// Since when two nodes cannot reach each other.
    #[must_use]
    pub fn cut_since(&self, a: usize, b: usize) -> Option<Duration> {
        let (since, end) = self.cuts.get(&pair(a, b))?;
        end.is_none().then_some(*since)
    }

    /// Bytes a second that move between two nodes of which one at least is slow, and
    /// since when.
    #[must_use]
    pub fn slowness(&self, a: usize, b: usize) -> Option<(u64, Duration)> {
        let slow = [a, b].into_iter().filter_map(|node| self.slow.get(&node));
        slow.copied()
            .reduce(|one, other| (one.0.min(other.0), one.1.max(other.1)))
    }

    /// Whether it may be announced that one of two nodes cannot be reached by the other.
    /// That the network is slow is no excuse.
    #[must_use]
    pub fn excuse(&self, at: Duration, a: usize, b: usize) -> bool {
        self.was_cut(at, a, b, AFTERWARDS)
    }

    /// Whether two nodes may be without a link though they have met.
    #[must_use]
    pub fn may_be_apart(&self, at: Duration, a: usize, b: usize) -> bool {
        self.was_cut(at, a, b, RECOVERY)
    }

    fn was_cut(&self, at: Duration, a: usize, b: usize, lately: Duration) -> bool {
        let cut = self.cuts.get(&pair(a, b));
        cut.is_some_and(|(_, end)| end.is_none_or(|end| at < end + lately))
    }

    /// Whether anything is broken or slow.
    #[must_use]
    pub fn any(&self) -> bool {
        self.cuts.values().any(|(_, end)| end.is_none()) || !self.slow.is_empty()
    }
}
