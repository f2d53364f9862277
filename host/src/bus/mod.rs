//! The bus: takes a published event, finds the receivers whose filter matches
//! and puts it into each mailbox: small ones as a copy where a plugin's next frame is
//! put together, others as a shared reference. It never waits for anyone, and nothing
//! that happens to filters or mailboxes makes a publisher wait for longer than a bounded
//! number of events takes. It neither runs plugins nor uses the network.

mod affixes;
mod delivery;
mod difference;
mod drops;
mod filter;
mod handle;
mod identity;
mod interest;
mod left_right;
mod mailbox;
mod overflow_reports;
mod prefetch;
mod publish_error;
mod published_counters;
mod publisher;
mod publisher_cache;
mod receiver;
mod registration;
mod router;
mod routing;
mod sources;
mod topics;
mod wishes;

#[cfg(test)]
mod tests;

pub(crate) use delivery::MAX_BATCH;
pub use filter::Filter;
pub use handle::{Bus, BusConfig};
pub use interest::{Interest, Wanted};
pub use mailbox::{Closed, Frame, Mailbox, MailboxLimits, Overflow, Taken};
#[cfg(feature = "gateway")]
pub(crate) use mailbox::{partition_of_subject, subject_hash};
pub use publish_error::PublishError;
pub use publisher::{Published, Publisher};
pub use receiver::{Receiver, Subscription};
pub use registration::ReceiverKind;
pub use wishes::{ListSize, Wish, Wishes};
