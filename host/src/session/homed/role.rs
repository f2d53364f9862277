//! What a node is to a log.

use std::collections::VecDeque;

use super::word::Part;
use crate::mesh::PeerNode;

/// What a node is to the log of a channel. Times are milliseconds of the node's wheel.
#[derive(Debug)]
pub(super) enum Role<P> {
    /// Nothing: it is not needed here.
    Free,
    /// Its owner: it gives the numbers.
    Owner,
    /// It is about to become that.
    Acquiring(Acquiring<P>),
    /// It was that, and hands it over.
    Handing(Handing),
    /// It follows who owns it.
    Following(Following),
}

/// A node is about to own a log.
#[derive(Debug)]
pub(super) struct Acquiring<P> {
    /// Who may have it, and has not answered.
    pub(super) asked: Vec<PeerNode>,
    /// Who does not have it, and sees another node as the channel's home, or one that was not
    /// asked.
    pub(super) in_doubt: Vec<PeerNode>,
    /// Who does not have it, and is in no doubt, or was for too long.
    pub(super) answered: Vec<PeerNode>,
    /// The highest rank of a log that any of them knows of.
    pub(super) rank: u64,
    /// When they were asked last.
    pub(super) asked_at: u64,
    /// When those in doubt are waited for no more, and when nobody is.
    pub(super) until: u64,
    pub(super) at_last: u64,
    /// What one of them has handed over so far.
    pub(super) arriving: Option<Arriving<P>>,
}

/// A log that is handed over, as far as it has come.
#[derive(Debug)]
pub(super) struct Arriving<P> {
    pub(super) from: PeerNode,
    /// Which handing over of theirs it is.
    pub(super) serial: u64,
    pub(super) part: Part<P>,
}

/// A node hands a log over. It owns it still until the last part is sent, but gives no numbers.
#[derive(Debug)]
pub(super) struct Handing {
    pub(super) to: PeerNode,
    pub(super) serial: u64,
    /// Number of the last publication that was sent.
    pub(super) sent: u64,
    /// Bytes of each part that was sent and has yet to be answered, the oldest first.
    pub(super) under_way: VecDeque<usize>,
    /// When it keeps the log after all, if nothing is heard.
    pub(super) until: u64,
}

/// A node follows who owns a log.
#[derive(Debug)]
pub(super) struct Following {
    pub(super) home: PeerNode,
    /// Number of the first question since this node follows: an answer to one before that may
    /// come still, and does not go on from what is here now.
    pub(super) first: u64,
    /// Number of the last question.
    pub(super) asked: u64,
    /// Number of the last question whose answer told all.
    pub(super) synced: u64,
    /// Whether something that was sent here is lost, so that it is to be asked again.
    pub(super) has_missed: bool,
    /// When the last was asked.
    pub(super) asked_at: u64,
    /// Whether what comes is sent here.
    pub(super) is_live: bool,
    /// Who owned it and handed it on, until whoever has it now is found.
    pub(super) moved_by: Option<PeerNode>,
}

/// What can be done with a log here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::session) enum Standing {
    /// It is owned: it can be published to and read.
    Owned,
    /// It can be read.
    Followed {
        /// Number of a question up to which what was published is here.
        synced: u64,
        /// Whether there was none since, and nothing is known to be missing.
        is_whole: bool,
    },
    /// It is not known yet whose it is, or what it has.
    Unsettled,
}
