//! What happens in the model of logs, and to whom.

use uuid::Uuid;

use crate::mesh::PeerNode;

/// A step: what is said of nodes is their numbers.
#[derive(Clone, Debug)]
pub(super) enum Step {
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
    /// One does not see the other any more, which may see it still; what is on its way comes once
    /// they see each other again, or is left out.
    LoseSight(usize, usize),
    /// Messages from one to another are lost.
    Lose(usize, usize),
    /// A node says that it is about to end.
    Drain(usize),
    /// A node ends without a word.
    Crash(usize),
    /// Time passes.
    Wait(u64),
}

/// The node of this number.
pub(super) fn peer(at: usize) -> PeerNode {
    PeerNode {
        name: format!("n{at}").into(),
        incarnation: Uuid::from_u128(at as u128),
    }
}

pub(super) fn at(peer: &PeerNode) -> usize {
    usize::try_from(peer.incarnation.as_u128()).unwrap()
}

/// The home of the channel among these.
pub(super) fn home_among(nodes: impl Iterator<Item = usize>) -> Option<usize> {
    // Some order that is not that of their numbers.
    nodes.max_by_key(|at| (at * 5 + 3) % 7)
}
