//! What this node hears of the sessions of others.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::time::sleep;

use super::carried::change;
use super::wanting::Asked;
use crate::event::host_event::{HostEventType, SessionsLost};
use crate::mesh::PeerNode;
use crate::session::across::protocol::across::Kind;
use crate::session::across::protocol::{
    Holding, PresenceAsk, PresenceChanged, PresenceForget, PresenceFrom, PresencePart, PresenceTold,
};
use crate::session::hub::{Member, Members};
use crate::session::name::ChannelName;
use crate::session::shared::Shared;

/// How often the others are told what can wait.
const KEPT: Duration = Duration::from_secs(1);

/// Bytes of names in one message, about.
const FORGOTTEN: usize = 32 << 10;

impl Shared {
    /// Another node is there: it is asked for everything, which it is to do too.
    pub(in crate::session::across) fn join_presence(self: &Arc<Self>, peer: &PeerNode) {
        self.forget_presence_watcher(peer);
        let presence = &self.across.presence;
        presence.wanting().joined(peer);
        self.tell_holding_to(peer, self.registry.sessions() as u64);
        if !presence.is_kept.swap(true, Ordering::Relaxed) {
            let kept = Arc::clone(self);
            self.tasks
                .keep_running(move || Arc::clone(&kept).keep_presence());
        }
    }

    /// What another node wants to know of is not known any more: it is to say so anew.
    pub(in crate::session::across) fn forget_presence_watcher(&self, peer: &PeerNode) {
        let mut watchers = self.across.presence.watchers();
        watchers.forget_node(peer);
    }

    /// Another node is gone, and its sessions with it.
    pub(in crate::session::across) fn part_presence(self: &Arc<Self>, peer: &PeerNode) {
        self.forget_presence_watcher(peer);
        let presence = &self.across.presence;
        presence.wanting().left(peer);
        let channels = presence.wanting().channels();
        for hub in channels.iter().filter_map(|name| self.hubs.get(name)) {
            hub.forget_node(peer);
            self.stir(&hub);
        }
        presence.told.notify_waiters();
        let count = presence.holding().lost(peer);
        if count > 0 {
            let node = peer.name.to_string();
            let lost = SessionsLost { node, count };
            self.host
                .publish_host(HostEventType::SessionLost, &peer.name, &lost);
        }
    }

    /// Another node is to say all anew.
    pub(in crate::session::across) fn ask_presence_anew(&self, peer: &PeerNode) {
        let channels = {
            let mut wanting = self.across.presence.wanting();
            wanting.anew(peer);
            wanting.channels()
        };
        for hub in channels.iter().filter_map(|name| self.hubs.get(name)) {
            hub.doubt(peer);
        }
        self.ask_for_presence(peer);
    }

    /// All nodes are asked for a channel of which somebody wants to know from now on.
    pub(in crate::session) fn want_presence(&self, name: &ChannelName) {
        let nodes = {
            let mut wanting = self.across.presence.wanting();
            wanting.want(name);
            wanting.nodes()
        };
        for node in nodes {
            self.ask_for_presence(&node);
        }
    }

    /// Nobody wants to know of a channel any more, unless somebody does again.
    pub(in crate::session) fn unwant_presence(&self, name: &ChannelName) {
        let mut wanting = self.across.presence.wanting();
        // Whoever begins to look from now on says next that it is wanted.
        let hub = self.hubs.get(name);
        if !hub.is_some_and(|hub| hub.looks_elsewhere()) {
            wanting.unwant(name);
        }
    }

    /// Asks a node for what it is to be asked.
    fn ask_for_presence(&self, node: &PeerNode) {
        loop {
            let now = self.wheel.now();
            let next = self.across.presence.wanting().next(node, now);
            let Some(question) = next else {
                return;
            };
            let of = question.of.iter().map(|asked| PresenceFrom {
                channel: asked.channel.to_string(),
                after: asked.after.to_string(),
            });
            let ask = PresenceAsk {
                serial: question.serial,
                of: of.collect(),
            };
            self.across.say(node, Kind::PresenceAsk(ask));
        }
    }

    /// Another node tells what it was asked.
    pub(in crate::session::across) fn hear_presence_told(
        self: &Arc<Self>,
        node: &PeerNode,
        told: PresenceTold,
    ) {
        let presence = &self.across.presence;
        let Some(asked) = presence.wanting().told(node, told.serial) else {
            // Something was lost since it was asked: it is asked anew.
            return;
        };
        let refused: BTreeSet<String> = told.refused.into_iter().collect();
        let parts = told.parts.into_iter();
        let mut parts: BTreeMap<String, PresencePart> =
            parts.map(|part| (part.channel.clone(), part)).collect();
        for Asked { channel, after } in asked {
            if refused.contains(channel.as_str()) {
                continue;
            }
            let Some(hub) = self.hubs.get(&channel).filter(|hub| hub.looks_elsewhere()) else {
                self.unwant_presence(&channel);
                continue;
            };
            let part = parts.remove(channel.as_str()).unwrap_or_default();
            let upto = part.upto.map(Arc::<str>::from);
            let is_said = |member: &Member| {
                let client = member.client();
                client > &*after && upto.as_ref().is_none_or(|upto| client <= &**upto)
            };
            let members = part.members.into_iter().map(Member::from);
            let members = members.filter(is_said).collect();
            // Where it is asked for from the beginning again, that is still to come.
            let is_all = upto.is_none() && !presence.wanting().is_due(node, &channel);
            let next = upto.clone();
            hub.take_members(node, &after, Members { members, upto }, is_all);
            self.stir(&hub);
            if let Some(next) = next.filter(|next| **next >= *after) {
                presence.wanting().goes_on(node, &channel, &next);
            }
        }
        self.ask_for_presence(node);
        presence.told.notify_waiters();
    }

    /// Another node tells what has changed.
    pub(in crate::session::across) fn hear_presence_changed(
        self: &Arc<Self>,
        node: &PeerNode,
        changed: PresenceChanged,
    ) {
        let Ok(name) = ChannelName::new(&changed.channel) else {
            return;
        };
        let hub = self.hubs.get(&name).filter(|hub| hub.looks_elsewhere());
        let Some(hub) = hub else {
            // It has yet to hear that nobody wants to know of it, or has not heard it.
            self.unwant_presence(&name);
            return;
        };
        let changes = changed.changes.into_iter().filter_map(change);
        hub.take_changes_of(node, changes.collect());
        self.stir(&hub);
    }

    /// Another node says how many sessions it has.
    pub(in crate::session::across) fn hear_holding(&self, from: &PeerNode, holding: Holding) {
        let mut known = self.across.presence.holding();
        known.has(from, holding.sessions);
    }

    /// Tells the others what can wait, and asks again who has not answered, until the node
    /// ends.
    async fn keep_presence(self: Arc<Self>) {
        loop {
            sleep(KEPT).await;
            self.tell_holding();
            self.tell_forgotten();
            let nodes = {
                let mut wanting = self.across.presence.wanting();
                wanting.again(self.wheel.now());
                wanting.nodes()
            };
            for node in nodes {
                self.ask_for_presence(&node);
            }
        }
    }

    /// Under the lock: whoever wants one of them again asks behind that.
    fn tell_forgotten(&self) {
        let mut wanting = self.across.presence.wanting();
        let mut names = wanting.take_forgotten().into_iter().peekable();
        while names.peek().is_some() {
            let (mut channels, mut bytes) = (Vec::new(), 0);
            while bytes < FORGOTTEN
                && let Some(name) = names.next()
            {
                bytes += name.as_str().len();
                channels.push(name.to_string());
            }
            let forget = PresenceForget { channels };
            for member in self.across.members.others() {
                let forget = forget.clone();
                self.across.say(&member.peer, Kind::PresenceForget(forget));
            }
        }
    }
}
