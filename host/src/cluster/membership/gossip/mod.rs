//! Nodes that other nodes tell about: joining through any one finds all.
//!
//! The nodes speak SWIM: each asks a random other one now and then whether it is
//! alive, has others ask where no answer comes, and spreads what it finds out
//! along with all it says. Whoever does not answer is suspected, and declared down
//! unless it objects in time.
//!
//! The messages travel over the links between the nodes, so they are as private
//! and as authentic as these, and need no port of their own. [`Gossip`] does no
//! I/O: [`LinkNews`] tells it what the links see, and it hands out messages to
//! send as [`Outgoing`]. What it finds is whom to dial. Whether a node can be
//! reached, and which incarnation of it runs, the links know better.

mod identity;
mod message;
mod news;
mod swim;
mod timers;

use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until};
use uuid::Uuid;

use super::{Address, Candidates, Member, Membership};
use crate::cluster::wire::network::BoxFuture;
use identity::Identity;
use swim::Swim;

pub use message::MAX_MESSAGE_BYTES;
pub use news::{LinkNews, Outgoing};

/// How often nodes are greeted that have a link and yet do not count as alive:
/// because the greeting was lost, or because one of the two nodes was declared
/// down while they could not reach each other.
const GREETING_INTERVAL: Duration = Duration::from_secs(1);

/// Who this node is.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Name of the node: 1 to 255 visible ASCII characters.
    pub node: Arc<str>,
    /// Unlike that of every other start of the node: a UUID of version 7.
    pub incarnation: Uuid,
    /// Where other nodes reach this one: 1 to 261 visible ASCII characters. Where it
    /// is unknown, the first link that comes up tells it, and nothing is said
    /// before.
    pub address: Option<Address>,
    /// What every random choice follows from.
    pub seed: u64,
}

/// Membership by gossip.
#[derive(Debug)]
pub struct Gossip {
    settings: Settings,
    news: mpsc::Receiver<LinkNews>,
    outgoing: mpsc::Sender<Outgoing>,
    candidates: watch::Sender<Candidates>,
}

impl Gossip {
    /// Learns of the links from `news` and puts what it has to say into `outgoing`.
    /// A message for which there is no room is dropped: whatever it said will be
    /// said again. A few messages for each node are room enough.
    #[must_use]
    pub fn new(
        settings: Settings,
        news: mpsc::Receiver<LinkNews>,
        outgoing: mpsc::Sender<Outgoing>,
    ) -> Self {
        Self {
            settings,
            news,
            outgoing,
            candidates: watch::Sender::default(),
        }
    }

    /// Finds out this node's address. `None` when the news end before.
    async fn introduce(&mut self) -> Option<Swim> {
        let mut first = None;
        let address = loop {
            if let Some(address) = &self.settings.address {
                break address.clone();
            }
            match self.news.recv().await? {
                LinkNews::Up {
                    peer,
                    local_address,
                } => {
                    first = Some(peer);
                    break local_address;
                }
                LinkNews::Leaving => return None,
                // Of links that came up before this node could take part: none can
                // have, or its address would be known.
                LinkNews::Down(_) | LinkNews::Left(_) | LinkNews::Message { .. } => {}
            }
        };
        let identity = Identity::new(&Member {
            node: self.settings.node.clone(),
            incarnation: self.settings.incarnation,
            address,
        });
        let mut swim = Swim::new(identity, self.settings.seed, self.outgoing.clone());
        if let Some(peer) = first {
            swim.link_up(peer);
        }
        Some(swim)
    }

    /// Takes part until this node leaves or nobody is left to tell the news.
    async fn take_part(&mut self, mut swim: Swim) {
        let mut greeting = interval(GREETING_INTERVAL);
        greeting.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                // In this order and no random one, so that a simulation repeats.
                // Timers come first: they are rare, and must not wait for a flood
                // of messages to end.
                biased;
                () = reached(swim.deadline()) => swim.fire(),
                _ = greeting.tick() => swim.greet(),
                news = self.news.recv() => match news {
                    Some(LinkNews::Up { peer, .. }) => swim.link_up(peer),
                    Some(LinkNews::Down(peer)) => swim.link_down(&peer),
                    Some(LinkNews::Left(peer)) => swim.left(&peer),
                    Some(LinkNews::Message { from, message }) => swim.receive(&from, &message),
                    Some(LinkNews::Leaving) => return swim.leave(),
                    None => return,
                },
            }
            if let Some(candidates) = swim.changed_candidates() {
                self.publish(candidates);
            }
        }
    }

    fn publish(&self, candidates: Candidates) {
        self.candidates.send_if_modified(|before| {
            let differs = *before != candidates;
            *before = candidates;
            differs
        });
    }
}

async fn reached(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => sleep_until(deadline).await,
        None => pending().await,
    }
}

impl Membership for Gossip {
    fn watch(&self) -> watch::Receiver<Candidates> {
        self.candidates.subscribe()
    }

    fn run(mut self: Box<Self>) -> BoxFuture<'static, ()> {
        Box::pin(async move {
            if let Some(swim) = self.introduce().await {
                self.take_part(swim).await;
            }
            self.publish(Candidates::new());
        })
    }
}

#[cfg(test)]
mod tests;
