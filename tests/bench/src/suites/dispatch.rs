//! Throughput: from `publish` on one thread to handled in the guest, sustained,
//! with a mailbox that never overflows.

use std::borrow::Cow;
use std::time::Duration;

use hearken::event::{Draft, EventType};
use tokio::time::Instant;

use crate::guests::component;
use crate::node::Node;
use crate::report::{Report, Row, Samples};

const PAYLOADS: [usize; 3] = [64, 256, 4096];

/// Events that are published but not handled yet, at most: below the mailbox.
const IN_FLIGHT: u64 = 768;

/// Length of one repetition.
const REPETITION: Duration = Duration::from_secs(1);

/// Receivers of the fan-out.
const FAN_OUT: usize = 100;

pub(crate) fn run(report: &mut Report, repetitions: usize) {
    let measured = component("measured");
    let one = Node::start(&[("measured".to_owned(), &measured, "")]);
    let many: Vec<_> = (0..FAN_OUT)
        .map(|index| (format!("measured-{index}"), measured.as_path(), ""))
        .collect();
    let many = Node::start(&many);
    for payload in PAYLOADS {
        let (mut single, mut fanned) = (Samples::default(), Samples::default());
        for _ in 0..repetitions {
            single.push(nanoseconds_an_event(
                &one,
                &["measured".to_owned()],
                payload,
            ));
            let names: Vec<String> = (0..FAN_OUT)
                .map(|index| format!("measured-{index}"))
                .collect();
            fanned.push(nanoseconds_an_event(&many, &names, payload) / FAN_OUT as f64);
        }
        report.push(row("hearken/typed", payload, &single));
        report.push(row("hearken/fan-out-100", payload, &fanned));
    }
}

fn row(name: &str, payload: usize, samples: &Samples) -> Row {
    Row {
        suite: "dispatch",
        name: name.to_owned(),
        payload: Some(payload),
        ns_per_event: Some(samples.median()),
        events_per_s: Some(1e9 / samples.median()),
        min: samples.min(),
        max: samples.max(),
        unit: "ns/event",
        ..Row::default()
    }
}

/// Publishes for one repetition and waits until every receiver has handled all.
fn nanoseconds_an_event(node: &Node, receivers: &[String], payload: usize) -> f64 {
    let publisher = node.publisher();
    let data = vec![b'x'; payload];
    let event_type = EventType::custom("bench.count").expect("a valid type");
    let draft = Draft {
        datacontenttype: Some("application/octet-stream".into()),
        data: Some(Cow::Borrowed(&data)),
        ..Draft::new(event_type)
    };
    let before: Vec<u64> = receivers.iter().map(|name| handled(node, name)).collect();
    let slowest = || {
        receivers
            .iter()
            .zip(&before)
            .map(|(name, before)| handled(node, name) - before)
            .min()
            .unwrap_or_default()
    };
    let mut published = 0;
    let began = Instant::now();
    while began.elapsed() < REPETITION {
        let room = IN_FLIGHT - (published - slowest());
        if room < IN_FLIGHT / 4 {
            std::thread::yield_now();
            continue;
        }
        for _ in 0..room {
            publisher.publish(&draft).expect("a valid event");
        }
        published += room;
    }
    while slowest() < published {
        std::thread::yield_now();
    }
    began.elapsed().as_nanos() as f64 / published as f64
}

fn handled(node: &Node, plugin: &str) -> u64 {
    let counters = node.status(plugin).counters;
    assert_eq!(counters.dropped, 0, "the mailbox of {plugin} overflowed");
    counters.delivered
}
