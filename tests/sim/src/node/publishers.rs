//! Those who publish on a node: several at random times, and one more at once when
//! the plan says so.

use hearken::bus::Publisher;
use hearken::event::{Draft, EventType};
use rand::rngs::StdRng;
use rand::{Rng, RngExt, SeedableRng};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::task::{spawn_local, yield_now};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::Context;
use crate::ledger::{Kind, Payload};
use crate::plan::NodePlan;

/// Most events that a publisher publishes without a pause.
const MAX_BURST: u32 = 4;

/// One of so many events is large, where some are.
const LARGE: u32 = 16;

/// What an event has at most besides its data, in bytes.
const ATTRIBUTES: usize = 1 << 10;

/// Bytes of events after which a frame of a link is full.
const FRAME: usize = 256 << 10;

/// Events of a large burst after which others get a turn.
const TURN: u32 = 512;

/// Starts the publishers of a node. They end when the node leaves.
pub fn start(
    context: &Context,
    plan: &NodePlan,
    bursts: mpsc::Receiver<u32>,
    leave: &CancellationToken,
    random: &mut StdRng,
) {
    for number in 0..plan.publishers {
        let author = Author::new(context, number, plan);
        let random = StdRng::from_seed(random.random());
        let (leave, pause) = (leave.clone(), plan.pause);
        spawn_local(async move {
            let _ = leave.run_until_cancelled(author.chat(random, pause)).await;
        });
    }
    let author = Author::new(context, plan.publishers, plan);
    let leave = leave.clone();
    spawn_local(async move { leave.run_until_cancelled(author.shout(bursts)).await });
}

/// One who publishes.
struct Author {
    context: Context,
    publisher: Publisher,
    number: usize,
    published: u64,
    /// Most bytes of data, where some events are large.
    large: Option<usize>,
}

impl Author {
    fn new(context: &Context, number: usize, plan: &NodePlan) -> Self {
        let id = format!("publisher-{number}");
        Self {
            publisher: context.bus.publisher(format!("/simulation/{id}"), id),
            context: context.clone(),
            number,
            published: 0,
            large: plan.large.then_some(plan.max_event_bytes - ATTRIBUTES),
        }
    }

    /// Publishes now and then.
    async fn chat(mut self, mut random: StdRng, pause: Duration) {
        loop {
            sleep(pause.mul_f64(random.random_range(0.0..2.0))).await;
            for _ in 0..random.random_range(1..=MAX_BURST) {
                let kind = match random.next_u32() % 8 {
                    0 => Kind::Private,
                    1 => Kind::Side,
                    _ => Kind::Main,
                };
                let bytes = match self.large {
                    Some(most) if random.random_ratio(1, LARGE) => random.random_range(0..most),
                    _ => 0,
                };
                self.publish(kind, bytes);
            }
        }
    }

    /// Publishes as much as it is asked for.
    async fn shout(mut self, mut bursts: mpsc::Receiver<u32>) {
        while let Some(count) = bursts.recv().await {
            for number in 1..=count {
                self.publish(Kind::Main, 0);
                if number % TURN == 0 {
                    yield_now().await;
                }
            }
        }
    }

    fn publish(&mut self, kind: Kind, bytes: usize) {
        let mut ledger = self.context.ledger.borrow_mut();
        if ledger.quiet {
            return;
        }
        self.published += 1;
        let payload = Payload {
            life: self.context.life,
            publisher: self.number,
            of_publisher: self.published,
            of_kind: ledger.publish(self.context.life, kind),
        };
        if bytes > FRAME {
            ledger.coverage.large += 1;
        }
        drop(ledger);
        let event_type = EventType::custom(kind.event_type()).expect("the types are valid");
        let draft = Draft {
            data: Some(payload.encode(bytes).into()),
            distributed: kind != Kind::Private,
            ..Draft::new(event_type)
        };
        self.publisher
            .publish(&draft)
            .expect("the drafts are valid");
    }
}
