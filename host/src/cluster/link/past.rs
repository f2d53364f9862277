//! What is remembered of a start of another node that is forgotten otherwise.

use super::inbox::Inbox;

/// What was between this node and a start of another that may yet come back.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::cluster) struct Past {
    /// What the other one had sent.
    pub(in crate::cluster) inbox: Inbox,
    /// When it took the event that came last, in milliseconds since the Unix epoch by its
    /// clock.
    pub(in crate::cluster) last_time: Option<u64>,
    /// Number of the first of its events that may be missing and have not been reported.
    pub(in crate::cluster) untold: Option<u64>,
    /// `Resume` frames sent to it: it takes one that counts from 1 again for an old one.
    pub(in crate::cluster) attempts: u64,
}
