//! The same listener in several languages, and made of a script by other tools: from a save to
//! a version that listens, the start of an instance and its memory, and what events cost.

mod events;
mod guest;
mod idle;
mod live;

use crate::Options;
use crate::report::{Report, Row, Samples};
use guest::Guest;

pub(crate) fn run(report: &mut Report, options: &Options) {
    let mut guests = Vec::new();
    for (name, guest) in guest::all(|name| options.wants(name)) {
        match guest {
            Ok(guest) => guests.push(guest),
            Err(reason) => report.skip("guests", name, &reason),
        }
    }
    for guest in &guests {
        live_row(report, guest, options.repetitions);
    }
    for guest in &guests {
        idle_rows(report, guest, options.repetitions);
    }
    events::measure(report, &guests, options.repetitions);
}

fn live_row(report: &mut Report, guest: &Guest, repetitions: usize) {
    eprintln!("{}: from a save to live", guest.name);
    let name = format!("{}/live", guest.name);
    match live::measure(guest, repetitions) {
        Ok(samples) => report.push(Row {
            p95: Some(samples.percentile(0.95)),
            ..row(name, guest.saved(), &samples)
        }),
        Err(reason) => report.skip("guests", &name, &reason),
    }
}

fn idle_rows(report: &mut Report, guest: &Guest, repetitions: usize) {
    eprintln!("{}: idle instances", guest.name);
    match idle::measure(guest, repetitions) {
        Ok(idle) => {
            let name = format!("{}/start", guest.name);
            report.push(row(name, "ms of CPU, an instance", &idle.start));
            let name = format!("{}/memory", guest.name);
            report.push(row(
                name,
                "KiB that an idle instance has written",
                &idle.memory,
            ));
        }
        Err(reason) => report.skip("guests", &format!("{}/start", guest.name), &reason),
    }
}

fn row(name: String, unit: &'static str, samples: &Samples) -> Row {
    Row::of("guests", name, samples, unit)
}
