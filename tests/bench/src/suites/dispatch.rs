//! Throughput of handing over events: Hearken from `publish` on one thread to
//! handled in the guest, sustained, beside the limits and the peers.

use crate::Options;
use crate::contest::{Contender, take_turns};
use crate::guests::component;
use crate::node::Node;
use crate::report::Report;
use crate::sustained::{MANIFEST, nanoseconds_a_delivery};
use crate::{limits, peers, sleep};

const PAYLOADS: [usize; 3] = [64, 256, 4096];

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

fn hearken() -> [Contender; 3] {
    let framed = component("measured");
    let typed = component("measured-typed");
    let one = |component| Node::start(&[("measured".to_owned(), component, MANIFEST)]);
    let many: Vec<_> = (0..FAN_OUT)
        .map(|index| (format!("measured-{index}"), framed.as_path(), MANIFEST))
        .collect();
    [
        ("hearken/framed", one(framed.as_path())),
        ("hearken/typed", one(typed.as_path())),
        ("hearken/fan-out-100", Node::start(&many)),
    ]
    .map(|(name, node)| {
        Contender::available(
            name,
            Box::new(move |payload| nanoseconds_a_delivery(&node, payload)),
        )
    })
}
