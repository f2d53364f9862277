//! A node with a well-behaved plugin whose answers are timed, and hogs beside it.

use std::time::Duration;

use serde_json::json;
use tokio::sync::{Mutex, MutexGuard};
use tokio::time::Instant;

use crate::support::events::Events;
use crate::support::node::TestNode;
use crate::support::plugin::{Plugin, plugin};

/// Answers that are timed in a row.
const ANSWERS: usize = 200;

/// Latency that is never too much, whatever it is beside nobody.
const UNNOTICED: Duration = Duration::from_millis(20);

/// How much slower than beside nobody the slowest of a hundred answers may be.
const FACTOR: u32 = 5;

/// Measurements, each with a control run of its own, of which one must hold: what
/// else the machine does may spoil a few, but a plugin that is held up is held up in
/// each of them.
const ATTEMPTS: usize = 3;

/// For how long a hog is at it for each event that it gets.
const ACT: Duration = Duration::from_millis(250);

/// Hogs beside each other: more than this machine is likely to have plugin threads
/// to spare.
const HOGS: usize = 4;

/// Tests in this process take turns.
static TURN: Mutex<()> = Mutex::const_new(());

/// The node and its plugins.
pub struct Stage {
    pub node: TestNode,
    answers: Events,
    sent: u64,
    _turn: MutexGuard<'static, ()>,
}

/// Names of the hogs.
pub fn hogs() -> [String; HOGS] {
    std::array::from_fn(|index| format!("greedy-{}", index + 1))
}

impl Stage {
    /// A node with the well-behaved plugin and these others, all of them at rest.
    pub async fn with(others: impl IntoIterator<Item = Plugin>) -> Self {
        let turn = TURN.lock().await;
        let recorder = plugin("recorder").manifest("subscribe = [\"custom.good.*\"]");
        let node = TestNode::start(std::iter::once(recorder).chain(others)).await;
        let answers = node.listen("custom.recorded.custom.good.*").await;
        Self {
            node,
            answers,
            sent: 0,
            _turn: turn,
        }
    }

    /// With hogs that may go on for as long as they like.
    pub async fn with_hogs(manifest: &str) -> Self {
        let hog = |name: String| plugin("greedy").named(&name).manifest(manifest);
        Self::with(hogs().map(hog)).await
    }

    /// Checks that the well-behaved plugin answers as fast while the hogs get events
    /// of this type as while they get none.
    pub async fn is_undisturbed_by(&mut self, event_type: &str) {
        let mut measured = Vec::new();
        for _ in 0..ATTEMPTS {
            let alone = self.slowest_of_a_hundred(None).await;
            let beside = self.slowest_of_a_hundred(Some(event_type)).await;
            measured.push((alone, beside));
            eprintln!("{event_type}: {beside:.1?} beside, {alone:.1?} alone");
            if beside <= UNNOTICED.max(alone * FACTOR) {
                return;
            }
        }
        panic!("answers alone and beside `{event_type}` take {measured:?}");
    }

    /// The 99th percentile of the times from an event to its answer, while the hogs
    /// are kept at it.
    async fn slowest_of_a_hundred(&mut self, hogs_do: Option<&str>) -> Duration {
        let began = Instant::now();
        let mut told = 0;
        let mut times = Vec::with_capacity(ANSWERS);
        while times.len() < ANSWERS {
            if let Some(event_type) = hogs_do
                && began.elapsed() >= ACT * told
            {
                self.tell(event_type).await;
                told += 1;
            }
            times.push(self.time_an_answer().await);
        }
        times.sort_unstable();
        times[ANSWERS * 99 / 100 - 1]
    }

    /// Gives the hogs something to do.
    pub async fn tell(&self, event_type: &str) {
        let event = json!({ "type": event_type, "data": { "millis": ACT.as_millis() as u64 } });
        self.node.publish(&event).await;
    }

    async fn time_an_answer(&mut self) -> Duration {
        let began = Instant::now();
        self.node.send("good.event", self.sent).await;
        let answer = self.answers.next().await;
        let took = began.elapsed();
        assert_eq!(answer["data"]["data"], self.sent, "none is lost");
        self.sent += 1;
        took
    }
}
