//! The same handler in several languages, from `publish` to handled.

use crate::Options;
use crate::contest::{Contender, Repeat, take_turns};
use crate::guests::component;
use crate::node::Node;
use crate::report::Report;
use crate::{languages, sustained};

const PAYLOADS: [usize; 1] = [256];

pub(crate) fn run(report: &mut Report, &Options { repetitions, .. }: &Options) {
    let mut contenders = [
        ("rust-framed", Ok(component("measured"))),
        ("rust-typed", Ok(component("measured-typed"))),
        ("javascript", languages::javascript()),
        ("python", languages::python()),
    ]
    .map(|(name, component)| {
        let repeat = component.map(|component| {
            let node = Node::start(&[(name.to_owned(), component.as_path(), sustained::MANIFEST)]);
            let repeat = move |payload| {
                let traffic = sustained::Traffic::ALIKE;
                sustained::nanoseconds_a_delivery(&node, payload, traffic)
            };
            Box::new(repeat) as Repeat
        });
        Contender::new(name, repeat)
    });
    let samples = take_turns(&mut contenders, &PAYLOADS, repetitions);
    for (contender, samples) in contenders.iter().zip(samples) {
        report.contender("guests", contender, &PAYLOADS, &samples);
    }
}
