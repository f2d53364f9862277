//! What is between this node and one start of another, for as long as that may come back:
//! it outlives connections.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::context::Context;
use super::gaps::{Deliver, Gaps};
use super::inbox::{Gap, Inbox, Sink};
use super::interest::{InterestError, LinkFilters, Rerouted};
use super::outbox::Outbox;
use super::past::Past;
use crate::bus::Publisher;
use crate::cluster::directory::node::Node;
use crate::cluster::membership::Member;
use crate::cluster::wire::handshake::{Peer, SKIP_SINCE};
use crate::cluster::wire::protocol::{Resume, Skip};
use crate::cluster::wire::refused::Refused;

/// Where the two nodes stand: what was sent, what was received, and what the other wants.
pub(in crate::cluster) struct Session {
    pub(in crate::cluster) context: Arc<Context>,
    /// As it last introduced itself.
    pub(in crate::cluster) peer: Peer,
    pub(in crate::cluster) node: Arc<Node>,
    pub(in crate::cluster) outbox: Outbox,
    pub(in crate::cluster) inbox: Inbox,
    /// Passes on the node's events.
    publisher: Publisher,
    /// What the node wants of this one's.
    wanted: LinkFilters,
    gaps: Gaps,
    /// Number of the first event of what is being taken in, which is not handed on as a
    /// whole yet; nothing between two frames, unless a panic came between.
    in_hand: Option<u64>,
    /// `Resume` frames sent to the node.
    attempts: u64,
}

impl Session {
    /// A session without a connection, which goes on where the `past` one was given up.
    pub(in crate::cluster) fn new(
        context: Arc<Context>,
        peer: Peer,
        node: Arc<Node>,
        outbox: Outbox,
        past: Past,
    ) -> Self {
        let Past {
            inbox,
            last_time,
            untold,
            attempts,
        } = past;
        let source = format!("/nodes/{}", peer.node);
        Self {
            publisher: context.bus.publisher(source, Arc::clone(&peer.node)),
            context,
            peer,
            node,
            outbox,
            inbox,
            wanted: LinkFilters::default(),
            gaps: Gaps::behind(last_time),
            in_hand: untold,
            attempts,
        }
    }

    /// What is remembered when the node is forgotten, or its task has panicked.
    pub(in crate::cluster) fn past(&self) -> Past {
        let untold = [self.in_hand, self.gaps.first_untold()];
        Past {
            inbox: self.inbox.clone(),
            last_time: self.gaps.last_time(),
            untold: untold.into_iter().flatten().min(),
            attempts: self.attempts,
        }
    }

    /// Says over a new connection where this side stands, but for what it wants.
    pub(in crate::cluster) fn stand(&mut self) -> Resume {
        self.attempts += 1;
        Resume {
            sending: self.outbox.stream(),
            receiving: self.inbox.stream(),
            received: self.inbox.received(),
            interest: None,
            attempt: self.attempts,
        }
    }

    /// Goes on where both sides stood; returns what the other side has to be told first
    /// if it does not know that.
    ///
    /// # Errors
    /// [`Refused`] when the other side says what cannot be.
    pub(in crate::cluster) fn resume(&mut self, theirs: &Resume) -> Result<Option<Skip>, Refused> {
        let broken = |error: &dyn std::error::Error| Refused::Protocol(error.to_string());
        let takes_skips = self.peer.minor >= SKIP_SINCE;
        let skip = if theirs.receiving == self.outbox.stream() {
            let resumed = self.outbox.resume(theirs.received);
            resumed.map_err(|error| broken(&error))?
        } else if takes_skips {
            self.outbox.skip()
        } else {
            self.outbox.resume(0).map_err(|error| broken(&error))?
        };
        if let Some(interest) = &theirs.interest {
            self.heed(|wanted| wanted.replace(&interest.filters))?;
        }
        self.report_in_hand();
        self.take_in(|inbox, deliver| {
            if let Some(gap) = inbox.resume(theirs.sending) {
                deliver.gap(gap);
            }
        });
        Ok(skip.filter(|_| takes_skips))
    }

    /// The other side says what it wants, or what has changed of that.
    ///
    /// # Errors
    /// [`Refused`] when nobody can want that.
    pub(in crate::cluster) fn heed(
        &mut self,
        change: impl FnOnce(&mut LinkFilters) -> Result<Rerouted, InterestError>,
    ) -> Result<(), Refused> {
        let rerouted = change(&mut self.wanted);
        let rerouted = rerouted.map_err(|error| Refused::Protocol(error.to_string()))?;
        self.outbox.reroute(&rerouted);
        Ok(())
    }

    /// The node as the membership knows it.
    pub(in crate::cluster) fn member(&self) -> Member {
        Member::from(&self.peer)
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

    /// Takes in what the other side says of its stream: `take` gets what keeps the order of
    /// what is received, and where it goes then.
    pub(in crate::cluster) fn take_in<T>(
        &mut self,
        take: impl FnOnce(&mut Inbox, &mut Deliver<'_>) -> T,
    ) -> T {
        self.in_hand = Some(self.inbox.received() + 1);
        let mut deliver = Deliver::new(&self.publisher, &self.context, &self.node, &mut self.gaps);
        let taken = take(&mut self.inbox, &mut deliver);
        deliver.end();
        self.in_hand = None;
        taken
    }

    /// Reports the gaps that have not been.
    pub(in crate::cluster) fn report_gaps(&mut self) {
        let context = &self.context;
        Deliver::new(&self.publisher, context, &self.node, &mut self.gaps).report_gaps();
    }

    /// Reports, besides the gaps that have not been, what was being taken in when the link's
    /// task panicked, if it has: nobody knows how much of that was handed on.
    pub(in crate::cluster) fn report_in_hand(&mut self) {
        self.report_gaps();
        if let Some(first) = self.in_hand {
            let mut deliver =
                Deliver::new(&self.publisher, &self.context, &self.node, &mut self.gaps);
            deliver.gap(Gap { first, last: None });
            deliver.end();
            self.in_hand = None;
        }
    }
}

#[cfg(test)]
pub(super) mod tests;
