//! What Hearken's figures are to be.

use super::found::{Found, Sizes, row};
use super::{hearken, write_loop};
use crate::report::{Report, Samples};

/// Holds the figures against what they are to be, as far as they are there.
pub(super) fn tell(report: &mut Report, all: &[Found], sizes: Sizes) {
    let named = |name: &str| {
        let mut whole = all.iter().filter(|found| found.is_whole());
        whole.find(|found| found.name == name)
    };
    let Some(own) = named(hearken::NAME) else {
        return;
    };
    let name = hearken::NAME;
    if let Some(limit) = named(write_loop::NAME) {
        for (sessions, own, limit) in [
            (sizes.some, &own.to_some, &limit.to_some),
            (sizes.many, &own.to_many, &limit.to_many),
        ] {
            let name = format!("{name}, to {sessions} sessions, beside the loop of writes");
            let share = own.to_all.median() / limit.to_all.median();
            percent(report, name, share, "% of its time (130 at most)");
        }
    }
    let peers = all
        .iter()
        .filter(|found| found.is_whole() && found.name.starts_with("peer/"));
    let best = peers.map(|found| found.rate.median()).reduce(f64::max);
    if let Some(best) = best {
        let name = format!("{name}, one after the other, beside the best peer");
        let share = own.rate.median() / best;
        percent(report, name, share, "% of its messages/s (200 at least)");
    }
    let connecting = own.connecting_cpu.median() / 5_000.0;
    let of_5000 = format!("{name}, connecting and subscribing, beside 5,000 a second and core");
    percent(report, of_5000, connecting, "% of that (100 at least)");
    let of_8_kib = format!("{name}, idle, beside 8 KiB a session");
    let share = own.idle.median() / 8.0;
    percent(report, of_8_kib, share, "% of that (100 at most)");
}

fn percent(report: &mut Report, name: String, share: f64, unit: &'static str) {
    let mut samples = Samples::default();
    samples.push(share * 100.0);
    report.push(row(name, &samples, unit));
}
