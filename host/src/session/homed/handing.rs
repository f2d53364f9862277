//! Handing a log over to another node.

use std::collections::VecDeque;
use std::sync::Arc;

use super::following::part_of;
use super::log::{ANSWER_TIMEOUT, Homed, Todo, View};
use super::role::{Handing, Role};
use super::word::{Word, are_all};
use crate::mesh::PeerNode;

impl<P> Homed<P> {
    /// Somebody asks for it, who is the channel's home by its own lights.
    pub(super) fn asked_for(
        &mut self,
        from: &PeerNode,
        asked: &[u64],
        view: &View<'_>,
        todo: &mut Vec<Todo<P>>,
    ) {
        // Whoever follows another knows of one that owns it, or is handing it over: the one that
        // asks may have yet to meet that one.
        let knows_another = match &self.role {
            Role::Following(following) if following.home != *from => true,
            Role::Following(following) => {
                let moved_by = following.moved_by.as_ref().filter(|by| *by != from);
                moved_by.is_some_and(|by| view.others.contains(by))
            }
            _ => false,
        };
        let is_home = view.home == Some(from);
        // One that it has yet to meet may own it too.
        let agrees = is_home && !knows_another && are_all(asked, view.others, from);
        let rank = self.rank;
        let not_mine = Todo::Send(from.clone(), Word::NotMine { agrees, rank });
        match &self.role {
            Role::Handing(handing) if handing.to == *from => {}
            Role::Owner if is_home => {
                if self.kept.is_none() {
                    todo.push(not_mine);
                }
                self.hand_over(from.clone(), view, todo);
            }
            _ => todo.push(not_mine),
        }
    }

    /// Hands it over to a node, which it gives no numbers from now on for. Followers have to
    /// look for it there.
    pub(super) fn hand_over(&mut self, to: PeerNode, view: &View<'_>, todo: &mut Vec<Todo<P>>) {
        let mut followers = std::mem::take(&mut self.followers);
        if followers.contains(&to) {
            Arc::make_mut(&mut followers).retain(|follower| *follower != to);
        }
        todo.push(Todo::Spread(followers, Word::Moved));
        let serial = self.next_serial(view.now);
        let Some((_, history)) = &self.kept else {
            self.role = Role::Free;
            if view.is_used {
                self.find(view, todo);
            }
            return;
        };
        let handing = Handing {
            to,
            serial,
            sent: history.begins_behind(),
            under_way: VecDeque::new(),
            until: 0,
        };
        self.send_parts(handing, true, view, todo);
    }

    /// The receiver has a part, and wants the others, or none.
    pub(super) fn hand_on(
        &mut self,
        from: &PeerNode,
        serial: u64,
        is_wanted: bool,
        view: &View<'_>,
        todo: &mut Vec<Todo<P>>,
    ) {
        let is_it = |handing: &Handing| handing.to == *from && handing.serial == serial;
        if !matches!(&self.role, Role::Handing(handing) if is_it(handing)) {
            return;
        }
        let Role::Handing(mut handing) = std::mem::replace(&mut self.role, Role::Free) else {
            return;
        };
        handing.under_way.pop_front();
        match is_wanted {
            true => self.send_parts(handing, false, view, todo),
            // It has one of its own, which stays.
            false => self.go_on_at(handing.to, view, todo),
        }
    }

    /// Sends as many parts as may be under way, the last once all others have come: with that
    /// it is the receiver's. Then it is followed.
    fn send_parts(
        &mut self,
        mut handing: Handing,
        mut is_first: bool,
        view: &View<'_>,
        todo: &mut Vec<Todo<P>>,
    ) {
        let Some((_, history)) = &self.kept else {
            return;
        };
        while handing.may_send(view.under_way) {
            // What was sent and is kept no more need not have come: it begins anew.
            let begin = history.begins_behind();
            is_first |= handing.sent < begin;
            let part = part_of(history, handing.sent.max(begin), self.rank, view.now);
            let sent = part.end();
            let is_last = sent == history.top().offset;
            if is_last && !handing.under_way.is_empty() {
                break;
            }
            let bytes = part.bytes();
            let word = Word::Hand {
                serial: handing.serial,
                is_first,
                is_last,
                part,
                keys: Vec::new(),
            };
            todo.push(Todo::Send(handing.to.clone(), word));
            if is_last {
                self.go_on_at(handing.to, view, todo);
                return;
            }
            is_first = false;
            handing.sent = sent;
            handing.under_way.push_back(bytes);
        }
        handing.until = view.now.saturating_add(ANSWER_TIMEOUT);
        self.role = Role::Handing(handing);
    }

    fn go_on_at(&mut self, home: PeerNode, view: &View<'_>, todo: &mut Vec<Todo<P>>) {
        self.role = Role::Free;
        if view.is_used {
            self.follow(home, view, todo);
        } else {
            self.kept = None;
        }
        todo.push(Todo::Tell);
    }
}

impl Handing {
    /// Whether another part may be sent where so many bytes may be under way.
    fn may_send(&self, most: usize) -> bool {
        let bytes = self
            .under_way
            .iter()
            .fold(0_usize, |all, part| all.saturating_add(*part));
        self.under_way.is_empty() || bytes < most
    }
}
