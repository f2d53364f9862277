//! One start of another node: a task that keeps what is sent to it and received
//! from it in order, over as many connections as it takes.

use std::sync::atomic::Ordering;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, interval, sleep, sleep_until};
use tokio_util::sync::CancellationToken;

use super::announcements::Announcer;
use super::connected::{Ended, Link};
use super::gaps::{Deliver, Gaps};
use super::inbox::{Inbox, Sink};
use super::interest::{Asked, InterestError, LinkFilters, Rerouted};
use super::outbox::Outbox;
use crate::bus::{Bus, Publisher};
use crate::cluster::directory::{Directory, Node};
use crate::cluster::membership::Address;
use crate::cluster::membership::gossip::{LinkNews, Member};
use crate::cluster::timing::{FORGET_AFTER, MEASURE, UNREACHABLE_AFTER};
use crate::cluster::wire::channel::{Channel, Greeted, Lost};
use crate::cluster::wire::complaints::Complaints;
use crate::cluster::wire::handshake::{Peer, Refused, SKIP_SINCE};
use crate::cluster::wire::protocol::frame::Kind;
use crate::cluster::wire::protocol::{Resume, Skip};

/// What all peers of a node share.
pub(in crate::cluster) struct Context {
    /// Name of this node.
    pub(in crate::cluster) node: Arc<str>,
    pub(in crate::cluster) bus: Bus,
    /// Publishes this node's own events.
    pub(in crate::cluster) host: Publisher,
    pub(in crate::cluster) directory: Arc<Directory>,
    pub(in crate::cluster) complaints: Arc<Complaints>,
    /// Where the membership hears of links.
    pub(in crate::cluster) news: mpsc::Sender<LinkNews>,
}

/// How the hub reaches a peer's task.
pub(in crate::cluster) struct Wires {
    /// Connections whose two sides know each other.
    pub(in crate::cluster) offers: mpsc::Receiver<Greeted>,
    /// Messages of the membership to the node.
    pub(in crate::cluster) messages: mpsc::Receiver<Bytes>,
    /// This node leaves.
    pub(in crate::cluster) stop: CancellationToken,
    /// The other node has started again.
    pub(in crate::cluster) superseded: Superseded,
}

/// Whether the other node has started again, and where. Clones share it.
#[derive(Clone, Debug, Default)]
pub(in crate::cluster) struct Superseded {
    cancelled: CancellationToken,
    address: Arc<OnceLock<Address>>,
}

impl Superseded {
    /// The node has started again, and is at an address.
    pub(in crate::cluster) fn by(&self, address: &Address) {
        // Fails where it has started twice: the first of them is named.
        let _ = self.address.set(Arc::clone(address));
        self.cancelled.cancel();
    }

    /// Waits until the node has started again.
    pub(in crate::cluster) async fn cancelled(&self) {
        self.cancelled.cancelled().await;
    }

    /// What an earlier start of `peer` is told.
    pub(in crate::cluster) fn refusal(&self, peer: &Peer) -> Refused {
        let here = self.address.get().map(ToString::to_string);
        Refused::Name {
            node: Arc::clone(&peer.node),
            here: here.unwrap_or_default(),
            there: peer.address.to_string(),
        }
    }
}

/// The task of one start of another node.
pub(in crate::cluster) struct PeerTask {
    pub(in crate::cluster) context: Arc<Context>,
    pub(in crate::cluster) peer: Peer,
    pub(in crate::cluster) node: Arc<Node>,
    pub(in crate::cluster) outbox: Outbox,
    pub(in crate::cluster) inbox: Inbox,
    pub(in crate::cluster) wires: Wires,
    /// The connection that takes the place of the present one.
    pub(in crate::cluster) next: Option<Greeted>,
    /// Passes on the node's events.
    publisher: Publisher,
    /// What the node wants of this one's.
    wanted: LinkFilters,
    gaps: Gaps,
    announcer: Announcer,
    /// `Resume` frames sent to the node.
    attempts: u64,
    /// `Resume` frames that the node has sent.
    their_attempts: u64,
    /// Connections that are being refused.
    parting: JoinSet<()>,
}

/// How it ended with a start of a node.
#[derive(Debug)]
pub(in crate::cluster) enum Farewell {
    /// It left, this node does, or another start has taken its place.
    Over,
    /// It has not been heard of for so long that what waits for it is thrown away;
    /// what it sent is remembered.
    Forgotten(Inbox),
}

impl PeerTask {
    pub(in crate::cluster) fn new(
        context: Arc<Context>,
        peer: Peer,
        node: Arc<Node>,
        outbox: Outbox,
        inbox: Inbox,
        wires: Wires,
    ) -> Self {
        let source = format!("/nodes/{}", peer.node);
        Self {
            publisher: context.bus.publisher(source, Arc::clone(&peer.node)),
            announcer: Announcer::new(Arc::clone(&context), Arc::clone(&node)),
            context,
            peer,
            node,
            outbox,
            inbox,
            wires,
            next: None,
            wanted: LinkFilters::default(),
            gaps: Gaps::default(),
            attempts: 0,
            their_attempts: 0,
            parting: JoinSet::new(),
        }
    }

    /// Runs until the node has left or is forgotten, has started again, or this one
    /// leaves.
    pub(in crate::cluster) async fn run(mut self, first: Greeted) -> Farewell {
        self.next = Some(first);
        loop {
            let offer = match self.next.take() {
                Some(offer) => offer,
                None => match self.wait().await {
                    Ok(offer) => offer,
                    Err(farewell) => return farewell,
                },
            };
            match self.connect(offer).await {
                Ok(Ended::Stopped) => return Farewell::Over,
                Ok(Ended::Left) => return self.left().await,
                Ok(Ended::Lost(lost)) | Err(lost) => self.announcer.lost(&self.peer, &lost).await,
            }
        }
    }

    /// Waits for a connection, and says so when there is none for too long.
    async fn wait(&mut self) -> Result<Greeted, Farewell> {
        let lost = Instant::now();
        let mut measure = interval(MEASURE);
        loop {
            let patience = if self.announcer.is_present() {
                UNREACHABLE_AFTER
            } else {
                FORGET_AFTER
            };
            tokio::select! {
                biased;
                () = self.wires.stop.cancelled() => return Err(Farewell::Over),
                () = self.wires.superseded.cancelled() => {
                    self.announcer.unreachable();
                    return Err(Farewell::Over);
                }
                offer = self.wires.offers.recv() => return offer.ok_or(Farewell::Over),
                // There is no link that it could go over.
                Some(_) = self.wires.messages.recv() => {}
                _ = measure.tick() => self.note_sent(),
                () = sleep_until(lost + patience) => {
                    if !self.announcer.unreachable() {
                        tracing::warn!(node = %self.peer.node, "not heard of for an hour; what waits for it is thrown away");
                        self.context.directory.remove(&self.node);
                        return Err(Farewell::Forgotten(self.inbox.clone()));
                    }
                }
            }
        }
    }

    /// The node said goodbye: it is shown for a while, but nothing waits for it.
    async fn left(self) -> Farewell {
        self.note_sent();
        self.announcer.left(&self.peer).await;
        let Self {
            context,
            node,
            outbox,
            wires,
            ..
        } = self;
        drop((outbox, wires.offers));
        tokio::select! {
            () = wires.stop.cancelled() => {}
            () = wires.superseded.cancelled() => {}
            () = sleep(FORGET_AFTER) => context.directory.remove(&node),
        }
        Farewell::Over
    }

    /// Takes a connection through its handshake and keeps it for as long as it
    /// holds.
    async fn connect(&mut self, greeted: Greeted) -> Result<Ended, Lost> {
        let Greeted {
            mut channel,
            peer,
            own_address,
            resume,
            ..
        } = greeted;
        let interest = self.context.bus.interest();
        let (asked, wanted) = interest.look(|wishes| Asked::resume(&peer.node, peer.minor, wishes));
        self.attempts += 1;
        let own = Resume {
            sending: self.outbox.stream(),
            receiving: self.inbox.stream(),
            received: self.inbox.received(),
            interest: Some(wanted),
            attempt: self.attempts,
        };
        channel.outgoing.send(Kind::Resume(own)).await?;
        let theirs = match resume {
            Some(resume) => resume,
            None => self.their_resume(&mut channel).await?,
        };
        self.their_attempts = self.their_attempts.max(theirs.attempt);
        self.peer = peer;
        let skip = match self.resume(&theirs) {
            Ok(skip) => skip,
            Err(refused) => {
                channel.refuse(&refused).await;
                return Err(refused.into());
            }
        };
        self.announcer.linked(&self.peer, own_address).await;
        let heard = theirs.interest.map_or(0, |interest| interest.version);
        let link = Link::new(self, &channel, asked);
        Ok(link.begin(heard, skip).run(channel).await)
    }

    /// Waits for the other side's word, having dialled. If the other side has dialled
    /// as well, both keep the connection of the node with the lower name.
    async fn their_resume(&mut self, channel: &mut Channel) -> Result<Resume, Lost> {
        let theirs = channel.incoming.recv_resume();
        tokio::pin!(theirs);
        loop {
            tokio::select! {
                biased;
                () = self.wires.superseded.cancelled() => return Err(Lost::Superseded),
                resume = &mut theirs => return resume,
                Some(offer) = self.wires.offers.recv() => {
                    if offer.resume.is_some() && self.peer.node < self.context.node {
                        self.next = Some(offer);
                        return Err(Lost::Replaced);
                    }
                    refuse(&mut self.parting, offer);
                }
            }
        }
    }

    /// Goes on where both sides stood; returns what the other side has to be told first
    /// if it does not know that.
    fn resume(&mut self, theirs: &Resume) -> Result<Option<Skip>, Refused> {
        let broken = |error: &dyn std::error::Error| Refused::Protocol(error.to_string());
        let mut skip = None;
        if theirs.receiving == self.outbox.stream() {
            let resumed = self.outbox.resume(theirs.received);
            resumed.map_err(|error| broken(&error))?;
        } else if self.peer.minor >= SKIP_SINCE {
            skip = self.outbox.skip();
        } else {
            self.outbox.resume(0).map_err(|error| broken(&error))?;
        }
        if let Some(interest) = &theirs.interest {
            self.heed(|wanted| wanted.replace(&interest.filters))?;
        }
        if let Some(gap) = self.inbox.resume(theirs.sending) {
            self.receiving().1.gap(gap);
        }
        Ok(skip)
    }

    /// The other side says what it wants, or what has changed of that.
    pub(in crate::cluster) fn heed(
        &mut self,
        change: impl FnOnce(&mut LinkFilters) -> Result<Rerouted, InterestError>,
    ) -> Result<(), Refused> {
        let rerouted = change(&mut self.wanted);
        let rerouted = rerouted.map_err(|error| Refused::Protocol(error.to_string()))?;
        self.outbox.reroute(&rerouted);
        Ok(())
    }

    /// Whether a connection takes the place of the present one: only if the other
    /// side opened it after it had given the present one up.
    pub(in crate::cluster) fn replaces(&mut self, offer: Greeted) -> Option<Greeted> {
        let later = |resume: &Resume| resume.attempt > self.their_attempts;
        if offer.resume.as_ref().is_some_and(later) {
            return Some(offer);
        }
        refuse(&mut self.parting, offer);
        None
    }

    pub(in crate::cluster) fn member(&self) -> Member {
        self.peer.member()
    }

    /// Shows how far the sending half has come.
    pub(in crate::cluster) fn note_sent(&self) {
        let figures = &self.node.figures;
        for (figure, value) in [
            (&figures.sent, self.outbox.events()),
            (&figures.dropped, self.outbox.dropped()),
            (&figures.unacknowledged, self.outbox.unacknowledged()),
        ] {
            figure.store(value, Ordering::Relaxed);
        }
    }

    /// What keeps the order of what is received, and where it goes then.
    pub(in crate::cluster) fn receiving(&mut self) -> (&mut Inbox, Deliver<'_>) {
        let host = &self.context.host;
        let deliver = Deliver::new(&self.publisher, host, &self.node, &mut self.gaps);
        (&mut self.inbox, deliver)
    }
}

/// Tells the other side that there is a link already.
fn refuse(parting: &mut JoinSet<()>, offer: Greeted) {
    while parting.try_join_next().is_some() {}
    parting.spawn(async move { offer.channel.refuse(&Refused::Linked).await });
}
