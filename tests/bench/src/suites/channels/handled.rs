//! Appending what a plugin handles, until it has handled all.

use std::time::Duration;

use hearken_bench_stopwatch::role::DEADLINE;
use hearken_bench_stopwatch::{Consume, Error, Logged, clock};
use serde_json::Value;
use tokio::time::{Instant, sleep};

use super::body::Bodies;
use super::connection::{Connection, append_until, request};

/// Where the plugin stores how long events took.
const REPORTS: &str = "/v1/channels/bench-report";

/// Between two looks how far the plugin is.
const LOOK_AGAIN: Duration = Duration::from_millis(2);

/// Asks how far the plugin is.
pub(super) struct Handled<'c>(pub(super) &'c mut Connection);

impl Handled<'_> {
    /// Appends to a channel by the other connections, and waits until the plugin that
    /// listens to it has handled all.
    pub(super) async fn consume(
        mut self,
        channel: &str,
        connections: Vec<Connection>,
        task: Consume,
    ) -> Result<(Vec<Connection>, Logged), Error> {
        let create = request("PUT", REPORTS, "{}");
        self.0.send(&create).await?.expect(&[200, 201])?;
        let reports = self.show(REPORTS).await?["last"].as_u64();
        self.all(channel).await?;

        let bodies = Bodies::new(task.append, task.subjects);
        let (target, each) = (format!("{channel}/events"), bodies.each());
        let requests = move |turn: usize| request("POST", &target, &bodies.body(turn));
        let began = clock::now();
        let end = Instant::now() + task.append.time();
        let appended = append_until(end, connections, each, requests);
        let (connections, events) = appended.await?;
        self.all(channel).await?;
        let nanoseconds = clock::now().saturating_sub(began);

        let report = self.report(reports.unwrap_or_default()).await?;
        if report["events"] != events {
            let handled = &report["events"];
            return Err(format!("{events} events were stored and {handled} handled").into());
        }
        let microseconds = |name: &str| Some(report[name].as_f64()? / 1e3);
        let logged = Logged {
            events,
            nanoseconds,
            p50: microseconds("p50"),
            p99: microseconds("p99"),
        };
        Ok((connections, logged))
    }

    async fn show(&mut self, target: &str) -> Result<Value, Error> {
        let shown = self.0.send(&request("GET", target, "")).await?;
        Ok(serde_json::from_slice(&shown.expect(&[200])?.body)?)
    }

    /// Waits until the plugin has handled all of the channel.
    async fn all(&mut self, channel: &str) -> Result<(), Error> {
        let deadline = Instant::now() + DEADLINE;
        loop {
            let shown = self.show(channel).await?;
            let consumer = &shown["consumers"][0];
            if consumer["lag"] == 0 && consumer["waiting"].is_null() {
                return Ok(());
            }
            if Instant::now() > deadline {
                return Err(format!("the plugin does not get on: {consumer}").into());
            }
            sleep(LOOK_AGAIN).await;
        }
    }

    /// Has the plugin tell how long events took, in the report behind this one.
    async fn report(&mut self, last: u64) -> Result<Value, Error> {
        let ask = request("POST", "/v1/events", r#"{"type":"bench.report"}"#);
        self.0.send(&ask).await?.expect(&[202])?;
        let wait = DEADLINE.as_secs();
        let mut page = self
            .show(&format!("{REPORTS}/events?after={last}&wait={wait}s"))
            .await?;
        let report = page.pointer_mut("/events/0/data").map(Value::take);
        report.ok_or_else(|| "the plugin does not report".into())
    }
}
