//! One log on one node.

use std::sync::Arc;

use super::role::{Role, Standing};
use super::word::{Entry, KeptKey, Manner, Part, Word};
use crate::mesh::PeerNode;
use crate::session::history::{History, Position, epoch_of};
use crate::session::history_settings::HistorySettings;

/// Bytes of publications in one message, unless it is one that is larger: with what goes around
/// them that is less than any node takes.
pub(super) const PART_BYTES: usize = 64 << 10;

/// How long others are waited for, in milliseconds.
pub(super) const ANSWER_TIMEOUT: u64 = 2_000;

/// How long one that is there is waited for that may own a log and does not answer, in
/// milliseconds: what it takes a node to find out that another is gone, with room. To begin
/// another log while it has one costs more.
pub(super) const LONG_ANSWER_TIMEOUT: u64 = 10_000;

/// After how many milliseconds a question is asked again that was not answered.
pub(super) const RETRY_DELAY: u64 = 500;

/// What a node has of the log of a channel, and what it is to it.
#[derive(Debug)]
pub(in crate::session) struct Homed<P> {
    pub(super) role: Role<P>,
    /// What is kept here of the log, and what that keeps to.
    pub(super) kept: Option<(HistorySettings, History<P>)>,
    /// That of the log which is kept here, or was last; 0 for none. One that begins has a higher
    /// one than all that are known of, since it begins in the place of one that is lost: should
    /// that come back, those who have missed something of it have been told so, and are not to
    /// be told once more. Where none is known of, the time says which began later: nobody who is
    /// left may have followed the one that is lost, and those who come with a position of it are
    /// told so too.
    pub(super) rank: u64,
    /// Who is sent what is published, if it is owned here.
    pub(super) followers: Arc<Vec<PeerNode>>,
    /// Who asked before it was known whether it is.
    pub(super) requests: Vec<FollowRequest>,
    /// Number of the last question, or handing over.
    pub(super) serial: u64,
}

/// A question that is not answered yet.
#[derive(Debug)]
pub(super) struct FollowRequest {
    pub(super) from: PeerNode,
    pub(super) serial: u64,
    pub(super) since: Option<Position>,
}

/// How a node sees the others, as far as it matters for one channel. Times are milliseconds of
/// its wheel.
#[derive(Clone, Copy, Debug)]
pub(in crate::session) struct View<'v> {
    /// The channel's home; `None` if it is this node.
    pub(in crate::session) home: Option<&'v PeerNode>,
    /// Whether there is a link to that: otherwise nothing is handed over to it.
    pub(in crate::session) is_home_linked: bool,
    /// All other nodes with sessions.
    pub(in crate::session) others: &'v [PeerNode],
    /// What the history keeps to.
    pub(in crate::session) settings: HistorySettings,
    /// Whether somebody here needs the log.
    pub(in crate::session) is_used: bool,
    /// Bytes of the log that may be under way to another node at a time, or one part.
    pub(in crate::session) under_way: usize,
    /// For the epoch of a log that begins.
    pub(in crate::session) random: u64,
    pub(in crate::session) now: u64,
    /// Milliseconds since the Unix epoch, by the node's clock.
    pub(in crate::session) time: u64,
}

/// What is to be done, in this order.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::session) enum Todo<P> {
    /// This is to be sent.
    Send(PeerNode, Word<P>),
    /// This is to be sent to all of these.
    Spread(Arc<Vec<PeerNode>>, Word<P>),
    /// This is to be handed to those who are subscribed here.
    Deliver(Entry<P>, Manner),
    /// Those who have a position have missed something.
    Lose,
    /// These came with a log.
    Remember(Vec<KeptKey>),
    /// Whoever waits for how the log stands is to look again.
    Tell,
}

impl<P> Default for Homed<P> {
    /// One of which it is to be found out whose it is.
    fn default() -> Self {
        Self {
            role: Role::Free,
            kept: None,
            rank: 0,
            followers: Arc::default(),
            requests: Vec::new(),
            serial: 0,
        }
    }
}

impl<P> Homed<P> {
    /// The number of a question or a handing over. It is beyond those of all logs that this node
    /// has had of the channel before, too: what was asked for one of those may yet be answered.
    pub(super) fn next_serial(&mut self, now: u64) -> u64 {
        self.serial = self.serial.saturating_add(1).max(now);
        self.serial
    }

    /// How it stands.
    pub(in crate::session) fn standing(&self) -> Standing {
        match &self.role {
            Role::Owner => Standing::Owned,
            Role::Following(following) if following.is_live => Standing::Followed {
                synced: following.synced,
                is_whole: following.asked == following.synced && !following.has_missed,
            },
            _ => Standing::Unsettled,
        }
    }

    /// Whether it gives numbers here.
    pub(in crate::session) fn is_owned(&self) -> bool {
        matches!(self.role, Role::Owner)
    }

    /// Whether there is one that is owned here, or handed over in parts, from here or to here.
    pub(in crate::session) fn has_log(&self) -> bool {
        match &self.role {
            Role::Owner | Role::Handing(_) => self.kept.is_some(),
            Role::Acquiring(acquiring) => acquiring.arriving.is_some(),
            Role::Free | Role::Following(_) => false,
        }
    }

    /// Whether it is nothing to anybody.
    pub(in crate::session) fn is_idle(&self) -> bool {
        let is_at_rest = matches!(self.role, Role::Free | Role::Owner);
        is_at_rest && self.kept.is_none() && self.followers.is_empty() && self.requests.is_empty()
    }

    /// Whether nothing is lost with it: nothing was published to it, or another node has it; and
    /// it is nothing to other nodes.
    pub(in crate::session) fn gives_way(&self) -> bool {
        let is_empty = |(_, history): &(_, History<P>)| history.top().offset == 0;
        let is_nothing = match self.role {
            Role::Free | Role::Owner => self.kept.as_ref().is_none_or(is_empty),
            Role::Following(_) => true,
            Role::Acquiring(_) | Role::Handing(_) => false,
        };
        is_nothing && self.followers.is_empty() && self.requests.is_empty()
    }

    /// The node that sends what is published to it, where this one follows.
    pub(in crate::session) fn followed_node(&self) -> Option<&PeerNode> {
        match &self.role {
            Role::Following(following) => Some(&following.home),
            _ => None,
        }
    }

    /// Whether other nodes need what is owned here.
    pub(in crate::session) fn has_followers(&self) -> bool {
        !self.followers.is_empty()
    }

    /// Whether it changes by itself, so that it has to be looked at soon. One that has come to
    /// be owned where another node is the home is to go on to that.
    pub(in crate::session) fn is_unsettled(&self, is_home: bool) -> bool {
        match &self.role {
            Role::Free => false,
            Role::Owner => !is_home,
            Role::Acquiring(_) | Role::Handing(_) => true,
            Role::Following(following) => following.asked != following.synced,
        }
    }

    /// What is kept here, and what that keeps to.
    pub(in crate::session) fn kept(&self) -> Option<&(HistorySettings, History<P>)> {
        self.kept.as_ref()
    }

    pub(in crate::session) fn kept_mut(&mut self) -> Option<&mut (HistorySettings, History<P>)> {
        self.kept.as_mut()
    }

    /// Nothing is kept any more, and no position known.
    pub(in crate::session) fn forget(&mut self) {
        self.kept = None;
    }

    /// The history, to be read. It begins where it is owned and there is none; `None` where it
    /// is not known yet.
    pub(in crate::session) fn history(
        &mut self,
        settings: HistorySettings,
        random: u64,
        now: u64,
    ) -> Option<&mut History<P>> {
        if self.kept.is_none() && self.is_owned() {
            self.rank = self.rank.saturating_add(1);
            let history = History::new(&epoch_of(random), settings, now);
            self.kept = Some((settings, history));
        }
        self.kept.as_mut().map(|(_, history)| history)
    }

    /// Numbers a publication that takes so many bytes, made with its number, and keeps it.
    /// `None` where it is not owned; then nothing is made. The followers are to be sent it.
    pub(in crate::session) fn append(
        &mut self,
        view: (HistorySettings, u64, u64),
        bytes: usize,
        manner: &Manner,
        make: impl FnOnce(u64) -> P,
        todo: &mut Vec<Todo<P>>,
    ) -> Option<(Arc<P>, Position)> {
        if !self.is_owned() {
            return None;
        }
        let (settings, random, now) = view;
        let history = self.history(settings, random, now)?;
        let publication = history.append(bytes, now, make);
        let top = history.top();
        if self.has_followers() {
            let word = Word::Published {
                epoch: Arc::clone(&top.epoch),
                number: top.offset,
                entry: Entry {
                    bytes,
                    publication: Arc::clone(&publication),
                },
                manner: manner.clone(),
            };
            todo.push(Todo::Spread(Arc::clone(&self.followers), word));
        }
        Some((publication, top))
    }

    /// Finds out whose it is.
    pub(super) fn find(&mut self, view: &View<'_>, todo: &mut Vec<Todo<P>>) {
        match view.home {
            Some(home) => {
                let home = home.clone();
                self.follow(home, view, todo);
            }
            None => self.acquire(view, todo),
        }
    }

    pub(super) fn drop_follower(&mut self, node: &PeerNode) {
        if self.followers.contains(node) {
            Arc::make_mut(&mut self.followers).retain(|follower| follower != node);
        }
        self.requests.retain(|request| request.from != *node);
    }

    /// Takes over what was numbered elsewhere: what follows on what is here is handed on, and if
    /// it does not follow on that, something was missed. What is kept elsewhere no more, up to
    /// the number `dropped`, is not kept here either.
    pub(super) fn absorb(
        &mut self,
        part: Part<P>,
        dropped: u64,
        view: &View<'_>,
        todo: &mut Vec<Todo<P>>,
    ) {
        let follows = |history: &History<P>| {
            *history.epoch() == part.epoch && part.behind <= history.top().offset
        };
        let is_lost = match &self.kept {
            Some((_, history)) => !follows(history),
            None => false,
        };
        if is_lost || self.kept.is_none() {
            let mut history = History::new(&part.epoch, view.settings, view.now);
            history.skip_to(part.behind);
            self.kept = Some((view.settings, history));
        }
        if is_lost {
            todo.push(Todo::Lose);
        }
        self.rank = part.rank;
        let Some((_, history)) = &mut self.kept else {
            return;
        };
        for (number, entry) in (part.behind + 1..).zip(part.entries) {
            if number <= history.top().offset {
                continue;
            }
            history.append_numbered(entry.bytes, view.now, Arc::clone(&entry.publication));
            todo.push(Todo::Deliver(entry, Manner::default()));
        }
        history.drop_up_to(dropped);
        if let Some(lasts) = part.lasts {
            history.last_for(lasts, view.now);
        }
    }
}
