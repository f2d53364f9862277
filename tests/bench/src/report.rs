//! Results: a table for people, or JSON lines.

use serde::Serialize;

use crate::contest::Contender;

/// One line of results; the fields that apply are set.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Row {
    pub(crate) suite: &'static str,
    pub(crate) name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) payload: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) ns_per_event: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) events_per_s: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) p50_us: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) p99_us: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) p999_us: Option<f64>,
    /// The 95th percentile of the repetitions, in `unit`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) p95: Option<f64>,
    /// The median of the repetitions, where no field above says it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) median: Option<f64>,
    /// Syncs of files, divided by the events.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) syncs_per_event: Option<f64>,
    /// Smallest and largest of the repetitions, in `unit`.
    pub(crate) min: f64,
    pub(crate) max: f64,
    pub(crate) unit: &'static str,
}

impl Row {
    /// The median of the repetitions, with the smallest and the largest of them.
    pub(crate) fn of(
        suite: &'static str,
        name: impl Into<String>,
        samples: &Samples,
        unit: &'static str,
    ) -> Self {
        Self {
            suite,
            name: name.into(),
            median: Some(samples.median()),
            min: samples.min(),
            max: samples.max(),
            unit,
            ..Self::default()
        }
    }
}

/// What could not be measured here.
#[derive(Clone, Debug, Serialize)]
struct Skipped {
    suite: &'static str,
    name: String,
    skipped: String,
}

/// Collects rows.
pub(crate) struct Report {
    json: bool,
    rows: Vec<Row>,
    skipped: Vec<Skipped>,
}

/// Repetitions of one measurement.
#[derive(Clone, Debug, Default)]
pub(crate) struct Samples(Vec<f64>);

impl Samples {
    pub(crate) fn push(&mut self, sample: f64) {
        self.0.push(sample);
        self.0.sort_by(f64::total_cmp);
    }

    pub(crate) fn median(&self) -> f64 {
        self.percentile(0.5)
    }

    /// The smallest sample that at least this share of the samples does not exceed.
    pub(crate) fn percentile(&self, share: f64) -> f64 {
        let index = (self.0.len() as f64 * share).ceil() as usize;
        let sample = self.0.get(index.saturating_sub(1));
        sample.copied().unwrap_or(f64::NAN)
    }

    pub(crate) fn min(&self) -> f64 {
        self.0.first().copied().unwrap_or(f64::NAN)
    }

    pub(crate) fn max(&self) -> f64 {
        self.0.last().copied().unwrap_or(f64::NAN)
    }
}

impl Report {
    pub(crate) fn new(json: bool) -> Self {
        Self {
            json,
            rows: Vec::new(),
            skipped: Vec::new(),
        }
    }

    pub(crate) fn push(&mut self, row: Row) {
        self.tell(&row);
        self.rows.push(row);
    }

    /// Rows of nanoseconds an event, one for each payload; or why there are none.
    pub(crate) fn contender(
        &mut self,
        suite: &'static str,
        contender: &Contender,
        payloads: &[usize],
        samples: &[Samples],
    ) {
        if let Some(reason) = contender.unavailable() {
            return self.skip(suite, &contender.name, reason);
        }
        for (payload, samples) in payloads.iter().zip(samples) {
            self.push(Row {
                suite,
                name: contender.name.clone(),
                payload: Some(*payload),
                ns_per_event: Some(samples.median()),
                events_per_s: Some(1e9 / samples.median()),
                min: samples.min(),
                max: samples.max(),
                unit: "ns/event",
                ..Row::default()
            });
        }
    }

    /// Says that a row is missing, and why.
    pub(crate) fn skip(&mut self, suite: &'static str, name: &str, reason: &str) {
        let skipped = Skipped {
            suite,
            name: name.to_owned(),
            skipped: reason.to_owned(),
        };
        self.tell(&skipped);
        self.skipped.push(skipped);
    }

    fn tell(&self, line: &impl Serialize) {
        if self.json {
            println!(
                "{}",
                serde_json::to_string(line).expect("a line is plain data")
            );
        }
    }

    pub(crate) fn finish(self) {
        if self.json {
            return;
        }
        println!("| measurement | payload | result | min | max | unit |");
        println!("| --- | ---: | ---: | ---: | ---: | --- |");
        for row in self.rows {
            let payload = row
                .payload
                .map(|bytes| bytes.to_string())
                .unwrap_or_default();
            let figures = [
                ("", row.ns_per_event.or(row.median)),
                ("p50 ", row.p50_us),
                ("p95 ", row.p95),
                ("p99 ", row.p99_us),
                ("p99.9 ", row.p999_us),
            ];
            let mut result: Vec<String> = figures
                .iter()
                .filter_map(|(label, figure)| Some(format!("{label}{:.1}", (*figure)?)))
                .collect();
            if let Some(syncs) = row.syncs_per_event {
                result.push(format!("{syncs:.3} syncs an event"));
            }
            println!(
                "| {}/{} | {payload} | {} | {:.1} | {:.1} | {} |",
                row.suite,
                row.name,
                result.join(", "),
                row.min,
                row.max,
                row.unit
            );
        }
        for Skipped {
            suite,
            name,
            skipped,
        } in self.skipped
        {
            println!("\nNot measured: {suite}/{name}: {skipped}");
        }
    }
}
