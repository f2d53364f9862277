//! Clients of sessions, who are moved from node to node: each is at one node at a time, is
//! subscribed to channels with a history, without one and with presence, publishes to them,
//! and comes back elsewhere, however its node has ended.
//!
//! - [`room`] is what a node has of sessions; [`visit`] is one stay of a client at a node.
//! - [`histories`] is what is known of the channels that have one, with the rules that each
//!   publication keeps; [`presences`] is who is where, and whom the nodes see; [`interests`] is
//!   which channels they say that they and others want.
//! - [`company`] is who is there for a client that is told who comes and goes.
//! - [`looks`] are the rules that hold over time and at the end.

pub mod company;
pub mod histories;
pub mod interests;
pub mod looks;
pub mod presences;
pub mod room;
pub mod visit;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::ledger::LifeId;
use crate::plan::Plan;
use company::Company;
use histories::{Histories, Position};
use interests::Interests;
use presences::Presences;

/// Channels of each kind.
const LIVE: usize = 2;
const KEPT: usize = 8;
const HERE: usize = 2;

/// All that has happened with sessions.
#[derive(Debug, Default)]
pub struct Visits {
    /// By number.
    pub clients: Vec<Client>,
    /// The channels with a history.
    pub histories: Histories,
    /// Who is where.
    pub presences: Presences,
    /// Which channels the nodes want.
    pub interests: Interests,
    /// Publications to channels without history, by channel and publisher.
    pub live: BTreeMap<(String, Author), u64>,
    /// Since when all nodes have been linked, without a pause, and nothing was broken.
    pub linked_since: Option<Duration>,
    /// Since when that has been so for all that is known: a link that was broken may be taken to
    /// be one for a while.
    pub calm_since: Option<Duration>,
    /// More is published at some time than moves at once.
    pub is_flooded: bool,
    /// Nothing ever breaks: nodes only come, and go when they are told to.
    pub is_gentle: bool,
    /// The same, and all found each other, and whoever was told to go had somebody to hand its
    /// histories over to.
    pub keeps_all: bool,
    /// Some publications are large.
    pub is_large: bool,
    /// Each client publishes once more, at last, to its channel without history.
    pub calls_roll: bool,
    /// Those who have.
    pub called: BTreeSet<usize>,
}

/// Who publishes to channels without history: a client, on one visit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Author {
    /// Number of the client.
    pub client: usize,
    /// Number of its visit.
    pub visit: u64,
}

/// A client, wherever it is.
#[derive(Debug)]
pub struct Client {
    /// Where it is, or is about to be.
    pub seat: Option<Seat>,
    /// When it may be somewhere again.
    pub away_until: Duration,
    /// How often it was somewhere.
    pub visits: u64,
    /// Its id, while it is connected.
    pub id: Option<String>,
    /// The channels with a history that it is subscribed to, and where it is in them.
    pub kept: BTreeMap<String, Option<Position>>,
    /// Those of them to which it is subscribed now.
    pub subscribed: Vec<String>,
    /// The channel without history that it is subscribed to.
    pub live: String,
    /// Whether it is now.
    pub is_live: bool,
    /// The channel with presence.
    pub here: String,
    /// Whether it is subscribed to that now.
    pub is_here: bool,
    /// Who else is in it, as far as it knows.
    pub company: Company,
    /// Publications to channels with a history.
    pub published: u64,
    /// The last of them, until it is acknowledged: its channel.
    pub unacknowledged: Option<String>,
    /// What was last said in its channel without history by each, as it got it.
    pub heard: BTreeMap<Author, u64>,
}

/// Where a client is.
#[derive(Clone, Copy, Debug)]
pub struct Seat {
    /// The node.
    pub life: LifeId,
    /// Whether the node knows of it.
    pub is_taken: bool,
}

impl Visits {
    /// The clients of a plan, who are nowhere yet.
    #[must_use]
    pub fn of(plan: &Plan) -> Self {
        let is_gentle = plan.is_gentle();
        Self {
            clients: (0..plan.clients).map(Client::new).collect(),
            is_gentle,
            keeps_all: is_gentle,
            is_flooded: plan.has_bursts(),
            is_large: plan.nodes.iter().any(|node| node.large),
            ..Self::default()
        }
    }

    /// Since when nothing has kept nodes from hearing of each other's sessions.
    #[must_use]
    pub fn together_since(&self) -> Option<Duration> {
        match self.is_flooded {
            // What waited for others goes first.
            true => self.calm_since,
            false => self.linked_since,
        }
    }

    /// Whether nothing has been broken for so long.
    #[must_use]
    pub fn is_calm(&self, at: Duration, length: Duration) -> bool {
        self.calm_since.is_some_and(|since| at >= since + length)
    }
}

impl Client {
    fn new(number: usize) -> Self {
        let kept = [number % KEPT, (number * 3 + 1) % KEPT];
        let kept = kept.map(|channel| (format!("kept:{channel}"), None));
        Self {
            seat: None,
            away_until: Duration::ZERO,
            visits: 0,
            id: None,
            kept: kept.into(),
            subscribed: Vec::new(),
            live: format!("live:{}", number % LIVE),
            is_live: false,
            here: format!("here:{}", number % HERE),
            is_here: false,
            company: Company::default(),
            published: 0,
            unacknowledged: None,
            heard: BTreeMap::new(),
        }
    }

    /// The channels to which it is subscribed now.
    pub fn channels(&self) -> impl Iterator<Item = &str> {
        let live = self.is_live.then_some(&self.live);
        let here = self.is_here.then_some(&self.here);
        let all = self.subscribed.iter().chain(live).chain(here);
        all.map(String::as_str)
    }
}

/// All channels to which clients are subscribed.
fn channels() -> impl Iterator<Item = String> {
    let kinds = [("live", LIVE), ("kept", KEPT), ("here", HERE)].into_iter();
    kinds.flat_map(|(kind, count)| (0..count).map(move |number| format!("{kind}:{number}")))
}
