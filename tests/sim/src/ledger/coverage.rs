//! What occurred.

use std::ops::AddAssign;

/// What occurred in a run, or in several: a rule about what never occurs is not checked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Coverage {
    /// Goodbyes that another node heard.
    pub goodbyes: u64,
    /// Nodes that another one could not reach.
    pub unreachable: u64,
    /// Starts of a node that another one met, having met an earlier one.
    pub restarts: u64,
    /// Reports of missing events.
    pub gaps: u64,
    /// Events that were reported missing after more had waited than there is room for.
    pub overflows: u64,
    /// Events larger than a frame of many.
    pub large: u64,
    /// Events that were reported missing since they are larger than the other side takes.
    pub too_large: u64,
    /// Changes of long lists of wishes.
    pub wishes: u64,
    /// Looks at slow links that something waited for.
    pub slow: u64,
    /// Nodes that had to give way to a later one of their name, on another that had met them.
    pub displaced: u64,
    /// Nodes that were kept out, since a later one of their name was there first.
    pub kept_out: u64,
    /// Starts of nodes with certificates.
    pub secured: u64,
    /// Nodes that another one forgot.
    pub forgotten: u64,
    /// Those of them that came back to it.
    pub returned: u64,
    /// Pairs of nodes of which one forgot the other, which did not forget it.
    pub forgotten_by_one: u64,
    /// Publications that clients of sessions got.
    pub session_publications: u64,
    /// Subscriptions that came back and were told that they get all that they have missed.
    pub recovered: u64,
    /// Those that were told that they do not.
    pub lost: u64,
    /// What clients of sessions were refused, or sent away from.
    pub refused_sessions: u64,
    /// What they were told of who comes and goes.
    pub presence_pushes: u64,
    /// Looks at whom a node sees.
    pub presence_looks: u64,
    /// Checks of the same so soon after all were linked again that it was not known for certain
    /// that they were.
    pub healed_looks: u64,
    /// Clients that were to know in the end, by joins and leaves, who is there.
    pub knowing: u64,
    /// Channels that nodes wanted in the end.
    pub wanted: u64,
    /// Channels that the same nodes had wanted before, and did not any more.
    pub unwanted: u64,
}

impl AddAssign for Coverage {
    fn add_assign(&mut self, other: Self) {
        self.goodbyes += other.goodbyes;
        self.unreachable += other.unreachable;
        self.restarts += other.restarts;
        self.gaps += other.gaps;
        self.overflows += other.overflows;
        self.large += other.large;
        self.too_large += other.too_large;
        self.wishes += other.wishes;
        self.slow += other.slow;
        self.displaced += other.displaced;
        self.kept_out += other.kept_out;
        self.secured += other.secured;
        self.forgotten += other.forgotten;
        self.returned += other.returned;
        self.forgotten_by_one += other.forgotten_by_one;
        self.session_publications += other.session_publications;
        self.recovered += other.recovered;
        self.lost += other.lost;
        self.refused_sessions += other.refused_sessions;
        self.presence_pushes += other.presence_pushes;
        self.presence_looks += other.presence_looks;
        self.healed_looks += other.healed_looks;
        self.knowing += other.knowing;
        self.wanted += other.wanted;
        self.unwanted += other.unwanted;
    }
}
