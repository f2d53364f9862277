//! Those who listen on a node, in the place of plugins: each notes what it gets and
//! checks what holds for every single event.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use hearken::admin::NodeState;
use hearken::bus::{Filter, MailboxLimits, Overflow, Receiver, ReceiverKind, Subscription};
use hearken::event::{Event, Pattern};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use tokio::task::spawn_local;
use tokio::time::{sleep, timeout};

use super::{Context, NodeSetup, now};
use crate::ledger::{Kind, LifeId, Payload};
use crate::plan::name;

/// More than ever waits: what is lost here would look like the cluster's fault.
const MAILBOX: MailboxLimits = MailboxLimits {
    events: 1 << 20,
    bytes: 1 << 30,
};

/// How long a visitor stays, or stays away, in milliseconds.
const VISIT: std::ops::Range<u64> = 50..8_000;

/// Starts the receivers of a node; they end with it.
pub fn start(context: &Context, setup: &Rc<NodeSetup>, random: &mut StdRng) {
    // One for both, so that the order between the two is seen.
    let main = Listening::new(
        context,
        "main",
        vec![filter("custom.main.*"), filter("cluster.*")],
    );
    spawn_local(main.note_all());

    let local = Filter {
        local_only: true,
        ..filter("custom.{main,side,private}.*")
    };
    spawn_local(Listening::new(context, "local", vec![local]).note_own());

    let excluded = name(random.random_range(0..setup.nodes));
    let picky = Filter {
        exclude: Some(excluded.as_str().into()),
        ..filter("custom.main.*")
    };
    let picky = Listening::new(context, "picky", vec![picky]);
    spawn_local(picky.note_all_but(excluded));

    if setup.visitors {
        let random = StdRng::from_seed(random.random());
        spawn_local(visit(context.clone(), random));
    }
}

fn filter(pattern: &str) -> Filter {
    Filter::new(Pattern::new(pattern).expect("the patterns are valid"))
}

/// A receiver that checks the order of each publisher.
struct Listening {
    context: Context,
    name: &'static str,
    receiver: Receiver,
    /// How far each publisher has come.
    heard: BTreeMap<(LifeId, usize), u64>,
}

impl Listening {
    fn new(context: &Context, name: &'static str, filters: Vec<Filter>) -> Self {
        let receiver = context.bus.subscribe(Subscription {
            name: name.into(),
            kind: ReceiverKind::Plugin,
            filters,
            limits: MAILBOX,
            overflow: Overflow::DropNewest,
            partitions: 1,
        });
        Self {
            context: context.clone(),
            name,
            receiver,
            heard: BTreeMap::new(),
        }
    }

    /// The next event, which was published behind all others of its publisher.
    async fn next(&mut self) -> Event {
        let event = self
            .receiver
            .recv()
            .await
            .expect("open as long as it lives");
        if event.event_type().starts_with("cluster.") {
            return event;
        }
        if let Some(payload) = self.payload(&event) {
            let publisher = (payload.life, payload.publisher);
            let last = self.heard.insert(publisher, payload.of_publisher);
            if last.is_some_and(|last| last >= payload.of_publisher) {
                self.violate(format!(
                    "got {payload:?} after the {last:?}th of its publisher"
                ));
            }
        }
        event
    }

    fn payload(&self, event: &Event) -> Option<Payload> {
        let checked = self
            .context
            .ledger
            .borrow()
            .check_origin(self.context.life, event);
        checked.map_err(|error| self.violate(error)).ok()
    }

    fn violate(&self, what: String) {
        let mut ledger = self.context.ledger.borrow_mut();
        let life = ledger.life(self.context.life).to_string();
        let receiver = self.name;
        ledger.violate(now(), format!("{life}: receiver {receiver} {what}"));
    }

    async fn note_all(mut self) {
        loop {
            let event = self.next().await;
            let mut ledger = self.context.ledger.borrow_mut();
            ledger.receive(now(), self.context.life, &event);
        }
    }

    async fn note_own(mut self) {
        loop {
            let event = self.next().await;
            if self
                .payload(&event)
                .is_some_and(|payload| payload.life != self.context.life)
            {
                self.violate("asked for local events and got one of another node".to_owned());
            }
            let mut ledger = self.context.ledger.borrow_mut();
            ledger.lives[self.context.life.0].heard_locally += 1;
        }
    }

    async fn note_all_but(mut self, excluded: String) {
        loop {
            let event = self.next().await;
            if event.origin() == excluded {
                self.violate(format!("excludes {excluded} and got an event of it"));
            }
        }
    }

    /// From now on nothing of these publishers may be missing.
    async fn note_everything_of(mut self, mut last: BTreeMap<LifeId, u64>) {
        loop {
            let event = self.next().await;
            let Some(payload) = self.payload(&event) else {
                continue;
            };
            let number = payload.of_kind;
            if let Some(last) = last.get_mut(&payload.life) {
                if number > *last + 1 {
                    let from = self.context.ledger.borrow().life(payload.life).to_string();
                    let what = format!(
                        "got event {number} of {from} after {last}, though all was asked for"
                    );
                    self.violate(what);
                }
                *last = number.max(*last);
            }
        }
    }

    /// The nodes that have a link, and what they have published of what this
    /// receiver wants.
    fn linked(&self) -> BTreeMap<LifeId, u64> {
        let ledger = self.context.ledger.borrow();
        let admin = &ledger.life(self.context.life).admin;
        let linked = admin
            .nodes()
            .into_iter()
            .filter(|node| node.state == NodeState::Connected);
        let lives = linked.filter_map(|node| ledger.of_incarnation(&node.incarnation));
        lives
            .map(|life| (life, ledger.life(life).published(Kind::Side)))
            .collect()
    }
}

/// A receiver that comes and goes: once all nodes know of it, it gets everything
/// that is published by those that have a link.
async fn visit(context: Context, mut random: StdRng) {
    loop {
        sleep(Duration::from_millis(random.random_range(VISIT))).await;
        let visitor = Listening::new(&context, "visitor", vec![filter("custom.side.*")]);
        context.bus.interest().known().await;
        let linked = visitor.linked();
        // Not so when it was waited for in vain, or when a link has just come up.
        let known = timeout(Duration::ZERO, context.bus.interest().known()).await;
        let expected = if known == Ok(true) {
            linked
        } else {
            BTreeMap::new()
        };
        let stay = Duration::from_millis(random.random_range(VISIT));
        // Ends in vain: it listens until it goes.
        let _ = timeout(stay, visitor.note_everything_of(expected)).await;
    }
}
