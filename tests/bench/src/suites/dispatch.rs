//! Throughput of handing over events: Hearken from `publish` on one thread to
//! handled in the guest, sustained, beside the limits and the peers.

use std::path::Path;

use crate::Options;
use crate::contest::{Contender, take_turns};
use crate::guests::component;
use crate::node::Node;
use crate::report::Report;
use crate::sustained::{MANIFEST, Traffic, nanoseconds_a_delivery, nanoseconds_an_overflow};
use crate::{limits, peers, sleep};

const PAYLOADS: [usize; 3] = [64, 256, 4096];

/// Subjects that take turns.
const SUBJECTS: usize = 64;

/// Receivers of the fan-out.
const FAN_OUT: usize = 100;

pub(crate) fn run(report: &mut Report, options: &Options) {
    sleep::sharpen();
    let mut contenders = limits::contenders();
    contenders.extend(hearken());
    if peers::ROWS.iter().any(|row| options.wants(row)) {
        contenders.extend(peers::contenders());
    }
    contenders.retain(|contender| options.wants(&contender.name));
    let payloads = match &options.payload {
        Some(payload) => std::slice::from_ref(payload),
        None => &PAYLOADS,
    };
    let samples = take_turns(&mut contenders, payloads, options.repetitions);
    for (contender, samples) in contenders.iter().zip(samples) {
        report.contender("dispatch", contender, payloads, &samples);
    }
}

fn hearken() -> Vec<Contender> {
    let framed = component("measured");
    let typed = component("measured-typed");
    let one = |component: &Path, manifest: &str| {
        Node::start(&[("measured".to_owned(), component, manifest)])
    };
    let many: Vec<_> = (0..FAN_OUT)
        .map(|index| (format!("measured-{index}"), framed.as_path(), MANIFEST))
        .collect();
    let alike = Traffic::ALIKE;
    let subjects = Traffic {
        subjects: SUBJECTS,
        ..alike
    };
    let traced = Traffic {
        traced: true,
        ..alike
    };
    let two = Traffic {
        publishers: 2,
        ..alike
    };
    let instances = |count| format!("concurrency = {count}\n{MANIFEST}");
    let mut contenders: Vec<Contender> = [
        ("hearken/framed", one(&framed, MANIFEST), alike),
        ("hearken/typed", one(&typed, MANIFEST), alike),
        ("hearken/fan-out-100", Node::start(&many), alike),
        ("hearken/subjects", one(&framed, MANIFEST), subjects),
        ("hearken/traced", one(&framed, MANIFEST), traced),
        ("hearken/two-publishers", one(&framed, MANIFEST), two),
        (
            "hearken/concurrency-2",
            one(&framed, &instances(2)),
            subjects,
        ),
        (
            "hearken/concurrency-8",
            one(&framed, &instances(8)),
            subjects,
        ),
    ]
    .into_iter()
    .map(|(name, node, traffic)| {
        let repeat = move |payload| nanoseconds_a_delivery(&node, payload, traffic);
        Contender::available(name, Box::new(repeat))
    })
    .collect();
    let node = one(&framed, MANIFEST);
    node.pause("measured");
    let repeat = move |payload| nanoseconds_an_overflow(&node, payload);
    contenders.push(Contender::available("hearken/overflow", Box::new(repeat)));
    contenders
}
