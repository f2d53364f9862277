//! What happens in the model of logs.

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
