//! Publishing to one of many receivers: the cost is in proportion to the
//! matches, not to the receivers.

use std::hint::black_box;
use std::sync::Arc;

use hearken::bus::{
    Bus, BusConfig, Filter, MailboxLimits, Overflow, Receiver, ReceiverKind, Subscription,
};
use hearken::clock::SystemClock;
use hearken::event::{Draft, EventType, Pattern};
use tokio::time::Instant;

use crate::Options;
use crate::report::{Report, Row, Samples};

const RECEIVERS: [usize; 3] = [1, 100, 10_000];

/// Events of one repetition.
const EVENTS: u32 = 200_000;

pub(crate) fn run(report: &mut Report, &Options { repetitions, .. }: &Options) {
    let buses: Vec<(Bus, Vec<Receiver>)> = RECEIVERS.iter().map(|count| bus(*count)).collect();
    let mut samples = vec![Samples::default(); RECEIVERS.len()];
    for _ in 0..repetitions {
        for ((bus, receivers), samples) in buses.iter().zip(&mut samples) {
            samples.push(nanoseconds_an_event(bus, &receivers[0]));
        }
    }
    for (count, samples) in RECEIVERS.iter().zip(samples) {
        report.push(Row {
            suite: "routing",
            name: format!("hearken/{count}-receivers"),
            ns_per_event: Some(samples.median()),
            min: samples.min(),
            max: samples.max(),
            unit: "ns/event",
            ..Row::default()
        });
    }
}

/// A bus with receivers of distinct patterns, the first of which is measured.
fn bus(receivers: usize) -> (Bus, Vec<Receiver>) {
    let bus = Bus::new(BusConfig {
        node: "bench".into(),
        incarnation: "bench".to_owned(),
        max_event_bytes: 1 << 20,
        clock: Arc::new(SystemClock),
    });
    let receivers = (0..receivers)
        .map(|index| {
            let pattern = Pattern::new(&format!("custom.bench.{index}.*")).expect("valid");
            bus.subscribe(Subscription {
                name: "bench".into(),
                kind: ReceiverKind::Stream,
                filters: vec![Filter::new(pattern)],
                limits: MailboxLimits::default(),
                overflow: Overflow::DropOldest,
                lanes: 1,
            })
        })
        .collect();
    (bus, receivers)
}

fn nanoseconds_an_event(bus: &Bus, receiver: &Receiver) -> f64 {
    let publisher = bus.publisher("/bench", "bench");
    // Of two types in turn: what is like the publisher's last event is not routed anew.
    let drafts = ["bench.0.x", "bench.0.y"]
        .map(|name| Draft::new(EventType::custom(name).expect("a valid type")));
    let began = Instant::now();
    for draft in drafts.iter().cycle().take(EVENTS as usize) {
        publisher.publish(draft).expect("a valid event");
        black_box(receiver.mailbox().try_recv(0)).expect("the receiver is open");
    }
    began.elapsed().as_nanos() as f64 / f64::from(EVENTS)
}
