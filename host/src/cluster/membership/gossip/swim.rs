//! One node's part in the protocol.

use std::collections::{BTreeMap, BTreeSet};
use std::iter;
use std::mem;
use std::num::{NonZeroU8, NonZeroUsize};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use foca::{
    Config, Foca, Member as Update, NoCustomBroadcast, Notification, PeriodicParams, PostcardCodec,
    Runtime, Timer,
};
use rand::SeedableRng;
use rand::rngs::StdRng;
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::identity::Identity;
use super::message::{Claims, MAX_MESSAGE_BYTES, MessageError};
use super::news::Outgoing;
use super::timers::Timers;
use crate::cluster::membership::{Candidates, Member};

/// Nodes that are remembered, those that are down included: many times those of a
/// full mesh, and a bound to what a node that makes up others can do.
const MAX_NODES: usize = 1024;

/// For clusters of 1 to about 100 nodes on links that lose nothing while they are up.
///
/// Of a node that goes silent, most often within a second one of the others asks
/// whether it is alive. It has half a second to answer, directly or through others,
/// and then 2 s to object to being suspected, which is time enough for the suspicion
/// to reach it and the objection to reach all. So within about 5 s it is down for
/// all. Should that be wrong, because it or the network was merely slow, it comes
/// back as soon as it hears of it.
fn config() -> Config {
    let count = |count| NonZeroUsize::new(count).expect("more than none");
    let periodic = |millis, members| PeriodicParams {
        frequency: Duration::from_millis(millis),
        num_members: count(members),
    };
    Config {
        probe_period: Duration::from_millis(500),
        probe_rtt: Duration::from_millis(200),
        num_indirect_probes: count(3),
        // News reach 100 nodes in four rounds; the rest makes up for what is dropped.
        max_transmissions: NonZeroU8::new(10).expect("more than none"),
        suspect_to_down_after: Duration::from_secs(2),
        // Long enough that no old news of the node being alive is still around, and
        // short enough that nodes with ever new names do not add up.
        remove_down_after: Some(Duration::from_secs(60 * 60)),
        max_packet_size: count(MAX_MESSAGE_BYTES),
        notify_down_members: true,
        // Finds what the other ways have missed.
        periodic_announce: Some(periodic(10_000, 1)),
        // Of the nodes that are down, those that can be reached are greeted anyway:
        // they have a link.
        periodic_announce_to_down_members: None,
        periodic_gossip: Some(periodic(200, 3)),
    }
}

/// A link that is up.
#[derive(Debug)]
struct Link {
    peer: Member,
    /// Whether a message of that node could not be used; told once, lest it floods
    /// the log.
    complained: bool,
}

type Core = Foca<Identity, PostcardCodec, StdRng, NoCustomBroadcast>;

/// The protocol's state. Its methods do not wait.
pub(super) struct Swim {
    core: Core,
    timers: Timers,
    links: BTreeMap<Arc<str>, Link>,
    outgoing: mpsc::Sender<Outgoing>,
    /// Whether the members may have changed since they were last asked for.
    changed: bool,
}

impl Swim {
    pub(super) fn new(identity: Identity, seed: u64, outgoing: mpsc::Sender<Outgoing>) -> Self {
        let rng = StdRng::seed_from_u64(seed);
        Self {
            core: Foca::new(identity, config(), rng, PostcardCodec),
            timers: Timers::default(),
            links: BTreeMap::new(),
            outgoing,
            changed: false,
        }
    }

    pub(super) fn link_up(&mut self, peer: Member) {
        let node = peer.node.clone();
        let later = |link: &Link| link.peer.incarnation > peer.incarnation;
        if self.links.get(&node).is_some_and(later) {
            return;
        }
        let link = Link {
            peer: peer.clone(),
            complained: false,
        };
        self.links.insert(node, link);
        self.greet_node(&peer);
    }

    pub(super) fn link_down(&mut self, peer: &Member) {
        // A link of an earlier incarnation may end after that of the next came up.
        if self.is_linked(peer) {
            self.links.remove(&peer.node);
        }
    }

    /// Removes a node that said goodbye, and tells the others.
    pub(super) fn left(&mut self, peer: &Member) {
        self.link_down(peer);
        let known = self.known(&peer.node).map(Update::id);
        let gone = match known.filter(|known| known.incarnation == peer.incarnation) {
            Some(known) => known.clone(),
            None => Identity::new(peer),
        };
        let gone = Update::down(gone);
        self.act(|core, effects| core.apply_many(iter::once(gone), true, effects));
    }

    pub(super) fn receive(&mut self, from: &Member, message: &[u8]) {
        if !self.is_linked(from) {
            return;
        }
        let (claims, admitted) = match self.admit(from, message) {
            Ok(admitted) => admitted,
            Err(error) => return self.complain(from, &error),
        };
        let message = admitted.as_deref().unwrap_or(message);
        if let Some(rival) = claims.rival(self.core.identity())
            && let Some(above) = self.core.identity().above(rival)
        {
            tracing::debug!(?rival, "other nodes know an earlier life of this one");
            self.act(|core, effects| core.change_identity(above, effects));
        }
        self.act(|core, effects| core.handle_data(message, effects));
    }

    /// When [`fire`](Self::fire) is to be called next.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.timers.deadline()
    }

    /// Does what is due.
    pub(super) fn fire(&mut self) {
        while let Some(timer) = self.timers.take_due() {
            self.act(|core, effects| core.handle_timer(timer, effects));
        }
    }

    /// Greets the nodes that have a link and yet do not count as alive.
    pub(super) fn greet(&mut self) {
        let alive: BTreeSet<_> = self
            .core
            .iter_members()
            .map(|member| (&member.id().node, member.id().incarnation))
            .collect();
        let strangers: Vec<_> = self
            .links
            .values()
            .filter(|link| !alive.contains(&(&link.peer.node, link.peer.incarnation)))
            .map(|link| link.peer.clone())
            .collect();
        for stranger in strangers {
            self.greet_node(&stranger);
        }
    }

    /// Tells the others that this node leaves.
    pub(super) fn leave(mut self) {
        self.act(|core, effects| core.leave_cluster(effects));
    }

    /// Where the nodes are that are alive or merely suspected, without this one; if
    /// that may have changed since the last call.
    pub(super) fn changed_candidates(&mut self) -> Option<Candidates> {
        if !mem::take(&mut self.changed) {
            return None;
        }
        let own = &self.core.identity().address;
        let addresses = self.core.iter_members().map(|member| &member.id().address);
        Some(
            addresses
                .filter(|address| *address != own)
                .cloned()
                .collect(),
        )
    }

    /// Asks a node to accept this one and to tell of the others.
    fn greet_node(&mut self, peer: &Member) {
        let introduced = Identity::new(peer);
        let known = self.known(&peer.node).map(Update::id);
        let greeted = match known.filter(|known| known.outranks(&introduced)) {
            // Should it be one of an earlier life, then the node learns so that it
            // has to go on above it.
            Some(known) => known.clone(),
            None => introduced,
        };
        self.act(|core, effects| core.announce(greeted, effects));
    }

    fn is_linked(&self, peer: &Member) -> bool {
        self.links
            .get(&peer.node)
            .is_some_and(|link| link.peer.incarnation == peer.incarnation)
    }

    /// What is known of a node, whether it is up or down.
    fn known(&self, node: &str) -> Option<&Update<Identity>> {
        self.core
            .iter_membership_state()
            .find(|member| *member.id().node == *node)
    }

    /// Decides whether a message is fit to be acted upon, and how much of it where it
    /// tells of more nodes than there is room for: the rest of it still counts.
    fn admit(
        &self,
        from: &Member,
        message: &[u8],
    ) -> Result<(Claims, Option<Vec<u8>>), MessageError> {
        let claims = Claims::decode(message, from)?;
        let known: BTreeSet<&str> = self
            .core
            .iter_membership_state()
            .map(|member| &*member.id().node)
            .collect();
        let room = MAX_NODES.saturating_sub(known.len());
        let admitted = claims.within(room, |node| known.contains(node))?;
        if admitted.is_some() {
            tracing::debug!(node = %from.node, "not all nodes that it tells of have room");
        }
        Ok((claims, admitted))
    }

    fn complain(&mut self, from: &Member, error: &MessageError) {
        if let Some(link) = self.links.get_mut(&from.node)
            && !mem::replace(&mut link.complained, true)
        {
            tracing::warn!(
                node = %from.node,
                %error,
                "dropped a membership message of another node, and will drop the next ones of \
                 this link silently; check that both nodes run compatible versions"
            );
        }
    }

    /// Takes a step of the protocol and sees to what follows from it.
    fn act(&mut self, step: impl FnOnce(&mut Core, &mut Effects<'_>) -> Result<(), foca::Error>) {
        let generation = self.core.identity().generation;
        let mut effects = Effects {
            own: self.core.identity().node.clone(),
            outgoing: &self.outgoing,
            timers: &mut self.timers,
            changed: &mut self.changed,
        };
        let mut result = step(&mut self.core, &mut effects);
        let renewed = self.core.identity().generation != generation;
        if renewed {
            // Under a new identity the core rests until the members change, even if
            // it knows some; this wakes it up.
            result = result.and(self.core.apply_many(iter::empty(), true, &mut effects));
        }
        if let Err(error) = result {
            tracing::debug!(%error, "a step of the membership protocol failed");
        }
        if renewed {
            self.greet();
        }
    }
}

/// Carries out what the core wants done.
struct Effects<'a> {
    own: Arc<str>,
    outgoing: &'a mpsc::Sender<Outgoing>,
    timers: &'a mut Timers,
    changed: &'a mut bool,
}

impl Runtime<Identity> for Effects<'_> {
    fn notify(&mut self, notification: Notification<'_, Identity>) {
        tracing::debug!(?notification, "membership");
        *self.changed |= matches!(
            notification,
            Notification::MemberUp(_) | Notification::MemberDown(_) | Notification::Rename(..)
        );
    }

    fn send_to(&mut self, to: Identity, data: &[u8]) {
        // This node's earlier lives count as nodes that are down.
        if to.node == self.own {
            return;
        }
        // Where there is no room the message is dropped: SWIM takes any message for
        // one that may be lost.
        let _ = self.outgoing.try_send(Outgoing {
            to: to.node,
            message: Bytes::copy_from_slice(data),
        });
    }

    fn submit_after(&mut self, event: Timer<Identity>, after: Duration) {
        self.timers.set(event, after);
    }
}
