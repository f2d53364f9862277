//! How a node sees the others, for the log of one channel.

use std::sync::Arc;

use crate::mesh::PeerNode;
use crate::session::history_settings::HistorySettings;
use crate::session::homed::Word;
use crate::session::publication::StoredPublication;

/// How long a log is followed that nobody needs any more, in milliseconds.
pub(super) const FOLLOWED_ON: u64 = 10_000;

/// What is said of a log.
pub(in crate::session) type LogWord = Word<StoredPublication>;

/// How the node sees the others, for one channel.
#[derive(Clone, Debug)]
pub(in crate::session) struct Seen {
    /// The channel's home; `None` if it is this node.
    pub(in crate::session) home: Option<PeerNode>,
    /// Whether there is a link to that.
    pub(in crate::session) is_home_linked: bool,
    /// All other nodes with sessions.
    pub(in crate::session) others: Arc<[PeerNode]>,
    /// What the history keeps to.
    pub(in crate::session) settings: HistorySettings,
    /// Bytes of the log that may be under way to another node at a time.
    pub(in crate::session) under_way: usize,
    /// For the epoch of a log that begins.
    pub(in crate::session) random: u64,
    /// Milliseconds of the node's wheel.
    pub(in crate::session) now: u64,
    /// Milliseconds since the Unix epoch, by the node's clock.
    pub(in crate::session) time: u64,
}
