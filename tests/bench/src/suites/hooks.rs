//! What it costs a session to ask a plugin: from the question to the answer, one after the
//! other as a session asks, and the CPU of the process for each.

use hearken::session::{AboutSession, ChannelName, SessionHooks};
use tokio::time::Instant;

use crate::Options;
use crate::guests::component;
use crate::node::Node;
use crate::report::{Report, Row, Samples};
use crate::usage;

const MANIFEST: &str = "[allow]\nsessions = [\"bench\"]\n";

/// Questions of one measurement.
const QUESTIONS: usize = 10_000;

pub(crate) fn run(report: &mut Report, options: &Options) {
    let hooked = component("hooked");
    let node = Node::start(&[("hooked".to_owned(), &hooked, MANIFEST)]);
    let channel = ChannelName::new("bench:1").expect("a valid name");
    let data = b"{\"text\":\"hello\"}".as_slice().into();
    let session = AboutSession {
        client: "6f1c2a90-8a0e-4c9c-9d2e-6f5f3f7f2b11",
        user: "ada",
        meta: None,
    };
    let ask = async || {
        let asked = node.hooks.publish("hooked", session, &channel, &data);
        asked.await.expect("it answers").expect("it is asked");
    };
    node.run_on(async {
        for _ in 0..QUESTIONS {
            ask().await;
        }
    });
    let mut medians = Samples::default();
    let mut tails = Samples::default();
    let mut cpu = Samples::default();
    for _ in 0..options.repetitions {
        let before = cpu_seconds();
        let mut latencies = node.run_on(async {
            let mut latencies = Vec::with_capacity(QUESTIONS);
            for _ in 0..QUESTIONS {
                let asked = Instant::now();
                ask().await;
                latencies.push(asked.elapsed().as_secs_f64() * 1e6);
            }
            latencies
        });
        let spent = cpu_seconds() - before;
        latencies.sort_by(f64::total_cmp);
        medians.push(latencies[QUESTIONS / 2]);
        tails.push(latencies[QUESTIONS * 99 / 100]);
        cpu.push(spent * 1e6 / QUESTIONS as f64);
    }
    report.push(Row {
        suite: "hooks",
        name: "hearken/hook".to_owned(),
        p50_us: Some(medians.median()),
        p99_us: Some(tails.median()),
        min: medians.min(),
        max: medians.max(),
        unit: "µs (min and max of p50)",
        ..Row::default()
    });
    report.push(Row::of("hooks", "hearken/hook-cpu", &cpu, "µs of CPU"));
}

/// Seconds that this process has used of all CPUs.
fn cpu_seconds() -> f64 {
    usage::cpu_seconds(std::process::id()).unwrap_or(f64::NAN)
}
