//! How late a deadline ends a guest that spins: from `publish` to the report that it
//! failed.

use std::borrow::Cow;
use std::time::Duration;

use hearken::event::{Draft, EventType};
use tokio::time::Instant;

use super::latency::nanoseconds_from_now;
use crate::guests::component;
use crate::node::Node;
use crate::report::Samples;

/// Times that a guest is ended.
const TIMES: usize = 20;

const MANIFEST: &str = "[limits]\ndeadline = \"100ms\"\n";

/// For how long the guest would spin: longer than its deadline.
const SPIN: Duration = Duration::from_secs(10);

/// Microseconds from `publish` to `plugin.failed`, under a deadline of 100 ms.
pub(crate) fn measure() -> Samples {
    let hog = component("hog");
    let node = Node::start(&[("hog".to_owned(), &hog, MANIFEST)]);
    let failed = node.receiver("plugin.failed");
    let publisher = node.publisher();
    let spin_for = |time: Duration| {
        let end = nanoseconds_from_now(time).to_le_bytes();
        let draft = Draft {
            data: Some(Cow::Borrowed(&end)),
            ..Draft::new(EventType::custom("bench.act").expect("a valid type"))
        };
        publisher.publish(&draft).expect("a valid event");
    };
    let mut samples = Samples::default();
    for time in 1..=TIMES as u64 {
        // One event that goes well, so that a run of failures quarantines nobody and
        // a fresh instance is there already.
        spin_for(Duration::ZERO);
        node.await_delivered("hog", 2 * time - 1);
        let began = Instant::now();
        spin_for(SPIN);
        node.next(&failed);
        samples.push(began.elapsed().as_secs_f64() * 1e6);
    }
    samples
}
