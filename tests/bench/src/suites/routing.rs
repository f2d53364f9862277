//! Publishing to one of many receivers: the cost is in proportion to the
//! matches, not to the receivers.

use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

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

/// Plugins with as many patterns as they may have, of the worst kind.
const WORST: usize = 64;

/// Receivers of two patterns that both match.
const TWICE: usize = 1_000;

pub(crate) fn run(report: &mut Report, &Options { repetitions, .. }: &Options) {
    let mut rows: Vec<(String, Bus, Vec<Receiver>)> = RECEIVERS
        .iter()
        .map(|count| {
            let (bus, receivers) = bus(*count);
            (format!("hearken/{count}-receivers"), bus, receivers)
        })
        .collect();
    let (hostile, mut receivers) = bus(1);
    receivers.extend((0..WORST).map(|plugin| worst(&hostile, plugin)));
    rows.push(("hearken/worst-patterns".to_owned(), hostile, receivers));
    let (waits, receivers) = bus(1);
    rows.push((WAITS.to_owned(), waits, receivers));
    let (several, receivers) = bus(0);
    let twice = ["custom.bench.*", "*.x"].map(pattern);
    let subscribe = |_| several.subscribe(subscription(twice.to_vec()));
    let twice: Vec<Receiver> = (0..TWICE).map(subscribe).chain(receivers).collect();
    rows.push((format!("hearken/{TWICE}-by-two-patterns"), several, twice));
    let mut samples = vec![Samples::default(); rows.len()];
    for _ in 0..repetitions {
        for ((name, bus, receivers), samples) in rows.iter().zip(&mut samples) {
            let over = AtomicBool::new(false);
            samples.push(thread::scope(|scope| {
                if name == WAITS {
                    scope.spawn(|| wait_again_and_again(bus, &over));
                }
                let events = EVENTS / if receivers.len() == TWICE { 100 } else { 1 };
                let nanoseconds = nanoseconds_an_event(bus, &receivers[0], events);
                over.store(true, Ordering::Relaxed);
                nanoseconds
            }));
        }
    }
    for ((name, ..), samples) in rows.into_iter().zip(samples) {
        report.push(Row {
            suite: "routing",
            name,
            ns_per_event: Some(samples.median()),
            min: samples.min(),
            max: samples.max(),
            unit: "ns/event",
            ..Row::default()
        });
    }
}

/// The row beside somebody who waits again and again, for events of other types.
const WAITS: &str = "hearken/beside-waits";

fn wait_again_and_again(bus: &Bus, over: &AtomicBool) {
    let patterns = ["custom.reply.1", "custom.reply.*", "*.reply"].map(pattern);
    for wanted in patterns.iter().cycle() {
        drop(bus.wait_for(Filter::new(wanted.clone())));
        if over.load(Ordering::Relaxed) {
            return;
        }
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
            let pattern = pattern(&format!("custom.bench.{index}.*"));
            bus.subscribe(subscription(vec![pattern]))
        })
        .collect();
    (bus, receivers)
}

/// A plugin of 256 globs that have no beginning and no end.
fn worst(bus: &Bus, plugin: usize) -> Receiver {
    let globs = |at| {
        pattern(&format!(
            "*{{a,b,c,d}}*{plugin}*{at}*{{a,b,c,d}}*{{a,b,c,d}}*"
        ))
    };
    bus.subscribe(Subscription {
        kind: ReceiverKind::Plugin,
        ..subscription((0..4).map(globs).collect())
    })
}

fn pattern(text: &str) -> Pattern {
    Pattern::new(text).expect("a valid pattern")
}

fn subscription(patterns: Vec<Pattern>) -> Subscription {
    Subscription {
        name: "bench".into(),
        kind: ReceiverKind::Stream,
        filters: patterns.into_iter().map(Filter::new).collect(),
        limits: MailboxLimits::default(),
        // Only the first is ever emptied.
        overflow: Overflow::DropNewest,
        partitions: 1,
    }
}

fn nanoseconds_an_event(bus: &Bus, receiver: &Receiver, events: u32) -> f64 {
    let publisher = bus.publisher("/bench", "bench");
    // Of two types in turn: what is like the publisher's last event is not routed anew.
    let drafts = ["bench.0.x", "bench.0.y"]
        .map(|name| Draft::new(EventType::custom(name).expect("a valid type")));
    let began = Instant::now();
    for draft in drafts.iter().cycle().take(events as usize) {
        publisher.publish(draft).expect("a valid event");
        black_box(receiver.mailbox().try_recv(0)).expect("the receiver is open");
    }
    began.elapsed().as_nanos() as f64 / f64::from(events)
}
