//! Time from `publish` to handled, open loop at 10,000 events/s, alone and
//! beside plugins that spin.

use std::borrow::Cow;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use hearken::event::{Draft, EventType};
use serde_json::Value;
use tokio::time::Instant;

use crate::guests::component;
use crate::node::Node;
use crate::report::{Report, Row, Samples};

const INTERVAL: Duration = Duration::from_micros(100);

/// Events of one repetition: two seconds' worth.
const EVENTS: u32 = 20_000;

/// Bytes of data of an event.
const PAYLOAD: usize = 256;

/// A hog must outlive the measurement.
const HOG_MANIFEST: &str = "[limits]\ndeadline = \"1h\"\n";

pub(crate) fn run(report: &mut Report, repetitions: usize) {
    let measured = component("measured");
    let hog = component("hog");
    for hogs in [0, 1, 8] {
        let mut plugins: Vec<(String, &Path, &str)> = vec![("measured".to_owned(), &measured, "")];
        plugins
            .extend((0..hogs).map(|index| (format!("hog-{index}"), hog.as_path(), HOG_MANIFEST)));
        let node = Node::start(&plugins);
        let start_hogs = Draft::new(EventType::custom("hog").expect("a valid type"));
        node.publisher()
            .publish(&start_hogs)
            .expect("a valid event");
        let mut samples: [Samples; 3] = Default::default();
        for _ in 0..repetitions {
            let percentiles = percentiles(&node);
            for (samples, percentile) in samples.iter_mut().zip(percentiles) {
                samples.push(percentile);
            }
        }
        let [p50, p99, p999] = &samples;
        report.push(Row {
            suite: "latency",
            name: match hogs {
                0 => "hearken/alone".to_owned(),
                1 => "hearken/beside-1-hog".to_owned(),
                hogs => format!("hearken/beside-{hogs}-hogs"),
            },
            payload: Some(PAYLOAD),
            p50_us: Some(p50.median()),
            p99_us: Some(p99.median()),
            p999_us: Some(p999.median()),
            min: p99.min(),
            max: p99.max(),
            unit: "µs (min and max of p99)",
            ..Row::default()
        });
        abandon(node);
    }
}

/// The hogs would use up the whole deadline of an orderly end.
fn abandon(node: Node) {
    for plugin in hearken::admin::PluginAdmin::list(&*node.plugins) {
        let _ = std::fs::remove_file(node.file(&plugin.name, "wasm"));
    }
    std::mem::forget(node);
}

fn percentiles(node: &Node) -> [f64; 3] {
    let publisher = node.publisher();
    let reported = node.receiver("custom.bench.reported");
    let mut data = vec![0; PAYLOAD];
    let timed = EventType::custom("bench.timed").expect("a valid type");
    let began = Instant::now();
    for number in 0..EVENTS {
        while began.elapsed() < INTERVAL * number {
            std::hint::spin_loop();
        }
        #[expect(
            clippy::disallowed_methods,
            reason = "the guest subtracts it from its own clock, to the nanosecond"
        )]
        let now = SystemTime::now();
        let now = now.duration_since(UNIX_EPOCH).unwrap_or_default();
        let now = u64::try_from(now.as_nanos()).unwrap_or(u64::MAX);
        data[..8].copy_from_slice(&now.to_le_bytes());
        let draft = Draft {
            data: Some(Cow::Borrowed(&data)),
            ..Draft::new(timed.clone())
        };
        publisher.publish(&draft).expect("a valid event");
    }
    let ask = Draft::new(EventType::custom("bench.report").expect("a valid type"));
    publisher.publish(&ask).expect("a valid event");
    let answer = node.next(&reported);
    let answer: Value =
        serde_json::from_slice(answer.data().unwrap_or_default()).expect("the guest sends JSON");
    assert_eq!(answer["events"], EVENTS, "every event was handled");
    ["p50", "p99", "p999"].map(|name| answer[name].as_f64().unwrap_or(f64::NAN) / 1e3)
}
