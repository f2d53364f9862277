//! Time from `publish` to handled, open loop at 10,000 events/s, alone and beside
//! neighbours of every kind; and how late a deadline comes.

use std::borrow::Cow;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use hearken::event::{Draft, EventType};
use serde_json::Value;
use tokio::time::Instant;

use super::deadline;
use crate::Options;
use crate::guests::component;
use crate::node::Node;
use crate::report::{Report, Row, Samples};
use crate::sleep;

/// From one event to the next.
const INTERVAL: Duration = Duration::from_micros(100);

/// Events that are handled before the measurement, so that the neighbours are at
/// it when it begins.
const WARM_UP: u32 = 2_000;

/// Events of one repetition: two seconds' worth.
const EVENTS: u32 = 20_000;

/// Events between two that the neighbours get, where one is not enough.
const NUDGE_EVERY: u32 = 50;

/// For how long the neighbours act: longer than a repetition takes.
const ACT: Duration = Duration::from_millis(2_700);

/// Longest time that neighbours take to come to rest.
const REST: Duration = Duration::from_secs(60);

/// Bytes of data of an event.
const PAYLOAD: usize = 256;

/// A neighbour may take as long as a repetition.
const NEIGHBOUR_MANIFEST: &str = "[limits]\ndeadline = \"1m\"\n";

/// Plugins beside the measured one.
struct Neighbours {
    name: &'static str,
    guest: &'static str,
    count: u32,
    /// Whether they need an event now and again to go on.
    nudge: bool,
}

const NEIGHBOURS: [Neighbours; 5] = [
    Neighbours {
        name: "hearken/alone",
        guest: "hog",
        count: 0,
        nudge: false,
    },
    Neighbours {
        name: "hearken/beside-1-hog",
        guest: "hog",
        count: 1,
        nudge: false,
    },
    Neighbours {
        name: "hearken/beside-8-hogs",
        guest: "hog",
        count: 8,
        nudge: false,
    },
    Neighbours {
        name: "hearken/beside-8-leakers",
        guest: "leaker",
        count: 8,
        nudge: true,
    },
    Neighbours {
        name: "hearken/beside-8-loggers",
        guest: "log-flood",
        count: 8,
        nudge: false,
    },
];

/// A node of its own for each row, whose neighbours rest until they are told to act.
struct Contender {
    neighbours: &'static Neighbours,
    node: Node,
    /// Events that each neighbour got.
    told: u64,
}

pub(crate) fn run(report: &mut Report, &Options { repetitions, .. }: &Options) {
    sleep::sharpen();
    let mut contenders: Vec<Contender> = NEIGHBOURS.iter().map(Contender::start).collect();
    let mut samples: [[Samples; 3]; NEIGHBOURS.len()] = Default::default();
    for repetition in 0..repetitions {
        eprintln!("repetition {} of {repetitions}", repetition + 1);
        for (contender, samples) in contenders.iter_mut().zip(&mut samples) {
            for (samples, percentile) in samples.iter_mut().zip(contender.percentiles()) {
                samples.push(percentile);
            }
        }
    }
    for (neighbours, [p50, p99, p999]) in NEIGHBOURS.iter().zip(samples) {
        report.push(Row {
            suite: "latency",
            name: neighbours.name.to_owned(),
            payload: Some(PAYLOAD),
            p50_us: Some(p50.median()),
            p99_us: Some(p99.median()),
            p999_us: Some(p999.median()),
            min: p99.min(),
            max: p99.max(),
            unit: "µs (min and max of p99)",
            ..Row::default()
        });
    }
    report_deadline(report);
}

/// Of a deadline of 100 ms, from `publish` to the report of the failure.
fn report_deadline(report: &mut Report) {
    let samples = deadline::measure();
    report.push(Row {
        suite: "latency",
        name: "hearken/deadline".to_owned(),
        p50_us: Some(samples.median()),
        p99_us: Some(samples.percentile(0.99)),
        min: samples.min(),
        max: samples.max(),
        unit: "µs",
        ..Row::default()
    });
}

impl Contender {
    fn start(neighbours: &'static Neighbours) -> Self {
        let measured = component("measured");
        let neighbour = component(neighbours.guest);
        let mut plugins: Vec<(String, &Path, &str)> = vec![("measured".to_owned(), &measured, "")];
        plugins.extend((0..neighbours.count).map(|index| {
            let name = neighbours.plugin(index);
            (name, neighbour.as_path(), NEIGHBOUR_MANIFEST)
        }));
        Self {
            neighbours,
            node: Node::start(&plugins),
            told: 0,
        }
    }

    /// p50, p99 and p99.9 of one repetition, in microseconds.
    fn percentiles(&mut self) -> [f64; 3] {
        let reported = self.node.receiver("custom.bench.reported");
        let end = nanoseconds_from_now(ACT).to_le_bytes();
        self.act(&end);
        let mut data = vec![0; PAYLOAD];
        let began = Instant::now();
        for number in 0..WARM_UP + EVENTS {
            sleep::until(began + INTERVAL * number);
            if self.neighbours.nudge && number % NUDGE_EVERY == 0 {
                self.act(&end);
            }
            data[..8].copy_from_slice(&nanoseconds_of(now()).to_le_bytes());
            self.publish(
                if number < WARM_UP {
                    "bench.count"
                } else {
                    "bench.timed"
                },
                &data,
            );
        }
        self.publish("bench.report", &[]);
        let answer = self.node.next(&reported);
        let answer: Value = serde_json::from_slice(answer.data().unwrap_or_default())
            .expect("the guest sends JSON");
        assert_eq!(answer["events"], EVENTS, "every event was handled");
        self.rest();
        ["p50", "p99", "p999"].map(|name| answer[name].as_f64().unwrap_or(f64::NAN) / 1e3)
    }

    /// Tells the neighbours until when to act.
    fn act(&mut self, end: &[u8]) {
        self.publish("bench.act", end);
        self.told += 1;
    }

    fn publish(&self, event_type: &str, data: &[u8]) {
        let draft = Draft {
            data: Some(Cow::Borrowed(data)),
            ..Draft::new(EventType::custom(event_type).expect("a valid type"))
        };
        let publisher = self.node.publisher();
        publisher.publish(&draft).expect("a valid event");
    }

    /// Waits until no neighbour acts any more, so that the next row is not beside it.
    fn rest(&self) {
        let deadline = Instant::now() + REST;
        for index in 0..self.neighbours.count {
            let name = self.neighbours.plugin(index);
            loop {
                let counters = self.node.status(&name).counters;
                if counters.delivered + counters.dropped == self.told {
                    break;
                }
                assert!(
                    Instant::now() < deadline,
                    "{name} is still at it: {counters:?}"
                );
                sleep::until(Instant::now() + Duration::from_millis(1));
            }
        }
    }
}

impl Neighbours {
    /// Name of one of them.
    fn plugin(&self, index: u32) -> String {
        format!("{}-{index}", self.guest)
    }
}

/// The wall clock, which the guest reads too.
#[expect(
    clippy::disallowed_methods,
    reason = "the guest subtracts it from its own clock, to the nanosecond"
)]
fn now() -> SystemTime {
    SystemTime::now()
}

/// What a guest's clock says after that time.
pub(super) fn nanoseconds_from_now(time: Duration) -> u64 {
    nanoseconds_of(now() + time)
}

fn nanoseconds_of(time: SystemTime) -> u64 {
    let time = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}
