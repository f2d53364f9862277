//! What is received over a link goes to the bus; what is missing is reported.

use std::sync::atomic::Ordering;

use tokio::time::Instant;

use super::context::Context;
use super::inbox::{Gap, Sink};
use super::messages::message_of;
use crate::bus::{MAX_BATCH, Publisher};
use crate::cluster::directory::node::Node;
use crate::cluster::timing::MEASURE;
use crate::event::cloudevent::rfc3339;
use crate::event::host_event::{ClusterGap, HostEventType};
use crate::event::{Event, ForeignError};
use crate::mesh::News;

/// Gaps of one node that have not been reported.
#[derive(Debug, Default)]
pub(in crate::cluster) struct Gaps {
    missing: Option<Missing>,
    reported: Option<Instant>,
    /// When the node took the event that came last.
    last_time: Option<u64>,
}

impl Gaps {
    /// None so far, behind an event that the node took at `last_time`.
    pub(in crate::cluster) fn behind(last_time: Option<u64>) -> Self {
        Self {
            last_time,
            ..Self::default()
        }
    }

    /// When the node took the event that came last.
    pub(in crate::cluster) fn last_time(&self) -> Option<u64> {
        self.last_time
    }

    /// Number of the first event in a gap that has not been reported.
    pub(in crate::cluster) fn first_untold(&self) -> Option<u64> {
        self.missing.map(|missing| missing.first)
    }
}

/// Several gaps as one.
#[derive(Clone, Copy, Debug)]
struct Missing {
    /// When the node took the event before the first.
    after: Option<u64>,
    first: u64,
    last: u64,
    count: u64,
}

/// Hands on what comes from one node.
pub(in crate::cluster) struct Deliver<'l> {
    /// Events that have not been handed on.
    events: Vec<Event>,
    publisher: &'l Publisher,
    context: &'l Context,
    node: &'l Node,
    gaps: &'l mut Gaps,
    /// Whether sessions have missed something that they were not told of.
    is_missed: bool,
}

impl<'l> Deliver<'l> {
    pub(in crate::cluster) fn new(
        publisher: &'l Publisher,
        context: &'l Context,
        node: &'l Node,
        gaps: &'l mut Gaps,
    ) -> Self {
        Self {
            events: Vec::new(),
            publisher,
            context,
            node,
            gaps,
            is_missed: false,
        }
    }

    /// Name of the node.
    pub(in crate::cluster) fn origin(&self) -> &'l str {
        &self.node.name
    }

    /// Hands on all that has not been.
    pub(in crate::cluster) fn end(&mut self) {
        self.flush();
        self.tell_missed();
    }

    /// Tells sessions that they have missed something, if they have.
    fn tell_missed(&mut self) {
        if std::mem::take(&mut self.is_missed) {
            self.hear(News::Gap(self.node.peer()));
        }
    }

    /// Has sessions hear something, if the node's are heard.
    fn hear(&self, news: News) {
        if let Some(ears) = &self.context.ears
            && self.node.is_heard()
        {
            ears.hear(news);
        }
    }

    /// Hands on the events that have not been.
    pub(in crate::cluster) fn flush(&mut self) {
        if self.events.is_empty() {
            return;
        }
        let received = &self.node.figures.received;
        received.fetch_add(self.events.len() as u64, Ordering::Relaxed);
        self.publisher.relay(&self.events);
        self.gaps.last_time = self.events.last().map(Event::recorded_time);
        self.events.clear();
    }

    /// Reports the gaps that have not been.
    pub(in crate::cluster) fn report_gaps(&mut self) {
        if let Some(missing) = self.gaps.missing {
            let known = Some((missing.last, missing.count));
            self.report(missing.after, missing.first, known);
            // Not before: a panic on the way would leave it untold.
            self.gaps.missing = None;
            self.gaps.reported = Some(Instant::now());
        }
    }

    fn report(&self, after: Option<u64>, first: u64, known: Option<(u64, u64)>) {
        let node = &self.node.name;
        let (last, count) = known.unzip();
        tracing::warn!(%node, first, last, count, "events of another node are missing");
        let data = ClusterGap {
            origin: node.to_string(),
            incarnation: self.node.incarnation.to_string(),
            after: after.map(rfc3339),
            first,
            last,
            count,
        };
        let host = &self.context.host;
        host.publish_host(HostEventType::ClusterGap, node, &data);
    }
}

impl Sink for Deliver<'_> {
    fn event(&mut self, event: Event) {
        if let Some(message) = message_of(&event) {
            // What came before is seen before.
            self.flush();
            self.tell_missed();
            let figures = &self.node.figures;
            figures.received.fetch_add(1, Ordering::Relaxed);
            let from = self.node.peer();
            return self.hear(News::Message { from, message });
        }
        self.events.push(event);
        if self.events.len() == MAX_BATCH {
            self.flush();
        }
    }

    fn gap(&mut self, gap: Gap) {
        // What came before is seen before.
        self.flush();
        self.is_missed = true;
        let Some(last) = gap.last else {
            self.report_gaps();
            self.report(self.gaps.last_time, gap.first, None);
            return;
        };
        let count = last - gap.first + 1;
        self.node.figures.gaps.fetch_add(count, Ordering::Relaxed);
        let after = self.gaps.last_time;
        let missing = self.gaps.missing.get_or_insert(Missing {
            after,
            first: gap.first,
            last,
            count: 0,
        });
        missing.last = last;
        missing.count += count;
        // A node that falls behind leaves gaps by the thousand.
        if self.gaps.reported.is_none_or(|at| at.elapsed() >= MEASURE) {
            self.report_gaps();
        }
    }

    fn broken(&mut self, number: u64, error: &ForeignError) {
        let node = &self.node.name;
        tracing::error!(%node, number, %error, "an event of another node breaks a rule and is left out");
        self.gap(Gap {
            first: number,
            last: Some(number),
        });
    }
}
