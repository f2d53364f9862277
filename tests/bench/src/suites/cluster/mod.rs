//! Events from one node to others: Hearken's links beside message brokers, all of
//! them between processes of their own on the loopback interface. Each measurement
//! has the machine to itself: its processes are started for it and then stopped.

mod broker;
mod node;
mod session;

use hearken_bench_stopwatch::Task;

use crate::Options;
use crate::report::{Report, Row, Samples};
use broker::Broker;
use session::{Launch, Measured};

pub(crate) use node::{Role, run as run_node};

const PAYLOADS: [usize; 2] = [128, 1024];

/// Receivers of the fan-out.
const FAN_OUT: usize = 4;

/// Bytes that are published to find a throughput.
const BYTES: usize = 200 << 20;

/// Most events that are published to find a throughput.
const MAX_EVENTS: usize = 400_000;

/// Nanoseconds from one event to the next where the latency is measured.
const INTERVAL: u64 = 100_000;

/// Events before a measurement, which are not counted.
const WARM_UP: u64 = 2_000;

/// Events whose latency one repetition measures: a second's worth.
const TIMED: u64 = 10_000;

/// One way to get events to other processes.
struct Contender {
    name: &'static str,
    launch: Result<Box<dyn Launch>, String>,
}

/// What is found out about a contender with one payload.
#[derive(Clone, Default)]
struct Found {
    /// Nanoseconds an event, to one receiver.
    to_one: Samples,
    /// Nanoseconds a delivery, to several.
    to_several: Samples,
    /// Microseconds from sent to received.
    p50: Samples,
    p99: Samples,
}

pub(crate) fn run(report: &mut Report, options: &Options) {
    let mut contenders = vec![Contender {
        name: "hearken/link",
        launch: Ok(Box::new(node::Cluster)),
    }];
    contenders.extend(Broker::ALL.map(|broker| Contender {
        name: broker.name(),
        launch: Ok(Box::new(broker)),
    }));
    contenders.retain(|contender| options.wants(contender.name));
    for contender in &mut contenders {
        if let Ok(launch) = &mut contender.launch
            && let Err(reason) = launch.prepare()
        {
            contender.launch = Err(reason);
        }
    }
    let mut found = vec![vec![Found::default(); PAYLOADS.len()]; contenders.len()];
    for repetition in 0..options.repetitions {
        eprintln!("repetition {} of {}", repetition + 1, options.repetitions);
        for (at, payload) in PAYLOADS.into_iter().enumerate() {
            for (contender, found) in contenders.iter().zip(&mut found) {
                if let Ok(launch) = &contender.launch {
                    let repeated = found[at].repeat(launch.as_ref(), payload);
                    repeated.unwrap_or_else(|reason| panic!("{}: {reason}", contender.name));
                }
            }
        }
    }
    for (contender, found) in contenders.iter().zip(&found) {
        match &contender.launch {
            Ok(_) => tell(report, contender.name, found),
            Err(reason) => report.skip("cluster", contender.name, reason),
        }
    }
}

impl Found {
    /// Measures everything once.
    fn repeat(&mut self, launch: &dyn Launch, payload: usize) -> Result<(), String> {
        let warm_up = Task {
            events: WARM_UP,
            payload,
            interval: None,
            warm_up: 0,
        };
        let events = u64::try_from(MAX_EVENTS.min(BYTES / payload)).expect("not that many");
        let throughput = Task { events, ..warm_up };
        let mut one = launch.start(1)?;
        one.run(warm_up)?;
        self.to_one.push(nanoseconds(&one.run(throughput)?, events));
        let latency = one.run(Task {
            events: WARM_UP + TIMED,
            interval: Some(INTERVAL),
            warm_up: WARM_UP,
            ..warm_up
        })?;
        self.p50.push(latency.p50);
        self.p99.push(latency.p99);
        drop(one);
        let mut several = launch.start(FAN_OUT)?;
        several.run(warm_up)?;
        let deliveries = events * FAN_OUT as u64;
        self.to_several
            .push(nanoseconds(&several.run(throughput)?, deliveries));
        Ok(())
    }
}

/// Nanoseconds for each of so many.
fn nanoseconds(measured: &Measured, count: u64) -> f64 {
    measured.nanoseconds as f64 / count as f64
}

fn tell(report: &mut Report, name: &str, found: &[Found]) {
    let to_several = format!("{name}-to-{FAN_OUT}");
    for (name, unit, samples) in [
        (
            name,
            "ns/event",
            (|found| &found.to_one) as fn(&Found) -> &Samples,
        ),
        (&to_several, "ns/delivery", |found| &found.to_several),
    ] {
        for (payload, found) in PAYLOADS.into_iter().zip(found) {
            let samples = samples(found);
            report.push(Row {
                suite: "cluster",
                name: name.to_owned(),
                payload: Some(payload),
                ns_per_event: Some(samples.median()),
                events_per_s: Some(1e9 / samples.median()),
                min: samples.min(),
                max: samples.max(),
                unit,
                ..Row::default()
            });
        }
    }
    for (payload, found) in PAYLOADS.into_iter().zip(found) {
        report.push(Row {
            suite: "cluster",
            name: format!("{name}-latency"),
            payload: Some(payload),
            p50_us: Some(found.p50.median()),
            p99_us: Some(found.p99.median()),
            min: found.p99.min(),
            max: found.p99.max(),
            unit: "µs (min and max of p99)",
            ..Row::default()
        });
    }
}
