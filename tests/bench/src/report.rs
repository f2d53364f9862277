//! Results: a table for people, or JSON lines.

use serde::Serialize;

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
    /// The median of the repetitions, where no field above says it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) median: Option<f64>,
    /// Smallest and largest of the repetitions, in `unit`.
    pub(crate) min: f64,
    pub(crate) max: f64,
    pub(crate) unit: &'static str,
}

/// Collects rows.
pub(crate) struct Report {
    json: bool,
    rows: Vec<Row>,
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
        self.0.get(self.0.len() / 2).copied().unwrap_or(f64::NAN)
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
        }
    }

    pub(crate) fn push(&mut self, row: Row) {
        if self.json {
            println!(
                "{}",
                serde_json::to_string(&row).expect("a row is plain data")
            );
        } else {
            eprintln!("measured {}", row.name);
        }
        self.rows.push(row);
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
                ("p99 ", row.p99_us),
                ("p99.9 ", row.p999_us),
            ];
            let result: Vec<String> = figures
                .iter()
                .filter_map(|(label, figure)| Some(format!("{label}{:.1}", (*figure)?)))
                .collect();
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
    }
}
