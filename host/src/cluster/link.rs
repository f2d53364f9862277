//! A link that is up: moves events, and what goes with them, both ways.

use std::collections::VecDeque;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval};

use super::acks::Acks;
use super::channel::{Channel, Lost, Outgoing, unexpected};
use super::handshake::{INTEREST_KNOWN_SINCE, Refused};
use super::membership::gossip::LinkNews;
use super::peer::PeerTask;
use super::protocol::frame::Kind;
use super::protocol::{self, Ack, Goodbye, Gossip, Interest, InterestKnown, Ping, Pong};
use super::timing::MEASURE;

/// Most messages of the membership that wait for the network; further ones are
/// dropped, and said again by the membership.
const MAX_GOSSIP: usize = 64;

/// How a link ended.
pub(super) enum Ended {
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
    pong: Option<u64>,
    ping: Option<u64>,
    ack: bool,
    interest: Option<Interest>,
    interest_known: Option<u64>,
    gossip: VecDeque<Bytes>,
}

impl Pending {
    fn next(&mut self, received: u64) -> Option<Kind> {
        if let Some(token) = self.pong.take() {
            return Some(Kind::Pong(Pong { token }));
        }
        if std::mem::take(&mut self.ack) {
            return Some(Kind::Ack(Ack { received }));
        }
        if let Some(interest) = self.interest.take() {
            return Some(Kind::Interest(interest));
        }
        if let Some(version) = self.interest_known.take() {
            return Some(Kind::InterestKnown(InterestKnown { version }));
        }
        if let Some(token) = self.ping.take() {
            return Some(Kind::Ping(Ping { token }));
        }
        let message = self.gossip.pop_front()?;
        Some(Kind::Gossip(Gossip { message }))
    }

    fn is_empty(&self) -> bool {
        self.pong.is_none()
            && self.ping.is_none()
            && !self.ack
            && self.interest.is_none()
            && self.interest_known.is_none()
            && self.gossip.is_empty()
    }
}

/// The part of a peer's task that runs while its link is up.
pub(super) struct Link<'p> {
    task: &'p mut PeerTask,
    pending: Pending,
    measure: Interval,
    /// The last ping, and when it was sent.
    ping: (u64, Instant),
    acks: Acks,
    /// What the other side was asked for last.
    asked: Interest,
    /// Whether it has said that it knows.
    asked_known: bool,
}

impl<'p> Link<'p> {
    /// Goes on with a connection whose two sides have resumed. `asked` is what the
    /// other side was asked for on the way; `heard` is the version of what it asked
    /// for itself.
    pub(super) fn new(task: &'p mut PeerTask, asked: Interest, heard: u64) -> Self {
        let mut measure = interval(MEASURE);
        measure.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut link = Self {
            acks: Acks::new(task.inbox.received()),
            task,
            pending: Pending::default(),
            measure,
            ping: (0, Instant::now()),
            asked,
            asked_known: false,
        };
        link.heard(heard);
        link.presume_known();
        link
    }

    /// Runs until the link ends one way or the other.
    pub(super) async fn run(mut self, mut channel: Channel) -> Ended {
        let ended = self.exchange(&mut channel).await;
        self.task.receiving().1.report_gaps();
        let ended = ended.unwrap_or_else(Ended::Lost);
        match &ended {
            Ended::Lost(Lost::Refuses(refused)) => channel.refuse(refused).await,
            Ended::Lost(Lost::Superseded) => {
                let refused = self.task.wires.superseded.refusal(&self.task.peer);
                channel.refuse(&refused).await;
            }
            Ended::Stopped => channel.part(Kind::Goodbye(Goodbye {})).await,
            Ended::Lost(_) | Ended::Left => {}
        }
        ended
    }

    async fn exchange(&mut self, channel: &mut Channel) -> Result<Ended, Lost> {
        let Channel { incoming, outgoing } = channel;
        let mut interest = self.task.context.bus.interest().watch();
        if *interest.borrow_and_update() != self.asked.version {
            self.ask();
        }
        loop {
            let stopping = self.task.wires.stop.is_cancelled();
            if stopping && self.acks.owed() {
                self.acknowledge();
            }
            self.send(outgoing)?;
            if stopping && self.pending.is_empty() && self.task.outbox.is_empty() {
                return Ok(Ended::Stopped);
            }
            let room = outgoing.has_room();
            tokio::select! {
                biased;
                kind = incoming.recv() => {
                    if let Some(ended) = self.handle(kind?)? {
                        return Ok(ended);
                    }
                }
                freed = outgoing.room(), if !room => freed?,
                ready = self.task.outbox.ready(), if room => {
                    if ready.is_err() {
                        return Ok(Ended::Stopped);
                    }
                }
                _ = interest.changed() => self.ask(),
                Some(message) = self.task.wires.messages.recv() => {
                    if self.pending.gossip.len() < MAX_GOSSIP {
                        self.pending.gossip.push_back(message);
                    }
                }
                Some(offer) = self.task.wires.offers.recv() => {
                    if let Some(offer) = self.task.replaces(offer) {
                        self.task.next = Some(offer);
                        return Err(Lost::Replaced);
                    }
                }
                () = self.acks.due() => self.acknowledge(),
                _ = self.measure.tick() => self.measure(),
                () = self.task.wires.superseded.cancelled() => return Err(Lost::Superseded),
                () = self.task.wires.stop.cancelled(), if !stopping => {}
            }
        }
    }

    /// Sends what is to be sent, as far as there is room for it, but only one frame
    /// of events, so that what is received gets its turn.
    fn send(&mut self, outgoing: &Outgoing) -> Result<(), Lost> {
        let received = self.task.inbox.received();
        while outgoing.has_room() {
            let (kind, last) = match self.pending.next(received) {
                Some(kind) => (kind, false),
                None => match self.task.outbox.next() {
                    Some(events) => (Kind::Events(events), true),
                    None => break,
                },
            };
            if !outgoing.try_send(kind) {
                return Err(Lost::Ended);
            }
            if last {
                break;
            }
        }
        self.task.note_sent();
        Ok(())
    }

    fn handle(&mut self, kind: Kind) -> Result<Option<Ended>, Lost> {
        match kind {
            Kind::Events(events) => self.receive(&events)?,
            Kind::Ack(Ack { received }) => {
                let acknowledged = self.task.outbox.acknowledge(received);
                acknowledged.map_err(|error| Refused::Protocol(error.to_string()))?;
            }
            Kind::Ping(Ping { token }) => self.pending.pong = Some(token),
            Kind::Pong(Pong { token }) => self.round_trip(token),
            Kind::Interest(interest) => self.heed(&interest)?,
            Kind::InterestKnown(InterestKnown { version }) => {
                if version == self.asked.version {
                    self.asked_known = true;
                }
                self.known(version);
            }
            Kind::Gossip(Gossip { message }) => {
                let from = self.task.member();
                // Dropped when the membership does not keep up; it says all again.
                let _ = self
                    .task
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

    fn receive(&mut self, events: &protocol::Events) -> Result<(), Lost> {
        let (inbox, mut deliver) = self.task.receiving();
        let taken = inbox.take(events, deliver.origin(), &mut deliver);
        deliver.flush();
        // What is owed is due later, unless it is much.
        if self.acks.owe(events, self.task.inbox.received()) {
            self.acknowledge();
        }
        taken.map_err(|error| Refused::Protocol(error.to_string()).into())
    }

    fn acknowledge(&mut self) {
        self.pending.ack = true;
        self.acks.settle(self.task.inbox.received());
    }

    /// The other side says what it wants.
    fn heed(&mut self, interest: &Interest) -> Result<(), Refused> {
        self.task.heed(interest)?;
        self.heard(interest.version);
        Ok(())
    }

    fn heard(&mut self, version: u64) {
        if self.task.peer.minor >= INTEREST_KNOWN_SINCE {
            self.pending.interest_known = Some(version);
        }
    }

    /// This node's interest has changed: asks the other side for it.
    fn ask(&mut self) {
        let interest = self.task.interest();
        if interest.filters == self.asked.filters && self.asked_known {
            self.known(interest.version);
            return;
        }
        self.asked = interest.clone();
        self.asked_known = false;
        self.pending.interest = Some(interest);
        self.presume_known();
    }

    /// A node of version 1.0 does not say when it knows.
    fn presume_known(&mut self) {
        if self.task.peer.minor < INTEREST_KNOWN_SINCE {
            self.asked_known = true;
            self.known(self.asked.version);
        }
    }

    fn known(&self, version: u64) {
        let known = &self.task.node.figures.interest_known;
        known.fetch_max(version, Ordering::Relaxed);
        self.task.context.directory.note();
    }

    fn measure(&mut self) {
        self.task.receiving().1.report_gaps();
        self.ping = (self.ping.0 + 1, Instant::now());
        self.pending.ping = Some(self.ping.0);
    }

    fn round_trip(&mut self, token: u64) {
        if token == self.ping.0 {
            let elapsed = self.ping.1.elapsed().as_micros();
            let elapsed = u64::try_from(elapsed).unwrap_or(u64::MAX).max(1);
            let figures = &self.task.node.figures;
            figures.round_trip.store(elapsed, Ordering::Relaxed);
        }
    }
}
