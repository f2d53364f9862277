//! What was published, received and announced, by every start of every node, and
//! the rules that each single occurrence must keep.

mod coverage;
mod payload;
mod trace;
mod view;

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use hearken::event::Event;
use serde::Deserialize;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::plan::name;
use crate::sessions::Visits;
use crate::troubles::FORGET_AFTER;

pub use coverage::Coverage;
pub use payload::{Kind, Payload};
pub use trace::Trace;
pub use view::{Presence, View};

/// A start of a node, numbered in the order of all starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct LifeId(pub usize);

/// How far a start of a node has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// It takes part.
    Running,
    /// It has been told to stop, then.
    Leaving(Duration),
    /// It has said goodbye to all, then.
    Left(Duration),
    /// It ended without a goodbye, then.
    Dead(Duration),
}

/// A start of a node.
pub struct Life {
    /// The node.
    pub node: usize,
    /// The node whose name it bears.
    pub called: usize,
    /// Which of the node's starts it is, from 0.
    pub start: usize,
    /// Its incarnation.
    pub incarnation: Uuid,
    /// When it began.
    pub since: Duration,
    /// How far it has come.
    pub stage: Stage,
    /// Another node bears its name that was started later: so it is none of the cluster any
    /// more, whatever becomes of the other.
    pub displaced: bool,
    /// Events published, by kind.
    pub published: BTreeMap<Kind, u64>,
    /// Events that the node's own receiver of local events got.
    pub heard_locally: u64,
    /// What operators would see.
    pub admin: std::sync::Arc<dyn hearken::admin::ClusterAdmin>,
    /// Tells it to stop.
    pub leave: CancellationToken,
    /// Has a publisher publish so many events at once.
    pub bursts: mpsc::Sender<u32>,
}

impl Life {
    /// Whether it takes part and has not been told to stop.
    #[must_use]
    pub fn is_running(&self) -> bool {
        self.stage == Stage::Running && !self.displaced
    }

    /// Events published of a kind.
    #[must_use]
    pub fn published(&self, kind: Kind) -> u64 {
        self.published.get(&kind).copied().unwrap_or_default()
    }
}

impl fmt::Display for Life {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", name(self.node), self.start)
    }
}

/// A rule was broken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// When.
    pub at: Duration,
    /// Which, and by whom.
    pub what: String,
}

/// What has happened.
#[derive(Default)]
pub struct Ledger {
    /// All of it as text.
    pub trace: Trace,
    /// All starts of all nodes.
    pub lives: Vec<Life>,
    /// What they have seen of each other: the observer, then the other.
    pub views: BTreeMap<(LifeId, LifeId), View>,
    /// Events received from other nodes.
    pub deliveries: u64,
    /// What else occurred.
    pub coverage: Coverage,
    /// Bytes of the largest event that any node takes.
    pub largest: u64,
    /// Publishers publish no more.
    pub quiet: bool,
    /// What has happened with sessions.
    pub visits: Visits,
    violation: Option<Violation>,
    by_incarnation: BTreeMap<String, LifeId>,
}

/// How much earlier than another a node may notice that the link between them is lost.
const NOTICED: Duration = Duration::from_secs(10);

/// What the data of `cluster.` events have in common, and what some have.
#[derive(Deserialize)]
struct ClusterData {
    #[serde(alias = "origin")]
    node: String,
    incarnation: String,
    after: Option<String>,
    first: Option<u64>,
    last: Option<u64>,
    count: Option<u64>,
}

impl Ledger {
    /// A ledger whose trace keeps its text if `trace_kept`.
    #[must_use]
    pub fn new(trace_kept: bool) -> Self {
        Self {
            trace: Trace::new(trace_kept),
            ..Self::default()
        }
    }

    /// A node starts.
    pub fn begin(&mut self, at: Duration, mut life: Life) -> LifeId {
        let id = LifeId(self.lives.len());
        for twin in &mut self.lives {
            if twin.called != life.called || twin.node == life.node {
                continue;
            }
            if twin.incarnation < life.incarnation {
                twin.displaced = true;
            } else {
                life.displaced = true;
            }
        }
        self.coverage.kept_out += u64::from(life.displaced);
        self.trace.note(at, format_args!("{life} starts"));
        self.by_incarnation.insert(life.incarnation.to_string(), id);
        self.lives.push(life);
        id
    }

    /// How often a node has started.
    #[must_use]
    pub fn starts(&self, node: usize) -> usize {
        self.lives.iter().filter(|life| life.node == node).count()
    }

    /// The incarnation of the node's last start.
    #[must_use]
    pub fn last_incarnation(&self, node: usize) -> Option<Uuid> {
        let mut lives = self.lives.iter().rev();
        lives
            .find(|life| life.node == node)
            .map(|life| life.incarnation)
    }

    /// The start of the node that has not ended.
    #[must_use]
    pub fn present(&self, node: usize) -> Option<LifeId> {
        let unended = |life: &Life| matches!(life.stage, Stage::Running | Stage::Leaving(_));
        let found = self.lives.iter().rposition(|life| life.node == node);
        found.filter(|at| unended(&self.lives[*at])).map(LifeId)
    }

    /// Whether each of two is there for the other.
    #[must_use]
    pub fn are_joined(&self, one: LifeId, other: LifeId) -> bool {
        let sees = |observer, subject| {
            let view = self.views.get(&(observer, subject));
            view.is_some_and(|view| view.presence == Presence::Joined)
        };
        sees(one, other) && sees(other, one)
    }

    /// All that take part and have not been told to stop.
    pub fn running(&self) -> impl Iterator<Item = LifeId> + '_ {
        let running = |(at, life): (usize, &Life)| life.is_running().then_some(LifeId(at));
        self.lives.iter().enumerate().filter_map(running)
    }

    /// One start of a node.
    #[must_use]
    pub fn life(&self, id: LifeId) -> &Life {
        &self.lives[id.0]
    }

    /// The start of a node that has this incarnation.
    #[must_use]
    pub fn of_incarnation(&self, incarnation: &str) -> Option<LifeId> {
        self.by_incarnation.get(incarnation).copied()
    }

    /// A start of a node has come further.
    pub fn advance(&mut self, at: Duration, id: LifeId, stage: Stage) {
        let life = &mut self.lives[id.0];
        life.stage = stage;
        let stage = match stage {
            Stage::Running => "runs",
            Stage::Leaving(_) => "is told to stop",
            Stage::Left(_) => "has left",
            Stage::Dead(_) => "is dead",
        };
        self.trace.note(at, format_args!("{life} {stage}"));
    }

    /// A rule was broken; the first time counts.
    pub fn violate(&mut self, at: Duration, what: String) {
        if self.violation.is_none() {
            self.trace.note(at, format_args!("VIOLATION: {what}"));
            self.violation = Some(Violation { at, what });
        }
    }

    /// The first rule that was broken.
    #[must_use]
    pub fn violation(&self) -> Option<&Violation> {
        self.violation.as_ref()
    }

    /// An event is about to be published.
    pub fn publish(&mut self, life: LifeId, kind: Kind) -> u64 {
        let published = &mut self.lives[life.0].published;
        let number = published.entry(kind).or_default();
        *number += 1;
        *number
    }

    /// A receiver of events of all nodes, and of what the node says of other nodes,
    /// got one.
    pub fn receive(&mut self, at: Duration, observer: LifeId, event: &Event) {
        let result = if event.event_type().starts_with("cluster.") {
            self.announced(at, observer, event)
        } else {
            self.received(at, observer, event)
        };
        if let Err(what) = result {
            let observer = self.life(observer);
            self.violate(at, format!("{observer}: {what}"));
        }
    }

    fn received(&mut self, at: Duration, observer: LifeId, event: &Event) -> Result<(), String> {
        let payload = self.check_origin(observer, event)?;
        if payload.life == observer || event.event_type() != Kind::Main.event_type() {
            return Ok(());
        }
        self.deliveries += 1;
        let Self {
            trace,
            lives,
            views,
            ..
        } = self;
        let (from, to) = (&lives[payload.life.0], &lives[observer.0]);
        let number = payload.of_kind;
        if number > from.published(Kind::Main) {
            return Err(format!(
                "received event {number} of {from}, which has not published it"
            ));
        }
        let name = from.to_string();
        trace.note(at, format_args!("{to} < {name} {number}"));
        let view = views.entry((observer, payload.life)).or_default();
        view.receive(&payload, at)
            .map_err(|error| format!("{name}: {error}"))
    }

    /// Whether an event may be on this node at all.
    ///
    /// # Errors
    /// Why not.
    pub fn check_origin(&self, observer: LifeId, event: &Event) -> Result<Payload, String> {
        let data = event.data().unwrap_or_default();
        let payload = Payload::decode(data).ok_or("received an event that nobody published")?;
        let from = self
            .lives
            .get(payload.life.0)
            .ok_or("received an event of nobody")?;
        if event.origin() != name(from.called) {
            let origin = event.origin();
            return Err(format!("an event of {from} has the origin {origin}"));
        }
        let to = self.life(observer);
        if from.called == to.called && payload.life != observer {
            return Err(format!(
                "received an event of {from}, another start of its name"
            ));
        }
        if payload.life != observer && !event.distributed() {
            return Err(format!(
                "received an event of {from} that is not distributed"
            ));
        }
        Ok(payload)
    }

    /// The node says something of another one.
    fn announced(&mut self, at: Duration, observer: LifeId, event: &Event) -> Result<(), String> {
        let kind = event.event_type().to_owned();
        let data: ClusterData = serde_json::from_slice(event.data().unwrap_or_default())
            .map_err(|error| format!("{kind}: {error}"))?;
        let subject = *self
            .by_incarnation
            .get(&data.incarnation)
            .ok_or_else(|| format!("{kind} of an incarnation that never was"))?;
        let to = self.life(observer);
        let published = to.published(Kind::Main);
        let (from, to) = (self.life(subject).to_string(), to.to_string());
        if name(self.life(subject).called) != data.node {
            return Err(format!("{kind} of {from} names it {}", data.node));
        }
        if subject == observer {
            return Err(format!("{kind} of itself"));
        }
        let (first, last, count) = (data.first, data.last, data.count);
        match first {
            Some(first) => {
                let note = format_args!("{to} {kind} {from} {first} {last:?} {count:?}");
                self.trace.note(at, note);
            }
            None => self.trace.note(at, format_args!("{to} {kind} {from}")),
        }
        let newer_is_present = kind == "cluster.joined" && self.knows_newer(observer, subject);
        let restarted = self.knows_older(observer, subject);
        let view = self.views.entry((observer, subject)).or_default();
        let presence = match kind.as_str() {
            "cluster.gap" => {
                let forgotten = view.presence == Presence::Unreachable
                    && at + NOTICED >= view.since + FORGET_AFTER;
                match count {
                    Some(count) => view.report(count, at),
                    None if !forgotten => {
                        return Err(format!("{kind} of {from} of unknown size"));
                    }
                    None if view.received > 0 && data.after.is_none() => {
                        return Err(format!("{kind} of {from} does not say after when"));
                    }
                    // Whoever has forgotten this node begins anew with it.
                    None => view.report_unknown(),
                }
                self.coverage.gaps += 1;
                return Ok(());
            }
            "cluster.joined" => Presence::Joined,
            "cluster.unreachable" => Presence::Unreachable,
            "cluster.left" => Presence::Left,
            _ => return Err(format!("{kind} is unknown")),
        };
        let allowed = match presence {
            Presence::Joined => matches!(view.presence, Presence::Unknown | Presence::Unreachable),
            Presence::Unreachable => view.presence == Presence::Joined,
            Presence::Left => matches!(view.presence, Presence::Joined),
            Presence::Unknown => false,
        };
        if !allowed || newer_is_present {
            return Err(format!("{kind} of {from}, which was {:?}", view.presence));
        }
        match presence {
            Presence::Left => self.coverage.goodbyes += 1,
            Presence::Unreachable if self.lives[subject.0].displaced => {
                self.coverage.displaced += 1;
            }
            Presence::Unreachable => self.coverage.unreachable += 1,
            Presence::Joined if restarted => self.coverage.restarts += 1,
            Presence::Joined | Presence::Unknown => {}
        }
        if presence == Presence::Joined && std::mem::take(&mut view.forgotten) {
            self.coverage.returned += 1;
        }
        view.presence = presence;
        view.since = at;
        view.owes_after.get_or_insert(published);
        Ok(())
    }

    /// Whether an earlier start of the same name has been seen.
    fn knows_older(&self, observer: LifeId, subject: LifeId) -> bool {
        let incarnation = self.life(subject).incarnation;
        self.knows_other(observer, subject, |other| other < incarnation)
    }

    /// Whether a later start of the same name has been seen.
    fn knows_newer(&self, observer: LifeId, subject: LifeId) -> bool {
        let incarnation = self.life(subject).incarnation;
        self.knows_other(observer, subject, |other| other > incarnation)
    }

    fn knows_other(
        &self,
        observer: LifeId,
        subject: LifeId,
        is_meant: impl Fn(Uuid) -> bool,
    ) -> bool {
        let called = self.life(subject).called;
        let seen = (observer, LifeId(0))..=(observer, LifeId(usize::MAX));
        let mut others = self
            .views
            .range(seen)
            .map(|((_, other), _)| self.life(*other));
        others.any(|other| other.called == called && is_meant(other.incarnation))
    }
}
