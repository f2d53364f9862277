//! What happens around a log: somebody needs it, another node says something, comes or goes, time
//! passes.

use std::sync::Arc;

use super::log::{FollowRequest, Homed, RETRY_DELAY, Todo, View};
use super::role::{Handing, Role};
use super::word::Word;
use crate::mesh::PeerNode;
use crate::session::history::History;

impl<P> Homed<P> {
    /// Somebody here needs it: finds out whose it is, if that is not known.
    pub(in crate::session) fn want(&mut self, view: &View<'_>, todo: &mut Vec<Todo<P>>) {
        match &self.role {
            Role::Free => self.find(view, todo),
            _ => self.look(view, todo),
        }
    }

    /// The same where what was published until now has to be here. Returns the number of the
    /// question whose answer says so.
    pub(in crate::session) fn want_all(&mut self, view: &View<'_>, todo: &mut Vec<Todo<P>>) -> u64 {
        match &self.role {
            Role::Following(following) => {
                let home = following.home.clone();
                self.follow(home, view, todo);
            }
            _ => self.want(view, todo),
        }
        self.serial
    }

    /// Some time has passed, or others are seen differently.
    pub(in crate::session) fn look(&mut self, view: &View<'_>, todo: &mut Vec<Todo<P>>) {
        let now = view.now;
        match (&self.role, view.home) {
            (Role::Free, _) if view.is_used => self.find(view, todo),
            (Role::Owner, Some(home)) if view.is_home_linked => {
                let home = home.clone();
                self.hand_over(home, view, todo);
            }
            (Role::Acquiring(_), Some(_)) => {
                self.give_up(view, todo);
            }
            (Role::Acquiring(_), None) => self.ask_again(view, todo),
            (Role::Handing(Handing { until, .. }), _) if *until <= now => {
                // The last part was not sent, so that nobody else owns it.
                self.own(view, todo);
            }
            (Role::Following(following), _) if following.has_missed => {
                let home = following.home.clone();
                self.follow(home, view, todo);
            }
            (Role::Following(following), _)
                if following.asked != following.synced
                    && following.asked_at.saturating_add(RETRY_DELAY) <= now =>
            {
                self.find(view, todo);
            }
            _ => {}
        }
    }

    /// Another node says something.
    pub(in crate::session) fn hear(
        &mut self,
        from: &PeerNode,
        word: Word<P>,
        view: &View<'_>,
        todo: &mut Vec<Todo<P>>,
    ) {
        match word {
            Word::Follow { serial, since } => {
                let from = from.clone();
                let request = FollowRequest {
                    from,
                    serial,
                    since,
                };
                self.take_request(request, view, todo);
            }
            Word::Followed {
                serial,
                part,
                is_all,
                dropped,
            } => self.followed(from, serial, (part, is_all, dropped), view, todo),
            Word::Published {
                epoch,
                number,
                entry,
                manner,
            } => self.published(from, (&*epoch, number), (entry, manner), view, todo),
            Word::Unfollow => self.drop_follower(from),
            Word::Moved => self.moved(from, view, todo),
            Word::Take { asked } => self.asked_for(from, &asked, view, todo),
            Word::NotMine { agrees, rank } => self.not_theirs(from, agrees, rank, view, todo),
            Word::Hand {
                serial,
                is_first,
                is_last,
                part,
                keys,
            } => {
                let is = (is_first, is_last);
                self.handed_over(from, serial, is, (part, keys), view, todo);
            }
            Word::Keys { epoch, rank, keys } => {
                if !self.refuses(from, &epoch, rank) {
                    todo.push(Todo::Remember(keys));
                }
            }
            Word::Handed { serial, is_wanted } => {
                self.hand_on(from, serial, is_wanted, view, todo);
            }
            Word::Removed { epoch } => {
                let is_it = |history: &History<P>| *history.epoch() == epoch;
                if let Some((_, history)) = &mut self.kept
                    && is_it(history)
                {
                    history.remove();
                }
            }
        }
    }

    /// Drops what is kept, where it is owned; the position stays. Whether it is.
    pub(in crate::session) fn remove(&mut self, todo: &mut Vec<Todo<P>>) -> bool {
        if !self.is_owned() {
            return false;
        }
        if let Some((_, history)) = &mut self.kept {
            history.remove();
            let epoch = Arc::clone(history.epoch());
            let followers = Arc::clone(&self.followers);
            todo.push(Todo::Spread(followers, Word::Removed { epoch }));
        }
        true
    }

    /// A node is gone, or was not heard of for so long that it is as good as that.
    pub(in crate::session) fn gone(
        &mut self,
        node: &PeerNode,
        view: &View<'_>,
        todo: &mut Vec<Todo<P>>,
    ) {
        self.drop_follower(node);
        match &mut self.role {
            Role::Acquiring(acquiring) => {
                // It may own one by the time it is back.
                acquiring.answered.retain(|answered| answered != node);
                self.ask_no_more(node, view, todo);
            }
            Role::Handing(handing) if handing.to == *node => self.own(view, todo),
            // What follows from that is for when it is looked at: there may be many logs.
            Role::Following(following) if following.home == *node => self.role = Role::Free,
            _ => {}
        }
    }

    /// Messages of a node are lost, or may be. Who is followed is asked anew when it is looked
    /// at: there may be many logs. What has arrived of a log that it hands over stays: the next
    /// part is sent only once the one before has come, and the last may be on its way, with
    /// which nobody else has the log.
    pub(in crate::session) fn missed(&mut self, node: &PeerNode) {
        if let Role::Following(following) = &mut self.role
            && following.home == *node
        {
            self.serial += 1;
            following.asked = self.serial;
            following.has_missed = true;
        }
    }

    /// Nobody here needs it any more: who is followed is told so.
    pub(in crate::session) fn leave(&mut self, todo: &mut Vec<Todo<P>>) {
        match &self.role {
            Role::Following(following) => {
                todo.push(Todo::Send(following.home.clone(), Word::Unfollow));
            }
            Role::Free => {}
            _ => return,
        }
        self.role = Role::Free;
        self.kept = None;
    }

    /// The channel has no history any more: who wants something of it is told so.
    pub(in crate::session) fn abandon(&mut self, todo: &mut Vec<Todo<P>>) {
        let followers = std::mem::take(&mut self.followers);
        todo.push(Todo::Spread(followers, Word::Moved));
        for request in std::mem::take(&mut self.requests) {
            todo.push(Todo::Send(request.from, Word::Moved));
        }
        self.leave(todo);
        self.role = Role::Free;
        self.kept = None;
    }

    /// Whether [`leave`](Self::leave) has something to do.
    pub(in crate::session) fn may_leave(&self) -> bool {
        match self.role {
            Role::Following(_) => true,
            Role::Free => self.kept.is_some(),
            _ => false,
        }
    }
}
