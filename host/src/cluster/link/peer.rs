//! One start of another node: a task that keeps what is sent to it and received
//! from it in order, over as many connections as it takes.

use std::panic::AssertUnwindSafe;

use futures_util::FutureExt;
use tokio::time::{Instant, interval, sleep, sleep_until};

use super::announcements::Announcer;
use super::connected::{Ended, Link, Resumed};
use super::inputs::PeerInputs;
use super::interest::Asked;
use super::past::Past;
use super::session::Session;
use crate::cluster::timing::{FORGET_AFTER, LINKING, MEASURE, UNREACHABLE_AFTER};
use crate::cluster::wire::channel::{Channel, Greeted, Lost};
use crate::cluster::wire::protocol::Resume;
use crate::cluster::wire::protocol::frame::Kind;

/// The task of one start of another node.
pub(in crate::cluster) struct PeerTask {
    inputs: PeerInputs,
    announcer: Announcer,
}

/// How it ended with a start of a node.
#[derive(Debug)]
pub(in crate::cluster) enum PeerEnd {
    /// It left, this node does, or another start has taken its place.
    Over,
    /// It has not been heard of for so long that what waits for it is thrown away, or the
    /// task has panicked; this is remembered.
    Forgotten(Past),
}

/// Why there is nothing more to do for a start of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Done {
    /// It said goodbye.
    Left,
    /// This node leaves, or another start has taken its place.
    Over,
    /// It has not been heard of for too long.
    Forgotten,
}

impl PeerTask {
    /// A task that hears of the hub by `inputs`, the first connection among them.
    pub(in crate::cluster) fn new(inputs: PeerInputs, announcer: Announcer) -> Self {
        Self { inputs, announcer }
    }

    /// Runs until the node has left or is forgotten, has started again, or this one
    /// leaves.
    pub(in crate::cluster) async fn run(mut self, mut session: Session) -> PeerEnd {
        // What is left half-way by a panic is not gone on with: a new task begins anew, where
        // the session stood.
        let done = AssertUnwindSafe(self.link(&mut session)).catch_unwind();
        match done.await {
            Ok(Done::Left) => self.left(session).await,
            Ok(Done::Over) => PeerEnd::Over,
            Ok(Done::Forgotten) => PeerEnd::Forgotten(session.past()),
            Err(_) => self.panicked(session).await,
        }
    }

    /// Links again and again, as long as the node may come back.
    async fn link(&mut self, session: &mut Session) -> Done {
        let mut apart_since = Instant::now();
        loop {
            let offer = match self.inputs.offers.next() {
                Some(offer) => offer,
                None => match self.wait(session, apart_since).await {
                    Ok(offer) => offer,
                    Err(done) => return done,
                },
            };
            let ended = match self.resume(session, offer, apart_since).await {
                Ok((channel, resumed)) => {
                    let link = Link::new(session, &mut self.inputs, &channel, resumed);
                    let ended = link.run(channel).await;
                    apart_since = Instant::now();
                    ended
                }
                Err(lost) => Ended::Lost(lost),
            };
            match ended {
                Ended::Stopped => return Done::Over,
                Ended::Left => {
                    session.note_sent();
                    self.announcer.left(&session.peer).await;
                    return Done::Left;
                }
                Ended::Lost(lost) => self.announcer.lost(&session.peer, &lost).await,
            }
        }
    }

    /// Waits for a connection, and says so when there has been no link for too long.
    async fn wait(&mut self, session: &Session, apart_since: Instant) -> Result<Greeted, Done> {
        let mut measure = interval(MEASURE);
        loop {
            let next_wait = self.announcer.next_wait(UNREACHABLE_AFTER);
            let next_wait = next_wait.unwrap_or(FORGET_AFTER);
            tokio::select! {
                biased;
                () = self.inputs.stop.cancelled() => return Err(Done::Over),
                () = self.inputs.superseded.cancelled() => {
                    self.announcer.superseded();
                    return Err(Done::Over);
                }
                offer = self.inputs.offers.recv() => return offer.ok_or(Done::Over),
                // There is no link that it could go over.
                Some(_) = self.inputs.messages.recv() => {}
                _ = measure.tick() => session.note_sent(),
                () = sleep_until(apart_since + next_wait) => {
                    if !self.announcer.missed() {
                        tracing::warn!(node = %session.peer.node, "not heard of for an hour; what waits for it is thrown away");
                        session.context.directory.remove(&session.node);
                        return Err(Done::Forgotten);
                    }
                }
            }
        }
    }

    /// The task has panicked, which is a mistake in this program. Says what may be missing of
    /// the node's events, and that there is no link any more; of this node's, the other side
    /// learns it when another stream begins.
    async fn panicked(mut self, mut session: Session) -> PeerEnd {
        tracing::error!(node = %session.peer.node, "linking ended unexpectedly, and begins anew");
        let tell = async {
            session.report_in_hand();
            self.announcer.lost(&session.peer, &Lost::Panicked).await;
            while self.announcer.missed() {}
        };
        if AssertUnwindSafe(tell).catch_unwind().await.is_err() {
            tracing::error!(node = %session.peer.node, "could not tell what may be missing");
        }
        session.context.directory.remove(&session.node);
        PeerEnd::Forgotten(session.past())
    }

    /// The node said goodbye: it is shown for a while, but nothing waits for it.
    async fn left(mut self, session: Session) -> PeerEnd {
        let Session {
            context,
            node,
            outbox,
            ..
        } = session;
        drop(outbox);
        self.inputs.offers.close();
        tokio::select! {
            () = self.inputs.stop.cancelled() => {}
            () = self.inputs.superseded.cancelled() => {}
            () = sleep(FORGET_AFTER) => context.directory.remove(&node),
        }
        PeerEnd::Over
    }

    /// Takes a connection through the second half of the handshake: both sides say where
    /// they stand. Says so when that takes too long, too: nothing may come of it.
    async fn resume(
        &mut self,
        session: &mut Session,
        greeted: Greeted,
        apart_since: Instant,
    ) -> Result<(Channel, Resumed), Lost> {
        let Greeted {
            mut channel,
            peer,
            own_address,
            resume,
            ..
        } = greeted;
        let interest = session.context.bus.interest();
        let (asked, wanted) = interest.look(|wishes| Asked::resume(&peer.node, peer.minor, wishes));
        let own = Resume {
            interest: Some(wanted),
            ..session.stand()
        };
        let theirs = {
            let Self { inputs, announcer } = self;
            let exchange = async {
                channel.outgoing.send(Kind::Resume(own)).await?;
                match resume {
                    Some(resume) => Ok(resume),
                    None => their_resume(inputs, session, &mut channel).await,
                }
            };
            tokio::pin!(exchange);
            loop {
                let next_wait = announcer.next_wait(LINKING);
                tokio::select! {
                    biased;
                    theirs = &mut exchange => break theirs?,
                    () = sleep_until(apart_since + next_wait.unwrap_or_default()), if next_wait.is_some() => {
                        announcer.missed();
                    }
                }
            }
        };
        self.inputs.offers.resumed(&theirs);
        session.peer = peer;
        let skip = match session.resume(&theirs) {
            Ok(skip) => skip,
            Err(refused) => {
                channel.refuse(&refused).await;
                return Err(refused.into());
            }
        };
        self.announcer.linked(&session.peer, own_address).await;
        let heard = theirs.interest.map_or(0, |interest| interest.version);
        Ok((channel, Resumed { asked, heard, skip }))
    }
}

/// Waits for the other side's word, having dialled. If the other side has dialled as well, both
/// keep the connection of the node with the lower name.
async fn their_resume(
    inputs: &mut PeerInputs,
    session: &Session,
    channel: &mut Channel,
) -> Result<Resume, Lost> {
    let theirs = channel.incoming.recv_resume();
    tokio::pin!(theirs);
    loop {
        tokio::select! {
            biased;
            () = inputs.superseded.cancelled() => return Err(Lost::Superseded),
            resume = &mut theirs => return resume,
            Some(offer) = inputs.offers.recv() => {
                if inputs.offers.goes_first(offer, &session.context.node) {
                    return Err(Lost::Replaced);
                }
            }
        }
    }
}
