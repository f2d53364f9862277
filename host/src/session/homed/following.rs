//! Following who owns a log, and being followed.

use std::sync::Arc;

use super::log::{FollowRequest, Homed, PART_BYTES, Todo, View};
use super::role::{Following, Role};
use super::word::{Entry, Manner, Part, Word};
use crate::mesh::PeerNode;
use crate::session::history::History;

/// Nodes that are remembered that have asked before it was known whether the log is owned here:
/// more than a cluster has.
const MAX_REQUESTS: usize = 1_024;

impl<P> Homed<P> {
    /// Asks a node to be sent what is behind what is here.
    pub(super) fn follow(&mut self, home: PeerNode, view: &View<'_>, todo: &mut Vec<Todo<P>>) {
        let serial = self.next_serial(view.now);
        let moved_by = match &mut self.role {
            Role::Following(following) => following.moved_by.take(),
            _ => None,
        };
        let (first, synced, is_live) = match &self.role {
            Role::Following(before) if before.home == home => {
                (before.first, before.synced, before.is_live)
            }
            _ => (serial, 0, false),
        };
        let since = self.kept.as_ref().map(|(_, history)| history.top());
        let word = Word::Follow { serial, since };
        todo.push(Todo::Send(home.clone(), word));
        self.role = Role::Following(Following {
            home,
            first,
            asked: serial,
            synced,
            has_missed: false,
            asked_at: view.now,
            is_live,
            moved_by,
        });
    }

    /// Somebody wants to follow.
    pub(super) fn take_request(
        &mut self,
        request: FollowRequest,
        view: &View<'_>,
        todo: &mut Vec<Todo<P>>,
    ) {
        match (&self.role, view.home) {
            (Role::Owner, _) => self.answer(request, view, todo),
            (Role::Acquiring(_), None) => self.put_off(request),
            (Role::Free | Role::Following(_), None) => {
                self.put_off(request);
                self.acquire(view, todo);
            }
            _ => todo.push(Todo::Send(request.from, Word::Moved)),
        }
    }

    fn put_off(&mut self, request: FollowRequest) {
        self.requests.retain(|other| other.from != request.from);
        if self.requests.len() < MAX_REQUESTS {
            self.requests.push(request);
        }
    }

    /// Sends whoever wants to follow what is behind its position, if that is one of this log and
    /// still kept; otherwise all that is. Once it has all it is sent what comes.
    pub(super) fn answer(
        &mut self,
        request: FollowRequest,
        view: &View<'_>,
        todo: &mut Vec<Todo<P>>,
    ) {
        let FollowRequest {
            from,
            serial,
            since,
        } = request;
        if self.history(view.settings, view.random, view.now).is_none() {
            return;
        }
        let (rank, Some((_, history))) = (self.rank, &mut self.kept) else {
            return;
        };
        history.read(view.now);
        let top = history.top();
        let begin = history.begins_behind();
        let since = since.filter(|since| since.epoch == top.epoch);
        let since = since.map(|since| since.offset);
        let behind = since
            .filter(|since| (begin..=top.offset).contains(since))
            .unwrap_or(begin);
        let part = part_of(history, behind, rank, view.now);
        let is_all = part.end() == top.offset;
        if is_all && !self.followers.contains(&from) {
            Arc::make_mut(&mut self.followers).push(from.clone());
        }
        let word = Word::Followed {
            serial,
            part,
            is_all,
            dropped: begin,
        };
        todo.push(Todo::Send(from, word));
    }

    /// Who is followed has sent what was asked for.
    pub(super) fn followed(
        &mut self,
        from: &PeerNode,
        serial: u64,
        (part, is_all, dropped): (Part<P>, bool, u64),
        view: &View<'_>,
        todo: &mut Vec<Todo<P>>,
    ) {
        match &self.role {
            // Of before they were lost sight of: what is here may be another log by now, of
            // which the next answer brings no more than is missing.
            Role::Following(following) if following.home == *from && serial < following.first => {
                return;
            }
            Role::Following(following) if following.home == *from => {}
            Role::Free | Role::Following(_) if is_all => {
                todo.push(Todo::Send(from.clone(), Word::Unfollow));
                return;
            }
            _ => return,
        }
        let goes_on = |(_, history): &(_, History<P>)| {
            *history.epoch() == part.epoch && part.behind <= history.top().offset
        };
        if part.behind > dropped && !self.kept.as_ref().is_some_and(goes_on) {
            // It goes on from what was here when it was asked for, and another log has come since:
            // what is before that is to come too.
            if matches!(&self.role, Role::Following(following) if following.asked == serial) {
                self.follow(from.clone(), view, todo);
            }
            return;
        }
        self.absorb(part, dropped, view, todo);
        let Role::Following(following) = &mut self.role else {
            return;
        };
        if is_all {
            following.is_live = true;
            following.moved_by = None;
            following.synced = following.synced.max(serial);
            todo.push(Todo::Tell);
        } else if serial == following.asked {
            self.follow(from.clone(), view, todo);
        }
    }

    /// Who is followed has published.
    pub(super) fn published(
        &mut self,
        from: &PeerNode,
        at: (&str, u64),
        what: (Entry<P>, Manner),
        view: &View<'_>,
        todo: &mut Vec<Todo<P>>,
    ) {
        let (epoch, number) = at;
        let (entry, manner) = what;
        if matches!(self.role, Role::Owner | Role::Handing(_)) {
            return;
        }
        if let Some((_, history)) = &mut self.kept
            && **history.epoch() == *epoch
        {
            let top = history.top().offset;
            if number <= top {
                return;
            }
            if number == top + 1 {
                let publication = Arc::clone(&entry.publication);
                history.append_numbered(entry.bytes, view.now, publication);
                todo.push(Todo::Deliver(entry, manner));
                return;
            }
        }
        match &self.role {
            // An answer is on its way.
            Role::Following(following) if following.home == *from => {
                let is_answered = following.asked == following.synced;
                if is_answered {
                    self.follow(from.clone(), view, todo);
                }
            }
            Role::Free | Role::Following(_) => {
                todo.push(Todo::Send(from.clone(), Word::Unfollow));
            }
            _ => {}
        }
    }

    /// Who is followed does not own the log.
    pub(super) fn moved(&mut self, from: &PeerNode, view: &View<'_>, todo: &mut Vec<Todo<P>>) {
        let Role::Following(following) = &mut self.role else {
            return;
        };
        if following.home != *from {
            return;
        }
        following.is_live = false;
        following.moved_by = Some(from.clone());
        if following.asked == following.synced {
            // So that it is asked again in any case.
            self.serial += 1;
            following.asked = self.serial;
            following.asked_at = view.now;
        }
        // Where both think that the other is the home, that is found out a little later.
        if view.home != Some(from) {
            self.find(view, todo);
        }
    }
}

/// What is kept behind a number, as far as it goes into a message.
pub(super) fn part_of<P>(history: &History<P>, behind: u64, rank: u64, now: u64) -> Part<P> {
    let entries = history.part(behind, PART_BYTES).into_iter();
    Part {
        epoch: Arc::clone(history.epoch()),
        behind,
        entries: entries
            .map(|(bytes, publication)| Entry { bytes, publication })
            .collect(),
        lasts: history.lasts(now),
        rank,
    }
}
