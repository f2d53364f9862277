//! What keeps two nodes apart, and since when: what the cluster may be blamed for
//! depends on it.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::plan::Cut;

/// For links that were broken to be made again, at most.
pub const RECOVERY: Duration = Duration::from_secs(20);

/// The breaks between nodes.
#[derive(Debug, Default)]
pub struct Troubles {
    /// When it began, and when it ended if it has.
    cuts: BTreeMap<(usize, usize), (Duration, Option<Duration>)>,
    /// When a node became slow, and when it was fast again if it is.
    slow: BTreeMap<usize, (Duration, Option<Duration>)>,
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

    /// A node becomes slow, or fast again.
    pub fn slow(&mut self, at: Duration, node: usize, slow: bool) {
        let (_, end) = self.slow.entry(node).or_insert((at, None));
        *end = (!slow).then_some(at);
    }

    /// Since when two nodes cannot reach each other.
    #[must_use]
    pub fn cut_since(&self, a: usize, b: usize) -> Option<Duration> {
        let (since, end) = self.cuts.get(&pair(a, b))?;
        end.is_none().then_some(*since)
    }

    /// Whether a node is slow.
    #[must_use]
    pub fn is_slow(&self, node: usize) -> bool {
        self.slow.get(&node).is_some_and(|(_, end)| end.is_none())
    }

    /// Whether a link between two nodes may be broken because of what was not long
    /// ago.
    #[must_use]
    pub fn excuse(&self, at: Duration, a: usize, b: usize) -> bool {
        let recent =
            |(_, end): &(Duration, Option<Duration>)| end.is_none_or(|end| at < end + RECOVERY);
        self.cuts.get(&pair(a, b)).is_some_and(recent)
            || self.slow.get(&a).is_some_and(recent)
            || self.slow.get(&b).is_some_and(recent)
    }

    /// Whether anything is broken or slow.
    #[must_use]
    pub fn any(&self) -> bool {
        let unended = |(_, end): &(Duration, Option<Duration>)| end.is_none();
        self.cuts.values().any(unended) || self.slow.values().any(unended)
    }
}
