//! Coming to own a log: asking who does, and beginning one where nobody does.

use std::sync::Arc;

use super::log::{ANSWER_TIMEOUT, Homed, LONG_ANSWER_TIMEOUT, RETRY_DELAY, Todo, View};
use super::role::{Acquiring, Arriving, Role};
use super::word::{KeptKey, Part, Word, start_of};
use crate::mesh::PeerNode;
use crate::session::history::{History, epoch_of};

/// Most bytes of a log that is handed over: more than is kept of any.
const MAX_ARRIVING: usize = 64 << 20;

impl<P> Homed<P> {
    /// Asks all others whether they own it.
    pub(super) fn acquire(&mut self, view: &View<'_>, todo: &mut Vec<Todo<P>>) {
        if view.others.is_empty() {
            self.begin(view, todo);
            return;
        }
        self.role = Role::Acquiring(Acquiring::begun(view.now));
        self.ask_newcomers(view, todo);
    }

    /// Asks those who have not been asked yet, since they were not there; and those in doubt
    /// again, who may have meant them.
    fn ask_newcomers(&mut self, view: &View<'_>, todo: &mut Vec<Todo<P>>) {
        let Role::Acquiring(acquiring) = &mut self.role else {
            return;
        };
        let others = view.others.iter();
        let newcomers: Vec<_> = others.filter(|other| !acquiring.knows(other)).collect();
        if newcomers.is_empty() {
            return;
        }
        let all = acquiring.in_doubt.iter().chain(newcomers.iter().copied());
        todo.push(Todo::Spread(Arc::new(all.cloned().collect()), take(view)));
        acquiring.asked.extend(newcomers.into_iter().cloned());
    }

    /// Asks those again who have not answered, or saw another as the home, if it is time for
    /// that; or begins a log, if it is time for that.
    pub(super) fn ask_again(&mut self, view: &View<'_>, todo: &mut Vec<Todo<P>>) {
        self.ask_newcomers(view, todo);
        let Role::Acquiring(acquiring) = &mut self.role else {
            return;
        };
        let now = view.now;
        if acquiring.until <= now {
            // Who handed it over and did not go on has it still.
            acquiring.arriving = None;
            acquiring.answered.append(&mut acquiring.in_doubt);
            if acquiring.asked.is_empty() || acquiring.at_last <= now {
                self.begin(view, todo);
                return;
            }
        }
        if acquiring.arriving.is_some() || acquiring.asked_at.saturating_add(RETRY_DELAY) > now {
            return;
        }
        acquiring.asked_at = now;
        let all = acquiring.asked.iter().chain(&acquiring.in_doubt);
        todo.push(Todo::Spread(Arc::new(all.cloned().collect()), take(view)));
    }

    /// Nobody owns it: another begins. What is here of one that somebody owned is not gone on
    /// with, since there may have been more.
    pub(super) fn begin(&mut self, view: &View<'_>, todo: &mut Vec<Todo<P>>) {
        let known = match &self.role {
            Role::Acquiring(acquiring) => acquiring.rank.max(self.rank),
            _ => self.rank,
        };
        self.rank = known.saturating_add(1).max(view.time);
        let history = History::new(&epoch_of(view.random), view.settings, view.now);
        if self.kept.replace((view.settings, history)).is_some() {
            todo.push(Todo::Lose);
        }
        self.own(view, todo);
    }

    /// From now on it is owned here.
    pub(super) fn own(&mut self, view: &View<'_>, todo: &mut Vec<Todo<P>>) {
        self.role = Role::Owner;
        for request in std::mem::take(&mut self.requests) {
            self.answer(request, view, todo);
        }
        todo.push(Todo::Tell);
    }

    /// This node is the home no more, before it has come to own the log.
    pub(super) fn give_up(&mut self, view: &View<'_>, todo: &mut Vec<Todo<P>>) {
        for request in std::mem::take(&mut self.requests) {
            todo.push(Todo::Send(request.from, Word::Moved));
        }
        // Who is handing it over keeps at it, and has it taken from there.
        if let Role::Acquiring(acquiring) = &self.role
            && acquiring.arriving.is_some()
            && acquiring.until > view.now
        {
            return;
        }
        self.role = Role::Free;
        if view.is_used {
            self.find(view, todo);
        }
    }

    /// A node does not own it. Where it sees another as the home it may know of one that this
    /// node has yet to meet, and which owns it: that is waited for.
    pub(super) fn not_theirs(
        &mut self,
        from: &PeerNode,
        agrees: bool,
        rank: u64,
        view: &View<'_>,
        todo: &mut Vec<Todo<P>>,
    ) {
        let Role::Acquiring(acquiring) = &mut self.role else {
            return;
        };
        acquiring.rank = acquiring.rank.max(rank);
        if acquiring.is_arriving_from(from) {
            return;
        }
        if !agrees && acquiring.asked.contains(from) {
            acquiring.in_doubt.push(from.clone());
            acquiring.asked.retain(|asked| asked != from);
        }
        if agrees {
            if !acquiring.answered.contains(from) {
                acquiring.answered.push(from.clone());
            }
            self.ask_no_more(from, view, todo);
        }
    }

    /// A node is not waited for any more.
    pub(super) fn ask_no_more(
        &mut self,
        node: &PeerNode,
        view: &View<'_>,
        todo: &mut Vec<Todo<P>>,
    ) {
        self.ask_newcomers(view, todo);
        let Role::Acquiring(acquiring) = &mut self.role else {
            return;
        };
        acquiring.asked.retain(|asked| asked != node);
        acquiring.in_doubt.retain(|asked| asked != node);
        if acquiring.is_arriving_from(node) {
            acquiring.arriving = None;
        }
        let is_waiting = !acquiring.asked.is_empty() || !acquiring.in_doubt.is_empty();
        if !is_waiting && acquiring.arriving.is_none() {
            self.begin(view, todo);
        }
    }

    /// Whether another log than that of this epoch is followed, which yet another node owns.
    fn has_another(&self, from: &PeerNode, epoch: &str) -> bool {
        let (Role::Following(following), Some((_, history))) = (&self.role, &self.kept) else {
            return false;
        };
        following.is_live && following.home != *from && **history.epoch() != *epoch
    }

    /// Whether a log of this epoch and rank is not taken from a node, since there are two. Unless
    /// this one has begun in the place of the other, that of the home stays, and one that is
    /// followed already.
    pub(super) fn refuses(&self, from: &PeerNode, epoch: &str, rank: u64) -> bool {
        self.has_two(from, epoch) && rank <= self.rank
    }

    /// Whether a log of this epoch would be a second one.
    fn has_two(&self, from: &PeerNode, epoch: &str) -> bool {
        matches!(self.role, Role::Owner | Role::Handing(_)) || self.has_another(from, epoch)
    }

    /// A node hands it over.
    pub(super) fn handed_over(
        &mut self,
        from: &PeerNode,
        serial: u64,
        (is_first, is_last): (bool, bool),
        (part, keys): (Part<P>, Vec<KeptKey>),
        view: &View<'_>,
        todo: &mut Vec<Todo<P>>,
    ) {
        if self.refuses(from, &part.epoch, part.rank) {
            if !is_last {
                let is_wanted = false;
                todo.push(Todo::Send(from.clone(), Word::Handed { serial, is_wanted }));
            }
            return;
        }
        if self.has_two(from, &part.epoch) {
            // They look for it here again, and find the other.
            let followers = std::mem::take(&mut self.followers);
            todo.push(Todo::Spread(followers, Word::Moved));
        }
        let before = match &mut self.role {
            Role::Acquiring(acquiring) => acquiring.arriving.take(),
            _ => None,
        };
        let before = before.filter(|before| before.from == *from && before.serial == serial);
        let part = match before {
            _ if is_first => part,
            Some(before) if before.part.is_followed_by(&part) => before.part.with(part),
            // A part was lost. Whoever hands it over waits in vain, and keeps it.
            _ => return,
        };
        if part.bytes() > MAX_ARRIVING {
            return;
        }
        if is_last {
            let dropped = part.behind;
            self.absorb(part, dropped, view, todo);
            todo.push(Todo::Remember(keys));
            self.own(view, todo);
            // Whoever handed it over sees another home than this node does. What goes back is
            // for later: one of both has yet to learn something.
            if let Some(home) = view.home.filter(|home| *home != from)
                && view.is_home_linked
            {
                self.hand_over(home.clone(), view, todo);
            }
            return;
        }
        let mut acquiring = match std::mem::replace(&mut self.role, Role::Free) {
            Role::Acquiring(acquiring) => acquiring,
            // Nobody else is to be asked: whoever hands it over owns it.
            _ => Acquiring {
                asked: vec![from.clone()],
                answered: view.others.to_vec(),
                ..Acquiring::begun(view.now)
            },
        };
        acquiring.rank = acquiring.rank.max(part.rank);
        acquiring.wait(view.now);
        acquiring.arriving = Some(Arriving {
            from: from.clone(),
            serial,
            part,
        });
        self.role = Role::Acquiring(acquiring);
        let is_wanted = true;
        todo.push(Todo::Send(from.clone(), Word::Handed { serial, is_wanted }));
    }
}

/// The question to all others.
fn take<P>(view: &View<'_>) -> Word<P> {
    Word::Take {
        asked: view.others.iter().map(start_of).collect(),
    }
}

impl<P> Acquiring<P> {
    /// Nobody has been asked yet.
    fn begun(now: u64) -> Self {
        let mut begun = Self {
            asked: Vec::new(),
            in_doubt: Vec::new(),
            answered: Vec::new(),
            rank: 0,
            asked_at: now,
            until: now,
            at_last: now,
            arriving: None,
        };
        begun.wait(now);
        begun
    }

    /// Others are waited for from now on.
    fn wait(&mut self, now: u64) {
        self.asked_at = now;
        self.until = now.saturating_add(ANSWER_TIMEOUT);
        self.at_last = self.at_last.max(now.saturating_add(LONG_ANSWER_TIMEOUT));
    }

    /// Whether this node was asked, whatever it has answered.
    fn knows(&self, node: &PeerNode) -> bool {
        let known = [&self.asked, &self.in_doubt, &self.answered];
        known.iter().any(|known| known.contains(node))
    }

    pub(super) fn is_arriving_from(&self, node: &PeerNode) -> bool {
        let arriving = self.arriving.as_ref();
        arriving.is_some_and(|arriving| arriving.from == *node)
    }
}

impl<P> Part<P> {
    fn is_followed_by(&self, next: &Self) -> bool {
        self.epoch == next.epoch && self.end() == next.behind
    }

    fn with(mut self, next: Self) -> Self {
        self.entries.extend(next.entries);
        self.lasts = next.lasts;
        self
    }

    /// Bytes that its publications take, about.
    pub(super) fn bytes(&self) -> usize {
        let entries = self.entries.iter();
        entries.fold(0, |bytes, entry| bytes.saturating_add(entry.bytes))
    }
}
