//! What nodes say to each other of a log.

use std::sync::Arc;

use crate::mesh::PeerNode;
use crate::session::history::Position;
use crate::session::hub::Exclude;

/// What a node says to another of the log of a channel.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::session) enum Word<P> {
    /// The sender is to get what is behind its position, and what comes then.
    Follow {
        /// Grows with each that the sender sends of the channel.
        serial: u64,
        /// Where it is in the log that it has; `None` if it has none.
        since: Option<Position>,
    },
    /// What whoever follows gets at first.
    Followed {
        /// Of the question.
        serial: u64,
        part: Part<P>,
        /// Whether that is all that there is, so that what comes is sent from now on.
        is_all: bool,
        /// The number up to which nothing is kept any more.
        dropped: u64,
    },
    /// The next publication.
    Published {
        epoch: Arc<str>,
        number: u64,
        entry: Entry<P>,
        manner: Manner,
    },
    /// The sender follows no more.
    Unfollow,
    /// The receiver, which follows or wanted to, has to look for the log elsewhere.
    Moved,
    /// Whoever owns the log is to hand it over to the sender, which is the channel's home.
    Take {
        /// All whom it sees and asks, each as [`start_of`] names it.
        asked: Vec<u64>,
    },
    /// The sender does not own the log, or does not hand it over.
    NotMine {
        /// Whether the receiver is the channel's home by the sender's lights too, and has asked
        /// all others whom the sender sees.
        agrees: bool,
        /// Of the last log that the sender knows of; 0 for none.
        rank: u64,
    },
    /// A part of the log, which the sender hands over.
    Hand {
        /// Which handing over it is: grows with each of the sender's of the channel.
        serial: u64,
        /// Whether it is the first part.
        is_first: bool,
        /// Whether it is the last: with that the receiver owns the log.
        is_last: bool,
        part: Part<P>,
        /// What publications of the log are known by when they are sent again; with the last,
        /// as many as fit.
        keys: Vec<KeptKey>,
    },
    /// Those for which the last part, which follows, has no room.
    Keys {
        epoch: Arc<str>,
        /// That of the log.
        rank: u64,
        keys: Vec<KeptKey>,
    },
    /// The part has come.
    Handed {
        serial: u64,
        /// Whether the others are to come too; not if the sender owns a log of its own.
        is_wanted: bool,
    },
    /// What is kept was dropped.
    Removed { epoch: Arc<str> },
}

/// Publications of a log that follow on one another.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::session) struct Part<P> {
    pub(in crate::session) epoch: Arc<str>,
    /// The number before that of the first.
    pub(in crate::session) behind: u64,
    pub(in crate::session) entries: Vec<Entry<P>>,
    /// Milliseconds for which they are kept still.
    pub(in crate::session) lasts: Option<u64>,
    /// Of two logs of a channel the one of the higher rank stays.
    pub(in crate::session) rank: u64,
}

/// A publication of a log.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::session) struct Entry<P> {
    /// Bytes that it takes, about.
    pub(in crate::session) bytes: usize,
    pub(in crate::session) publication: Arc<P>,
}

/// How a publication goes out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::session) struct Manner {
    /// Who does not get it.
    pub(in crate::session) exclude: Option<Exclude>,
    /// Whether it may go out as a delta.
    pub(in crate::session) as_delta: bool,
}

/// What a publication is known by when it is sent again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::session) struct KeptKey {
    pub(in crate::session) key: Arc<str>,
    /// Id of the event.
    pub(in crate::session) id: Arc<str>,
    /// When it was taken, in milliseconds since the Unix epoch.
    pub(in crate::session) time: u64,
    /// Its place in the log, which may have begun anew since; `None` where that passed it over.
    pub(in crate::session) position: Option<Position>,
    /// Milliseconds for which the key is remembered still.
    pub(in crate::session) lasts: u64,
}

/// A start of a node, in short: 64-bit FNV-1a of its name, begun with the part of its
/// incarnation that is random.
pub(in crate::session) fn start_of(node: &PeerNode) -> u64 {
    const PRIME: u64 = 0x0100_0000_01b3;
    let (_, begin) = node.incarnation.as_u64_pair();
    let mix = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(PRIME);
    node.name.bytes().fold(begin, mix)
}

/// Whether whoever has asked these has asked all of the others but itself.
pub(in crate::session) fn are_all(asked: &[u64], others: &[PeerNode], asking: &PeerNode) -> bool {
    let mut others = others.iter().filter(|other| *other != asking);
    others.all(|other| asked.contains(&start_of(other)))
}

impl<P> Part<P> {
    /// The number of the last, or the one before the first if there is none.
    pub(in crate::session) fn end(&self) -> u64 {
        self.behind.saturating_add(self.entries.len() as u64)
    }
}
