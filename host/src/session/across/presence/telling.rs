//! What this node tells others of its sessions.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::mesh::PeerNode;
use crate::session::across::protocol::across::Kind;
use crate::session::across::protocol::{
    Holding, PresenceAsk, PresenceChanged, PresenceForget, PresencePart, PresenceTold,
};
use crate::session::across::wire;
use crate::session::hub::{Hub, Member, MemberChange};
use crate::session::name::ChannelName;
use crate::session::shared::Shared;

/// Bytes of members in one message, about; a single member may have more.
const TOLD: usize = 128 << 10;

/// Channels of one question that are looked at; nobody asks for more.
const ASKED: usize = 4_096;

impl Shared {
    /// Tells those who want to know who came to a channel and who went.
    pub(in crate::session) fn tell_changes(&self, hub: &Hub) {
        // Nobody else tells anything of it meanwhile.
        let _turn = hub.telling();
        self.tell_members(hub.name(), &hub.take_changes());
    }

    /// A node asks who is subscribed to channels, and is told from now on what changes.
    pub(in crate::session::across) fn hear_presence_ask(
        &self,
        from: &PeerNode,
        asked: PresenceAsk,
    ) {
        let of = asked.of.into_iter().take(ASKED);
        let named = of.filter_map(|of| Some((ChannelName::new(&of.channel).ok()?, of.after)));
        // Whoever takes several turns takes them in the order of the names.
        let named: BTreeMap<ChannelName, String> = named.collect();
        let (mut refused, mut hubs, mut unused) = (Vec::new(), Vec::new(), Vec::new());
        for (name, after) in named {
            let is_used = self.hubs.get(&name).is_some();
            let mut watchers = self.across.presence.watchers();
            let is_told = match is_used {
                true => watchers.add(from, &name),
                false => watchers.may_add(from, &name),
            };
            drop(watchers);
            // Behind the wish: one that is made now tells what changes.
            let hub = self.hubs.get(&name).filter(|_| is_used && is_told);
            match hub {
                _ if !is_told => refused.push(name.to_string()),
                Some(hub) => hubs.push((hub, after)),
                None => unused.push(name),
            }
        }
        let turns: Vec<_> = hubs.iter().map(|(hub, _)| hub.telling()).collect();
        let mut left = TOLD;
        let mut parts = Vec::new();
        for (hub, after) in &hubs {
            let (part, used) = self.presence_part(hub, after, left);
            left = left.saturating_sub(used);
            if part.upto.is_some() || !part.members.is_empty() {
                parts.push(part);
            }
        }
        let told = PresenceTold {
            serial: asked.serial,
            parts,
            refused,
        };
        // While nobody else tells anything of these channels.
        self.across.say(from, Kind::PresenceTold(told));
        drop(turns);
        // That nobody used a channel was said in no turn of its: whoever has come to it since is
        // told of behind that, and not before.
        for name in unused {
            self.across.presence.watchers().add(from, &name);
            if let Some(hub) = self.hubs.get(&name) {
                self.tell_all(from, &hub);
            }
        }
    }

    /// Tells a node of all who are subscribed to a channel.
    fn tell_all(&self, to: &PeerNode, hub: &Hub) {
        let _turn = hub.telling();
        let mut after: Arc<str> = Arc::default();
        loop {
            let (changes, said) = hub.members(&after, TOLD);
            self.tell_members(hub.name(), &changes);
            let came = said.members.into_iter().map(MemberChange::Came);
            let came: Vec<MemberChange> = came.collect();
            if !came.is_empty() {
                let changed = PresenceChanged {
                    channel: hub.name().to_string(),
                    changes: came.iter().map(Into::into).collect(),
                };
                self.across.say(to, Kind::PresenceChanged(changed));
            }
            match said.upto {
                Some(upto) => after = upto,
                None => return,
            }
        }
    }

    /// What there is to say of a channel whose turn it is, with about so many bytes; where
    /// there is no room, only that more is to be said. With it the bytes that it takes.
    fn presence_part(&self, hub: &Arc<Hub>, after: &str, bytes: usize) -> (PresencePart, usize) {
        let part = PresencePart {
            channel: hub.name().to_string(),
            after: after.to_owned(),
            ..PresencePart::default()
        };
        if bytes == 0 {
            let upto = Some(after.to_owned());
            return (PresencePart { upto, ..part }, 0);
        }
        let (changes, said) = hub.members(after, bytes);
        self.tell_members(hub.name(), &changes);
        let used = said.members.iter().map(Member::bytes).sum::<usize>();
        let part = PresencePart {
            upto: said.upto.map(|upto| upto.to_string()),
            members: said.members.iter().map(Into::into).collect(),
            ..part
        };
        (part, used + hub.name().as_str().len())
    }

    /// Tells what has changed of a channel whose turn it is.
    fn tell_members(&self, name: &ChannelName, changes: &[MemberChange]) {
        if changes.is_empty() {
            return;
        }
        let nodes = self.across.presence.watchers().of(name);
        if nodes.is_empty() {
            return;
        }
        let mut rest = changes;
        while !rest.is_empty() {
            let mut used = 0;
            let fits = rest.iter().take_while(|change| {
                let fits = used == 0 || used + change.bytes() <= TOLD;
                used += change.bytes();
                fits
            });
            let (some, behind) = rest.split_at(fits.count());
            rest = behind;
            let message = wire::encode(Kind::PresenceChanged(PresenceChanged {
                channel: name.to_string(),
                changes: some.iter().map(Into::into).collect(),
            }));
            for node in &nodes {
                self.across.send(node, message.clone());
            }
        }
    }

    /// A node wants to know of channels no more.
    pub(in crate::session::across) fn hear_presence_forget(
        &self,
        from: &PeerNode,
        forget: &PresenceForget,
    ) {
        let names = forget.channels.iter();
        for name in names.filter_map(|name| ChannelName::new(name).ok()) {
            let mut watchers = self.across.presence.watchers();
            watchers.forget(from, &name);
        }
    }

    /// Tells the others how many sessions the node has, where that has changed.
    pub(in crate::session) fn tell_holding(&self) {
        let sessions = self.registry.sessions() as u64;
        let is_new = self.across.presence.holding().is_new(sessions);
        if is_new {
            for member in self.across.members.others() {
                self.tell_holding_to(&member.peer, sessions);
            }
        }
    }

    pub(super) fn tell_holding_to(&self, to: &PeerNode, sessions: u64) {
        self.across.say(to, Kind::Holding(Holding { sessions }));
    }
}
