//! Sustained throughput of a node: one thread publishes as fast as the plugins
//! handle, so that no mailbox ever overflows.

use std::borrow::Cow;
use std::time::Duration;

use hearken::admin::PluginAdmin;
use hearken::event::{Draft, EventType};
use tokio::time::Instant;

use crate::contest::REPETITION;
use crate::node::Node;
use crate::sleep;

/// Mailbox of a plugin that is measured.
pub(crate) const MANIFEST: &str = "[limits]\nmailbox = 2048\n";

/// Events that are published but not handled yet, at most: below the mailbox.
const IN_FLIGHT: u64 = 1_536;

/// Between two looks how far the plugins have come. Looking costs about as much as
/// publishing ten events, and must not compete with the plugins for the cores.
const LOOK_AGAIN: Duration = Duration::from_micros(20);

/// Publishes for one repetition and waits until every plugin of the node has
/// handled all; nanoseconds a delivery.
pub(crate) fn nanoseconds_a_delivery(node: &Node, payload: usize) -> f64 {
    let publisher = node.publisher();
    let data = vec![b'x'; payload];
    let event_type = EventType::custom("bench.count").expect("a valid type");
    let draft = Draft {
        datacontenttype: Some("application/octet-stream".into()),
        data: Some(Cow::Borrowed(&data)),
        ..Draft::new(event_type)
    };
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
    let mut published = 0;
    let began = Instant::now();
    while began.elapsed() < REPETITION {
        let room = IN_FLIGHT - (published - slowest());
        if room < IN_FLIGHT / 4 {
            sleep::until(Instant::now() + LOOK_AGAIN);
            continue;
        }
        for _ in 0..room {
            publisher.publish(&draft).expect("a valid event");
        }
        published += room;
    }
    while slowest() < published {
        sleep::until(Instant::now() + LOOK_AGAIN);
    }
    began.elapsed().as_nanos() as f64 / (published * plugins.len() as u64) as f64
}

fn handled(node: &Node, plugin: &str) -> u64 {
    let counters = node.status(plugin).counters;
    assert_eq!(counters.dropped, 0, "the mailbox of {plugin} overflowed");
    counters.delivered
}
