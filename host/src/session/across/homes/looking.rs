//! How the node sees a channel's home, and what follows from that for logs.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use tokio::time::{Instant, sleep, timeout_at};

use super::words::encoded;
use crate::mesh::PeerNode;
use crate::panics::end_panics;
use crate::session::across::members::Home;
use crate::session::across::protocol::across::Kind;
use crate::session::across::protocol::{AskUsage, Draining, ask};
use crate::session::across::wire::encode;
use crate::session::history_settings::HistorySettings;
use crate::session::homed::{Homed, Standing, Todo, View, Word};
use crate::session::hub::{Gone, Hub, LogWord, Seen};
use crate::session::name::ChannelName;
use crate::session::publication::StoredPublication;
use crate::session::shared::Shared;

/// Logs that are looked at in one go when others are seen differently, and bytes of those of
/// them that move: a link has room for what comes of that, and carries it until the next go.
const MAX_BATCH: usize = 256;
const MAX_BATCH_BYTES: usize = 512 << 10;

/// Between two goes.
const NEXT: Duration = Duration::from_millis(10);

/// After which time those are looked at that have yet to be settled.
const TICK: Duration = Duration::from_millis(250);

/// Longest that a node that ends takes to hand its logs over.
const LONGEST: Duration = Duration::from_secs(5);

/// How long such a node waits for others to say that they know.
const KNOWN: Duration = Duration::from_secs(1);

impl Shared {
    /// How the node sees the others, for a channel whose history keeps to that.
    pub(in crate::session) fn seen(&self, name: &ChannelName, settings: HistorySettings) -> Seen {
        let members = &self.across.members;
        let home = match members.home_of(name) {
            Home::Here => None,
            Home::There(peer) => Some(peer),
        };
        Seen {
            is_home_linked: home.as_ref().is_some_and(|home| members.is_linked(home)),
            home,
            others: members.peers(),
            settings,
            under_way: self.across.homes.under_way(),
            random: self.environment.random(),
            now: self.wheel.now(),
            time: self.time(),
        }
    }

    /// Whether logs begin here without anybody being asked, since there is nobody.
    pub(in crate::session) fn is_alone(&self) -> bool {
        self.across.members.is_alone() && self.has_met_others()
    }

    /// Whether the others were met, or there are none: until then a log that would begin here
    /// may be on one of them.
    pub(super) fn has_met_others(&self) -> bool {
        let met = || self.channels.are_others_settled();
        self.across.homes.have_met(met)
    }

    /// Says something of a channel's log to other nodes. Waits for nothing.
    pub(in crate::session) fn say_of_log(
        &self,
        name: &ChannelName,
        to: &[PeerNode],
        word: LogWord,
    ) {
        if to.is_empty() {
            return;
        }
        if matches!(word, Word::Hand { is_last: true, .. }) {
            // With the last part it is the receiver's.
            self.across.traffic.handed_over();
        }
        let message = encode(Kind::Home(encoded(name, word)));
        for to in to {
            self.across.send(to, message.clone());
        }
    }

    /// Does something with the log of a hub, and what follows from that.
    ///
    /// # Errors
    /// [`Gone`] when nobody uses the hub any more.
    pub(in crate::session) fn on_log<T>(
        self: &Arc<Self>,
        hub: &Arc<Hub>,
        settings: HistorySettings,
        work: impl FnOnce(
            &mut Homed<StoredPublication>,
            &View<'_>,
            &mut Vec<Todo<StoredPublication>>,
        ) -> T,
    ) -> Result<T, Gone> {
        let seen = || self.seen(hub.name(), settings);
        let send = |to: &[PeerNode], word| self.say_of_log(hub.name(), to, word);
        let (done, is_unsettled) = hub.with_log(seen, send, work)?;
        self.stir(hub);
        if is_unsettled {
            self.across.homes.unsettled(hub.name());
        }
        Ok(done)
    }

    /// Looks after logs that are to be looked at, until the node ends.
    pub(in crate::session) async fn look_after_logs(self: Arc<Self>) {
        let mut tick = Instant::now() + TICK;
        loop {
            let homes = &self.across.homes;
            match homes.are_left() {
                (true, _) => sleep(NEXT).await,
                (false, true) => drop(timeout_at(tick, homes.stirred()).await),
                (false, false) => homes.stirred().await,
            }
            let is_tick = Instant::now() >= tick;
            if is_tick {
                tick = Instant::now() + TICK;
            }
            let mut bytes = 0_usize;
            let mut left = homes.take(MAX_BATCH, is_tick);
            while bytes < MAX_BATCH_BYTES
                && let Some(name) = left.pop_first()
            {
                // One that has a mistake costs the others nothing.
                end_panics("who looks after histories", || {
                    bytes = bytes.saturating_add(self.look_at_log(&name));
                });
            }
            if !left.is_empty() {
                homes.look_at(left);
            }
        }
    }

    /// Looks at a log. Returns how many bytes of it move to another node.
    fn look_at_log(self: &Arc<Self>, name: &ChannelName) -> usize {
        let (Some(hub), Some(settings)) = (self.hubs.get(name), self.history_settings(name)) else {
            return 0;
        };
        let keys = hub.key_bytes();
        let looked = self.on_log(&hub, settings, |log, view, todo| {
            let bytes = log.kept().map_or(0, |(_, history)| history.bytes());
            let was_owned = log.is_owned();
            log.look(view, todo);
            match was_owned && !log.is_owned() {
                true => bytes.saturating_add(keys),
                false => 0,
            }
        });
        // One that is gone needs nothing.
        looked.unwrap_or_default()
    }

    /// Has a log looked at that is not where it belongs, or has yet to be settled, should that
    /// have been forgotten.
    pub(in crate::session) fn look_at_amiss(&self, hub: &Hub) {
        let is_amiss = match hub.standing().0 {
            Standing::Owned => !matches!(self.across.members.home_of(hub.name()), Home::Here),
            Standing::Followed { is_whole, .. } => !is_whole,
            Standing::Unsettled => hub.has_log() || hub.needs_log(self.wheel.now()),
        };
        if is_amiss {
            self.across.homes.look_at([hub.name().clone()]);
        }
    }

    /// The others are seen differently: channels may have other homes.
    pub(in crate::session) fn look_at_all_logs(&self) {
        let hubs = self.hubs.all().into_iter();
        let names = hubs.map(|hub| hub.name().clone());
        self.across.homes.look_at(names);
    }

    /// Says to a node that this one is about to end, if it is.
    pub(in crate::session) fn say_draining(&self, peer: &PeerNode) {
        if self.across.members.drains() {
            self.across.say(peer, Kind::Draining(Draining {}));
        }
    }

    /// A node is gone.
    pub(in crate::session) fn node_went(self: &Arc<Self>, peer: &PeerNode) {
        self.on_all_logs(|log, view, todo| log.gone(peer, view, todo));
        self.look_at_all_logs();
    }

    /// Messages of a node are lost.
    pub(in crate::session) fn node_missed(self: &Arc<Self>, peer: &PeerNode) {
        self.on_all_logs(|log, _, _| log.missed(peer));
        self.look_at_all_logs();
    }

    fn on_all_logs(
        self: &Arc<Self>,
        work: impl Fn(&mut Homed<StoredPublication>, &View<'_>, &mut Vec<Todo<StoredPublication>>),
    ) {
        let mut hubs = self.hubs.all();
        // In no random order, so that a simulation repeats.
        hubs.sort_by(|one, other| one.name().cmp(other.name()));
        for hub in hubs {
            if let Some(settings) = self.history_settings(hub.name()) {
                // One that is gone needs nothing.
                let _ = self.on_log(&hub, settings, &work);
            }
        }
    }

    /// A node is about to end, and no home any more.
    pub(in crate::session) fn node_drains(&self, peer: &PeerNode) {
        self.across.members.set_drains(peer);
        self.look_at_all_logs();
    }

    /// Hands all logs over that this node owns, since it is about to end; until `deadline` at
    /// the latest.
    pub(in crate::session) async fn hand_logs_over(self: &Arc<Self>, deadline: Instant) {
        let members = &self.across.members;
        members.drain();
        let peers = members.peers();
        if peers.is_empty() {
            return;
        }
        for peer in peers.iter() {
            self.across.say(peer, Kind::Draining(Draining {}));
        }
        // First those to which something was published: of the others nobody misses anything
        // where the time is too short for all.
        let (used, unused): (Vec<_>, Vec<_>) = self.hubs.all().into_iter().partition(|hub| {
            let (_, top) = hub.standing();
            top.is_some_and(|top| top.offset > 0)
        });
        let names = |hubs: Vec<Arc<Hub>>| hubs.into_iter().map(|hub| hub.name().clone());
        self.across.homes.look_at(names(used));
        let mut unused = Some(unused);
        let now = Instant::now();
        let deadline = deadline.min(now + LONGEST);
        // Logs that are on their way here come before the answers of those who know.
        let asked = peers.iter().filter_map(|peer| {
            let asked = self
                .across
                .begin_asking(peer, ask::What::Usage(AskUsage {}));
            let within = KNOWN.min(deadline.saturating_duration_since(now));
            asked.ok().map(|asked| asked.answered(within))
        });
        join_all(asked).await;
        while Instant::now() < deadline {
            let (is_due, _) = self.across.homes.are_left();
            match unused.take_if(|_| !is_due) {
                Some(unused) => self.across.homes.look_at(names(unused)),
                None if is_due || self.hubs.all().iter().any(|hub| hub.has_log()) => {
                    sleep(NEXT).await;
                }
                None => return,
            }
        }
        tracing::warn!("histories of channels are not all handed over to other nodes");
    }
}
