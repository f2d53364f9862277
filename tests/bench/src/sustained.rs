//! Sustained throughput of a node: one thread publishes as fast as the plugins
//! handle, so that no mailbox ever overflows.

use std::borrow::Cow;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use hearken::admin::PluginAdmin;
use hearken::bus::Publisher;
use hearken::event::{Draft, EventType};
use tokio::time::Instant;

use crate::contest::REPETITION;
use crate::node::Node;
use crate::sleep;

/// Mailbox of a plugin that is measured.
pub(crate) const MANIFEST: &str = "[limits]\nmailbox = 2048\n";

/// Events that are published but not handled yet, at most: below the mailbox.
const IN_FLIGHT: u64 = 1_536;

/// Publishers that share a mailbox in overflow.
const OVERFLOWING: usize = 4;

/// Between two looks how far the plugins have come. Looking costs about as much as
/// publishing ten events, and must not compete with the plugins for the cores.
const LOOK_AGAIN: Duration = Duration::from_micros(20);

/// How what is published differs from one event to the next.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Traffic {
    /// Subjects that take turns; none if 0.
    pub(crate) subjects: usize,
    /// Whether each event has a trace of its own.
    pub(crate) traced: bool,
    /// Threads that publish, each with a publisher of its own.
    pub(crate) publishers: usize,
}

impl Traffic {
    /// One publisher of events that differ in nothing but id and time.
    pub(crate) const ALIKE: Self = Self {
        subjects: 0,
        traced: false,
        publishers: 1,
    };

    /// The drafts that take turns.
    fn drafts<'d>(self, data: &'d [u8]) -> Vec<Draft<'d>> {
        /// Traces that take turns; two would do, since a publisher compares neighbours.
        const TRACES: usize = 64;
        let traces = if self.traced { TRACES } else { 1 };
        let draft = |at: usize| Draft {
            datacontenttype: Some("application/octet-stream".into()),
            data: Some(Cow::Borrowed(data)),
            subject: (self.subjects > 0).then(|| format!("subject-{at}").into()),
            traceparent: self.traced.then(|| {
                let span = at + 1;
                format!("00-4bf92f3577b34da6a3ce929d0e0e4736-{span:016x}-01").into()
            }),
            ..Draft::new(EventType::custom("bench.count").expect("a valid type"))
        };
        (0..self.subjects.max(traces)).map(draft).collect()
    }
}

/// Publishes for one repetition and waits until every plugin of the node has
/// handled all; nanoseconds a delivery.
pub(crate) fn nanoseconds_a_delivery(node: &Node, payload: usize, traffic: Traffic) -> f64 {
    let data = vec![b'x'; payload];
    nanoseconds_of(node, &traffic.drafts(&data), traffic.publishers)
}

/// As [`nanoseconds_a_delivery`], of these drafts in turn.
pub(crate) fn nanoseconds_of(node: &Node, drafts: &[Draft<'_>], publishers: usize) -> f64 {
    let plugins: Vec<(String, u64)> = node
        .plugins
        .list()
        .into_iter()
        .map(|plugin| (plugin.name, plugin.counters.delivered))
        .collect();
    let slowest = || {
        plugins
            .iter()
            .map(|(name, before)| handled(node, name) - before)
            .min()
            .unwrap_or_default()
    };
    let publishers = publishers as u64;
    let published_by_all = AtomicU64::new(0);
    let began = Instant::now();
    let publish = || {
        let publisher = node.publisher();
        let mut drafts = drafts.iter().cycle();
        while began.elapsed() < REPETITION {
            let under_way = published_by_all
                .load(Ordering::Relaxed)
                .saturating_sub(slowest());
            let room = IN_FLIGHT.saturating_sub(under_way) / publishers;
            if room < IN_FLIGHT / 4 / publishers {
                sleep::until(Instant::now() + LOOK_AGAIN);
                continue;
            }
            // Each publisher has its share of what may be under way.
            published_by_all.fetch_add(room, Ordering::Relaxed);
            for draft in drafts.by_ref().take(room as usize) {
                publisher.publish(draft).expect("a valid event");
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 1..publishers {
            scope.spawn(publish);
        }
        publish();
    });
    let published = published_by_all.into_inner();
    while slowest() < published {
        sleep::until(Instant::now() + LOOK_AGAIN);
    }
    began.elapsed().as_nanos() as f64 / (published * plugins.len() as u64) as f64
}

/// Publishes for one repetition to a plugin that handles nothing, so that each event
/// displaces another; nanoseconds an event.
pub(crate) fn nanoseconds_an_overflow(node: &Node, payload: usize) -> f64 {
    let data = vec![b'x'; payload];
    let drafts = Traffic::ALIKE.drafts(&data);
    let publishers: Vec<Publisher> = (0..OVERFLOWING).map(|_| node.publisher()).collect();
    let mut published = 0;
    let began = Instant::now();
    while began.elapsed() < REPETITION {
        for publisher in &publishers {
            publisher.publish(&drafts[0]).expect("a valid event");
        }
        published += OVERFLOWING;
    }
    began.elapsed().as_nanos() as f64 / published as f64
}

fn handled(node: &Node, plugin: &str) -> u64 {
    let counters = node.status(plugin).counters;
    assert_eq!(counters.dropped, 0, "the mailbox of {plugin} overflowed");
    counters.delivered
}
