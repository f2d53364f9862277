//! Looking at who is subscribed on other nodes, and telling them who is here.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::channel_hub::{Gone, Hub};
use super::foreign::Owned;
use super::item::Item;
use super::member::{Member, MemberChange, Members};
use super::state::State;
use crate::mesh::PeerNode;

/// Members that are looked at for one part, at most.
const LOOKED_AT: usize = 4_096;

/// Members of a node that are kept of one channel, at most: more than a node has sessions.
const MAX_MEMBERS: usize = 1 << 20;

/// How long somebody may look at what other nodes say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::session) enum Looks {
    /// While there are subscribers.
    Subscribed,
    /// Until that time of the node's wheel.
    Until(u64),
}

impl Hub {
    /// From now on what the other nodes say is kept; `nodes` are those that may have members
    /// already. Whether it was not before: then they are to be asked.
    ///
    /// # Errors
    /// [`Gone`] when nobody uses this hub any more.
    pub(in crate::session) fn look_elsewhere(
        &self,
        looks: Looks,
        nodes: &[PeerNode],
    ) -> Result<bool, Gone> {
        let mut state = self.entered()?;
        let is_used = !state.subscribers.is_empty();
        let is_new = state.foreign.is_none();
        let foreign = state.foreign.get_or_insert_default();
        if is_new {
            let begins = |node: &PeerNode| {
                let owned = Owned {
                    was_before: true,
                    ..Owned::default()
                };
                (node.clone(), owned)
            };
            foreign.owners = nodes.iter().map(begins).collect();
        }
        foreign.until = match looks {
            _ if is_used => None,
            Looks::Subscribed => None,
            Looks::Until(until) => Some(foreign.until.unwrap_or(0).max(until)),
        };
        Ok(is_new)
    }

    /// Whether what other nodes say is kept.
    pub(in crate::session) fn looks_elsewhere(&self) -> bool {
        self.lock().foreign.is_some()
    }

    /// Whether it is right about all of these nodes.
    pub(in crate::session) fn is_whole(&self, nodes: &[PeerNode]) -> bool {
        let state = self.lock();
        let Some(foreign) = &state.foreign else {
            return false;
        };
        let is_whole =
            |node: &PeerNode| foreign.owners.get(node).is_some_and(|owned| owned.is_whole);
        nodes.iter().all(is_whole)
    }

    /// A node says who of its sessions whose ids come behind `after` are subscribed; with
    /// `is_all` that is all there is to say. What differs from what it has said before is
    /// told to the subscribers.
    pub(in crate::session) fn take_members(
        &self,
        node: &PeerNode,
        after: &str,
        said: Members,
        is_all: bool,
    ) {
        let mut state = self.lock();
        let Some(foreign) = &state.foreign else {
            return;
        };
        let is_told = |owned: &Owned| !owned.was_before;
        let told = foreign.owners.get(node).is_none_or(is_told);
        let there: BTreeSet<&str> = said.members.iter().map(Member::client).collect();
        for gone in foreign.ids(node, after, said.upto.as_deref()) {
            if !there.contains(&*gone) {
                state.go(node, &gone);
            }
        }
        for member in said.members {
            state.come(node, member, told);
        }
        if is_all && let Some(foreign) = &mut state.foreign {
            let owned = foreign.owners.entry(node.clone()).or_default();
            owned.is_whole = true;
            owned.was_before = false;
        }
    }

    /// A node says what has changed.
    pub(in crate::session) fn take_changes_of(&self, node: &PeerNode, changes: Vec<MemberChange>) {
        let mut state = self.lock();
        for change in changes {
            match change {
                MemberChange::Came(member) => state.come(node, member, true),
                MemberChange::Went(client) => state.go(node, &client),
            }
        }
    }

    /// Something that a node said was lost: it has to say all anew.
    pub(in crate::session) fn doubt(&self, node: &PeerNode) {
        if let Some(foreign) = &mut self.lock().foreign
            && let Some(owned) = foreign.owners.get_mut(node)
        {
            owned.is_whole = false;
        }
    }

    /// A node is gone, and all its sessions with it.
    pub(in crate::session) fn forget_node(&self, node: &PeerNode) {
        let mut state = self.lock();
        let Some(foreign) = &state.foreign else {
            return;
        };
        for gone in foreign.ids(node, "", None) {
            state.go(node, &gone);
        }
        if let Some(foreign) = &mut state.foreign {
            foreign.owners.remove(node);
        }
    }

    /// What was changed of the own members since that was asked for the last time.
    pub(in crate::session) fn take_changes(&self) -> Vec<MemberChange> {
        std::mem::take(&mut self.lock().changes)
    }

    /// The own members behind an id: as many as have about so many bytes, but one at least.
    /// With them what had changed before.
    pub(in crate::session) fn members(
        &self,
        after: &str,
        bytes: usize,
    ) -> (Vec<MemberChange>, Members) {
        let (changes, subscribers) = {
            let mut state = self.lock();
            let changes = std::mem::take(&mut state.changes);
            (changes, Arc::clone(&state.subscribers))
        };
        let all = subscribers.iter();
        let mut behind: Vec<&Member> = all
            .filter_map(|subscriber| subscriber.new.member.as_ref())
            .filter(|member| member.client() > after)
            .collect();
        let mut is_part = behind.len() > LOOKED_AT;
        if is_part {
            behind.select_nth_unstable_by(LOOKED_AT, |one, other| one.client().cmp(other.client()));
            behind.truncate(LOOKED_AT);
        }
        behind.sort_unstable_by(|one, other| one.client().cmp(other.client()));
        let mut used = 0;
        let fits = behind.iter().take_while(|member| {
            let fits = used == 0 || used + member.bytes() <= bytes;
            used += member.bytes();
            fits
        });
        let fitting = fits.count();
        is_part |= fitting < behind.len();
        behind.truncate(fitting);
        let members: Vec<Member> = behind.into_iter().cloned().collect();
        let last = members.last().filter(|_| is_part);
        let upto = last.map(|last| last.client().into());
        (changes, Members { members, upto })
    }
}

impl State {
    /// Drops what other nodes have said where nobody has looked at it for long enough;
    /// whether it did.
    pub(super) fn look_away(&mut self, now: u64) -> bool {
        let Some(foreign) = &mut self.foreign else {
            return false;
        };
        if !self.subscribers.is_empty() {
            return false;
        }
        let until = foreign.kept(now);
        foreign.until = Some(until);
        if until > now {
            return false;
        }
        let nodes = std::mem::take(&mut foreign.owners);
        for (client, member) in nodes.into_values().flat_map(|owned| owned.members) {
            if member.is_present {
                self.presence.remove(&client);
            }
        }
        self.foreign = None;
        true
    }

    /// A session of another node is subscribed. `tells` says whether others are told, if they
    /// may be.
    fn come(&mut self, node: &PeerNode, member: Member, tells: bool) {
        let Some(foreign) = &mut self.foreign else {
            return;
        };
        let owned = foreign.owners.entry(node.clone()).or_default();
        if owned.members.len() >= MAX_MEMBERS {
            return;
        }
        let client: Arc<str> = member.client().into();
        let before = owned.members.get(&client);
        if before == Some(&member) {
            return;
        }
        let was_present = before.is_some_and(|before| before.is_present);
        let was_told = before.is_some_and(|before| before.is_told);
        if !was_present && self.presence.get(&client).is_some() {
            // An id is one session's. Whoever says so of another's is wrong.
            return;
        }
        if member.is_present {
            let user: Arc<str> = member.info.user.as_str().into();
            self.presence.add(&client, &user, Arc::clone(&member.info));
        } else if was_present {
            self.presence.remove(&client);
        }
        let joins = member.is_told && !was_told && tells;
        let info = Arc::clone(&member.info);
        owned.members.insert(client, member);
        if joins {
            self.push(Item::Join(info));
        }
    }

    /// A session of another node is subscribed no more.
    fn go(&mut self, node: &PeerNode, client: &str) {
        let owned = self
            .foreign
            .as_mut()
            .and_then(|foreign| foreign.owners.get_mut(node));
        let Some(member) = owned.and_then(|owned| owned.members.remove(client)) else {
            return;
        };
        if member.is_present {
            self.presence.remove(client);
        }
        if member.is_told {
            self.push(Item::Leave(member.info));
        }
    }
}
