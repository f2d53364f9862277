//! A link that is up: moves events, and what goes with them, both ways.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use tokio::sync::watch;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval, sleep_until};

use super::acks::Acks;
use super::interest::Asked;
use super::peer::PeerTask;
use crate::cluster::membership::gossip::LinkNews;
use crate::cluster::timing::{GATHER, MEASURE, SILENCE};
use crate::cluster::wire::channel::{Channel, Lost, Outgoing, unexpected};
use crate::cluster::wire::handshake::Refused;
use crate::cluster::wire::protocol::frame::Kind;
use crate::cluster::wire::protocol::{
    Ack, Events, Goodbye, Gossip, Interest, InterestKnown, Ping, Pong, Skip,
};
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

/// The part of a peer's task that runs while its link is up.
pub(in crate::cluster) struct Link<'p> {
    task: &'p mut PeerTask,
    pending: Pending,
    /// Events that wait for what goes before them.
    held: Option<Events>,
    measure: Interval,
    silence: Silence,
    /// The last ping, and when it was sent.
    ping: (u64, Instant),
    acks: Acks,
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

impl<'p> Link<'p> {
    /// Goes on with a connection whose two sides have resumed. `asked` is what the
    /// other side was asked for on the way.
    pub(in crate::cluster) fn new(task: &'p mut PeerTask, channel: &Channel, asked: Asked) -> Self {
        let mut measure = interval(MEASURE);
        measure.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self {
            acks: Acks::new(task.inbox.received()),
            wishes: task.context.bus.interest().watch(),
            task,
            // What has changed on the way, or was too much to say there.
            pending: Pending {
                ask: true,
                ..Pending::default()
            },
            held: None,
            measure,
            silence: Silence::new(Arc::clone(&channel.incoming.traffic)),
            ping: (0, Instant::now()),
            asked,
            ask_at: None,
            last_asked: Instant::now(),
            frames: 0,
        }
    }

    /// `heard` is the version of what the other side asked for, and `skip` what it has to
    /// be told before it gets events.
    pub(in crate::cluster) fn begin(mut self, heard: u64, skip: Option<Skip>) -> Self {
        self.pending.interest_known = Some(heard);
        self.pending.skip = skip;
        self
    }

    /// Runs until the link ends one way or the other.
    pub(in crate::cluster) async fn run(mut self, mut channel: Channel) -> Ended {
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
        let Channel {
            incoming, outgoing, ..
        } = channel;
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
                ready = self.task.outbox.ready(), if room && !enough => {
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
                () = self.silence.too_long() => return Err(Lost::Silent(SILENCE)),
                () = self.task.wires.superseded.cancelled() => return Err(Lost::Superseded),
                () = self.task.wires.stop.cancelled(), if !stopping => {}
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
        self.task.note_sent();
        Ok(())
    }

    /// What is to be sent next.
    fn next(&mut self) -> Option<Kind> {
        if let Some(kind) = self.next_pending() {
            return Some(kind);
        }
        let events = match self.held.take() {
            Some(events) => events,
            None => self.task.outbox.next()?,
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
            let received = self.task.inbox.received();
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
        let message = self.pending.gossip.pop_front()?;
        Some(Kind::Gossip(Gossip { message }))
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
            Kind::Interest(Interest { version, filters }) => {
                self.task.heed(|wanted| wanted.replace(&filters))?;
                self.pending.interest_known = Some(version);
            }
            Kind::InterestChange(change) => {
                self.task.heed(|wanted| wanted.change(&change))?;
                self.pending.interest_known = Some(change.version);
            }
            Kind::InterestKnown(InterestKnown { version }) => {
                let version = self.asked.confirm(version);
                self.task.context.directory.knows(&self.task.node, version);
            }
            Kind::Skip(skip) => self.skip(&skip)?,
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

    fn receive(&mut self, events: &Events) -> Result<(), Lost> {
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

    /// The other side does not send all again that this one has forgotten.
    fn skip(&mut self, skip: &Skip) -> Result<(), Refused> {
        let (inbox, mut deliver) = self.task.receiving();
        let skipped = inbox.skip(skip.after, skip.unsure, &mut deliver);
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
        let context = &self.task.context;
        let asked = &mut self.asked;
        let kind = context.bus.interest().look(|wishes| asked.ask(wishes));
        if let Some(version) = self.asked.known() {
            context.directory.knows(&self.task.node, version);
        }
        kind
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

async fn until(at: Option<Instant>) {
    match at {
        Some(at) => sleep_until(at).await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use futures_util::{StreamExt, stream};
    use http_body_util::StreamBody;
    use hyper::body::Frame as BodyFrame;
    use prost::Message;
    use tokio::sync::mpsc;
    use tokio_util::sync::CancellationToken;
    use tonic::codec::Codec;
    use tonic::{Status, Streaming};
    use uuid::Uuid;

    use super::super::inbox::Inbox;
    use super::super::outbox::Outbox;
    use super::super::peer::{Context, Superseded, Wires};
    use super::*;
    use crate::bus::{Bus, BusConfig, MailboxLimits, Overflow, ReceiverKind, Subscription};
    use crate::clock::SystemClock;
    use crate::cluster::directory::{Directory, Node};
    use crate::cluster::wire::channel::{Greeted, Incoming};
    use crate::cluster::wire::handshake::{Identity, Peer};
    use crate::cluster::wire::protocol::Frame;
    use crate::cluster::wire::traffic::{Hold, Traffic};

    /// Frames that are there all at once, as over the wire; then no more come.
    fn flood(frames: impl Iterator<Item = Kind>) -> Streaming<Frame> {
        let mut bytes = Vec::new();
        for kind in frames {
            let frame = Frame { kind: Some(kind) };
            let length = u32::try_from(frame.encoded_len()).expect("small");
            bytes.push(0);
            bytes.extend_from_slice(&length.to_be_bytes());
            frame.encode(&mut bytes).expect("room");
        }
        let all = Ok::<_, Status>(BodyFrame::data(Bytes::from(bytes)));
        let body = StreamBody::new(stream::iter([all]).chain(stream::pending()));
        let mut codec = tonic_prost::ProstCodec::<Frame, Frame>::default();
        Streaming::new_request(codec.decoder(), body, None, None)
    }

    fn task(messages: mpsc::Receiver<Bytes>, offers: mpsc::Receiver<Greeted>) -> PeerTask {
        let bus = Bus::new(BusConfig {
            node: "a".into(),
            incarnation: "i".to_owned(),
            max_event_bytes: 1 << 20,
            clock: Arc::new(SystemClock),
        });
        let identity = Identity {
            cluster: "test".into(),
            node: "a".into(),
            incarnation: Uuid::from_u128(1),
            version: "0.1.0".into(),
            max_event_bytes: 1 << 20,
        };
        let peer = Peer {
            node: "b".into(),
            incarnation: Uuid::from_u128(2),
            address: "127.0.0.2:7071".into(),
            version: "0.1.0".into(),
            max_event_bytes: 1 << 20,
            minor: 2,
        };
        let receiver = Arc::new(bus.subscribe(Subscription {
            name: "link".into(),
            kind: ReceiverKind::Link,
            filters: Vec::new(),
            limits: MailboxLimits::default(),
            overflow: Overflow::DropOldest,
            partitions: 1,
        }));
        let node = Arc::new(Node::new(&peer, &receiver));
        let own_address = "127.0.0.1:7071".into();
        let context = Context {
            node: "a".into(),
            host: bus.host_publisher(),
            directory: Arc::new(Directory::new(identity, own_address, bus.clone())),
            bus,
            complaints: Arc::default(),
            news: mpsc::channel(1).0,
        };
        let wires = Wires {
            offers,
            messages,
            stop: CancellationToken::new(),
            superseded: Superseded::default(),
        };
        let outbox = Outbox::new(1, receiver, 1 << 20);
        PeerTask::new(
            Arc::new(context),
            peer,
            node,
            outbox,
            Inbox::default(),
            wires,
        )
    }

    #[tokio::test(start_paused = true)]
    async fn frames_without_end_hold_up_nothing_else() {
        const FLOOD: u32 = 10_000;
        let (say, messages) = mpsc::channel(1);
        let (_offer, offers) = mpsc::channel(1);
        say.try_send(Bytes::from_static(b"gossip")).expect("room");
        let mut task = task(messages, offers);
        let traffic = Arc::new(Traffic::default());
        let (sender, mut sent) = mpsc::channel(2 * FLOOD as usize);
        let pings = (1..=FLOOD).map(|token| {
            let token = token.into();
            Kind::Ping(Ping { token })
        });
        let channel = Channel {
            incoming: Incoming::dialled(flood(pings), Arc::clone(&traffic)),
            outgoing: Outgoing::Dialled(sender),
            hold: Hold::of(&traffic),
        };
        let interest = task.context.bus.interest();
        let (asked, _) = interest.look(|wishes| Asked::resume(&"b".into(), 2, wishes));
        let link = Link::new(&mut task, &channel, asked).begin(0, None);
        let mut answered = 0;
        let looking = async {
            let (mut gossip, mut ping) = (false, false);
            while !(gossip && ping) {
                match sent.recv().await.and_then(|frame| frame.kind) {
                    Some(Kind::Pong(_)) => answered += 1,
                    Some(Kind::Gossip(_)) => gossip = true,
                    Some(Kind::Ping(_)) => ping = true,
                    Some(_) => {}
                    None => panic!("the link goes on"),
                }
            }
        };
        tokio::select! {
            _ = link.run(channel) => panic!("the link goes on"),
            () = looking => {}
        }
        assert!(answered < 100, "after {answered} of {FLOOD} frames");
    }
}
