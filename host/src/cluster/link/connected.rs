//! A link that is up: moves events, and what goes with them, both ways.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use tokio::sync::watch;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval, sleep_until};

use super::acks::Acks;
use super::inputs::PeerInputs;
use super::interest::Asked;
use super::session::Session;
use super::told::Told;
use crate::cluster::membership::gossip::LinkNews;
use crate::cluster::timing::{GATHER, MEASURE, SILENCE};
use crate::cluster::wire::channel::{Channel, Lost, Outgoing, unexpected};
use crate::cluster::wire::protocol::frame::Kind;
use crate::cluster::wire::protocol::{
    Ack, Events, Goodbye, Gossip, Interest, InterestKnown, Ping, Pong, Skip,
};
use crate::cluster::wire::refused::Refused;
use crate::cluster::wire::traffic::Silence;

/// Most messages of the membership that wait for the network; further ones are
/// dropped, and said again by the membership.
const MAX_GOSSIP: usize = 64;

/// Frames that are received or sent one after the other before whatever else there is to do
/// gets a turn: they could come without end.
const FRAMES_AT_ONCE: usize = 32;

/// How a link ended.
pub(in crate::cluster) enum Ended {
    /// It broke.
    Lost(Lost),
    /// The other side said goodbye.
    Left,
    /// This side said goodbye.
    Stopped,
}

/// What is to be sent besides events. It does not grow, however slow the network.
#[derive(Default)]
struct Pending {
    skip: Option<Skip>,
    pong: Option<u64>,
    ping: Option<u64>,
    ack: bool,
    ask: bool,
    interest_known: Option<u64>,
    gossip: VecDeque<Bytes>,
}

impl Pending {
    fn is_empty(&self) -> bool {
        self.skip.is_none()
            && self.pong.is_none()
            && self.ping.is_none()
            && !self.ack
            && !self.ask
            && self.interest_known.is_none()
            && self.gossip.is_empty()
    }
}

/// What the two sides said when they resumed.
pub(in crate::cluster) struct Resumed {
    /// What the other side was asked for.
    pub(in crate::cluster) asked: Asked,
    /// The version of what the other side asked for.
    pub(in crate::cluster) heard: u64,
    /// What the other side has to be told before it gets events.
    pub(in crate::cluster) skip: Option<Skip>,
}

/// A session while there is a connection for it.
pub(in crate::cluster) struct Link<'s> {
    session: &'s mut Session,
    inputs: &'s mut PeerInputs,
    pending: Pending,
    /// Events that wait for what goes before them.
    held: Option<Events>,
    measure: Interval,
    silence: Silence,
    /// The last ping, and when it was sent.
    ping: (u64, Instant),
    acks: Acks,
    /// Which channels this node has.
    told: Told,
    /// Changes when this node's wishes do.
    wishes: watch::Receiver<u64>,
    /// What the other side was asked for.
    asked: Asked,
    /// When to ask again, if there is something to ask for.
    ask_at: Option<Instant>,
    /// When it was asked last.
    last_asked: Instant,
    /// Frames since something else had a turn.
    frames: usize,
}

impl<'s> Link<'s> {
    /// Goes on with a connection whose two sides have resumed.
    pub(in crate::cluster) fn new(
        session: &'s mut Session,
        inputs: &'s mut PeerInputs,
        channel: &Channel,
        resumed: Resumed,
    ) -> Self {
        let mut measure = interval(MEASURE);
        measure.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self {
            acks: Acks::new(session.inbox.received()),
            wishes: session.context.bus.interest().watch(),
            told: Told::new(&session.context.hosting, session.peer.minor),
            session,
            inputs,
            pending: Pending {
                skip: resumed.skip,
                interest_known: Some(resumed.heard),
                // What has changed on the way, or was too much to say there.
                ask: true,
                ..Pending::default()
            },
            held: None,
            measure,
            silence: Silence::new(Arc::clone(&channel.incoming.traffic)),
            ping: (0, Instant::now()),
            asked: resumed.asked,
            ask_at: None,
            last_asked: Instant::now(),
            frames: 0,
        }
    }

    /// Runs until the link ends one way or the other.
    pub(in crate::cluster) async fn run(mut self, mut channel: Channel) -> Ended {
        let ended = self.exchange(&mut channel).await;
        self.session.report_gaps();
        let ended = ended.unwrap_or_else(Ended::Lost);
        match &ended {
            Ended::Lost(Lost::Refuses(refused)) => channel.refuse(refused).await,
            Ended::Lost(Lost::Superseded) => {
                let refused = self.inputs.superseded.refusal(&self.session.peer);
                channel.refuse(&refused).await;
            }
            Ended::Stopped => channel.part(Kind::Goodbye(Goodbye {})).await,
            Ended::Lost(_) | Ended::Left => {}
        }
        ended
    }

    async fn exchange(&mut self, channel: &mut Channel) -> Result<Ended, Lost> {
        let Channel {
            incoming, outgoing, ..
        } = channel;
        loop {
            let stopping = self.inputs.stop.is_cancelled();
            if stopping && self.acks.owed() {
                self.acknowledge();
            }
            self.send(outgoing)?;
            if stopping && self.pending.is_empty() && self.session.outbox.is_empty() {
                return Ok(Ended::Stopped);
            }
            let room = outgoing.has_room();
            let enough = self.frames >= FRAMES_AT_ONCE;
            self.frames = if enough { 0 } else { self.frames + 1 };
            tokio::select! {
                biased;
                kind = incoming.recv(), if !enough => {
                    if let Some(ended) = self.handle(kind?)? {
                        return Ok(ended);
                    }
                }
                freed = outgoing.room(), if !room => freed?,
                ready = self.session.outbox.ready(), if room && !enough => {
                    if ready.is_err() {
                        return Ok(Ended::Stopped);
                    }
                }
                _ = self.wishes.changed(), if self.ask_at.is_none() => {
                    self.ask_at = Some(self.last_asked + GATHER);
                }
                () = until(self.ask_at) => {
                    self.ask_at = None;
                    self.pending.ask = true;
                }
                Some(message) = self.inputs.messages.recv() => {
                    if self.pending.gossip.len() < MAX_GOSSIP {
                        self.pending.gossip.push_back(message);
                    }
                }
                Some(offer) = self.inputs.offers.recv() => {
                    if self.inputs.offers.replaces(offer) {
                        return Err(Lost::Replaced);
                    }
                }
                () = self.told.changed() => self.told.look(),
                () = self.acks.due() => self.acknowledge(),
                _ = self.measure.tick() => self.measure(),
                () = self.silence.too_long() => return Err(Lost::Silent(SILENCE)),
                () = self.inputs.superseded.cancelled() => return Err(Lost::Superseded),
                () = self.inputs.stop.cancelled(), if !stopping => {}
                () = std::future::ready(()), if enough => {}
            }
        }
    }

    /// Sends what is to be sent, as far as there is room for it, but only one frame
    /// of events, so that what is received gets its turn.
    fn send(&mut self, outgoing: &Outgoing) -> Result<(), Lost> {
        while outgoing.has_room()
            && let Some(kind) = self.next()
        {
            let last = matches!(kind, Kind::Events(_));
            if !outgoing.try_send(kind) {
                return Err(Lost::Ended);
            }
            if last {
                break;
            }
        }
        self.session.note_sent();
        Ok(())
    }

    /// What is to be sent next.
    fn next(&mut self) -> Option<Kind> {
        if let Some(kind) = self.next_pending() {
            return Some(kind);
        }
        let events = match self.held.take() {
            Some(events) => events,
            None => self.session.outbox.next()?,
        };
        // Who published one of them may wait for an answer, and did so before: the other
        // side must know that before it hears what is to be answered.
        if (self.ask_at.is_some() || self.wishes.has_changed().unwrap_or(false))
            && let Some(kind) = self.ask()
        {
            self.held = Some(events);
            return Some(kind);
        }
        Some(Kind::Events(events))
    }

    fn next_pending(&mut self) -> Option<Kind> {
        let pending = &mut self.pending;
        if let Some(skip) = pending.skip.take() {
            return Some(Kind::Skip(skip));
        }
        if let Some(token) = pending.pong.take() {
            return Some(Kind::Pong(Pong { token }));
        }
        if std::mem::take(&mut pending.ack) {
            let received = self.session.inbox.received();
            return Some(Kind::Ack(Ack { received }));
        }
        if let Some(version) = pending.interest_known.take() {
            return Some(Kind::InterestKnown(InterestKnown { version }));
        }
        if let Some(token) = pending.ping.take() {
            return Some(Kind::Ping(Ping { token }));
        }
        if std::mem::take(&mut pending.ask)
            && let Some(kind) = self.ask()
        {
            return Some(kind);
        }
        if let Some(channels) = self.told.next() {
            return Some(Kind::Channels(channels));
        }
        let message = self.pending.gossip.pop_front()?;
        Some(Kind::Gossip(Gossip { message }))
    }

    fn handle(&mut self, kind: Kind) -> Result<Option<Ended>, Lost> {
        match kind {
            Kind::Events(events) => self.receive(&events)?,
            Kind::Ack(Ack { received }) => {
                let acknowledged = self.session.outbox.acknowledge(received);
                acknowledged.map_err(|error| Refused::Protocol(error.to_string()))?;
            }
            Kind::Ping(Ping { token }) => self.pending.pong = Some(token),
            Kind::Pong(Pong { token }) => self.round_trip(token),
            Kind::Interest(Interest { version, filters }) => {
                self.session.heed(|wanted| wanted.replace(&filters))?;
                self.pending.interest_known = Some(version);
            }
            Kind::InterestChange(change) => {
                self.session.heed(|wanted| wanted.change(&change))?;
                self.pending.interest_known = Some(change.version);
            }
            Kind::InterestKnown(InterestKnown { version }) => {
                let version = self.asked.confirm(version);
                self.session
                    .context
                    .directory
                    .knows(&self.session.node, version);
            }
            Kind::Skip(skip) => self.skip(&skip)?,
            Kind::Channels(channels) => {
                let directory = &self.session.context.directory;
                directory.hear_channels(&self.session.node, channels);
            }
            Kind::Gossip(Gossip { message }) => {
                let from = self.session.member();
                // Dropped when the membership does not keep up; it says all again.
                let _ = self
                    .session
                    .context
                    .news
                    .try_send(LinkNews::Message { from, message });
            }
            Kind::Goodbye(Goodbye {}) => return Ok(Some(Ended::Left)),
            Kind::Hello(_) | Kind::Resume(_) | Kind::Refusal(_) => {
                return Err(unexpected(&kind, "what goes over a link that is up").into());
            }
        }
        Ok(None)
    }

    fn receive(&mut self, events: &Events) -> Result<(), Lost> {
        let taken = self
            .session
            .take_in(|inbox, deliver| inbox.take(events, deliver.origin(), deliver));
        // What is owed is due later, unless it is much.
        if self.acks.owe(events, self.session.inbox.received()) {
            self.acknowledge();
        }
        taken.map_err(|error| Refused::Protocol(error.to_string()).into())
    }

    fn acknowledge(&mut self) {
        self.pending.ack = true;
        self.acks.settle(self.session.inbox.received());
    }

    /// The other side does not send all again that this one has forgotten.
    fn skip(&mut self, skip: &Skip) -> Result<(), Refused> {
        let skipped = self
            .session
            .take_in(|inbox, deliver| inbox.skip(skip.after, skip.unsure, deliver));
        skipped.map_err(|error| Refused::Protocol(error.to_string()))?;
        self.acknowledge();
        Ok(())
    }

    /// This node's wishes have changed: what to ask the other side for, if it is
    /// concerned.
    fn ask(&mut self) -> Option<Kind> {
        self.wishes.mark_unchanged();
        self.ask_at = None;
        self.last_asked = Instant::now();
        let context = &self.session.context;
        let asked = &mut self.asked;
        let kind = context.bus.interest().look(|wishes| asked.ask(wishes));
        if let Some(version) = self.asked.known() {
            context.directory.knows(&self.session.node, version);
        }
        kind
    }

    fn measure(&mut self) {
        self.session.report_gaps();
        self.ping = (self.ping.0 + 1, Instant::now());
        self.pending.ping = Some(self.ping.0);
    }

    fn round_trip(&mut self, token: u64) {
        if token == self.ping.0 {
            let elapsed = self.ping.1.elapsed().as_micros();
            let elapsed = u64::try_from(elapsed).unwrap_or(u64::MAX).max(1);
            let figures = &self.session.node.figures;
            figures.round_trip.store(elapsed, Ordering::Relaxed);
        }
    }
}

async fn until(at: Option<Instant>) {
    match at {
        Some(at) => sleep_until(at).await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests;
