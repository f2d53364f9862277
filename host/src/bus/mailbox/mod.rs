//! Bounded mailboxes: the queue between the bus and one receiver.
//!
//! A mailbox has one or more partitions. Events with the same subject share a partition,
//! so that several consumers can work on one mailbox and each subject stays in
//! order; the bounds hold for the mailbox as a whole. What waits for a plugin waits in
//! the [`Frame`]s that its guest takes.
//!
//! Publishers take the mailbox's lock, and so nobody holds it for longer than a bounded
//! number of events takes: what concerns all that waits is done in steps.

mod backlog;
mod closed;
mod frame;
mod incoming;
mod limits;
mod partition;
mod partitions;
mod queue;
mod segment;
mod shares;
mod state;
mod work;

#[cfg(test)]
pub(super) mod tests;

pub use closed::Closed;
pub(super) use closed::Outdated;
pub use frame::Frame;
pub(super) use incoming::{Incoming, PublisherId};
pub use limits::{MailboxLimits, Overflow};
#[cfg(feature = "gateway")]
pub(crate) use partitions::{partition_of_subject, subject_hash};
pub use queue::Mailbox;
pub use segment::Taken;
