//! Figures of the links to other nodes, read at each scrape of `/metrics`.

use std::fmt;

use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Unit;

use super::figure::{Kind, encode};
use crate::admin::{LinkStatus, NodeStatus};

/// A figure that every link has.
struct LinkFigure {
    name: &'static str,
    help: &'static str,
    kind: Kind,
    value: fn(&LinkStatus) -> u64,
}

const LINK_FIGURES: [LinkFigure; 5] = [
    LinkFigure {
        name: "link_sent_events",
        help: "Events sent to the node, repetitions not counted",
        kind: Kind::Counter,
        value: |link| link.sent,
    },
    LinkFigure {
        name: "link_received_events",
        help: "Events received from the node, repetitions not counted",
        kind: Kind::Counter,
        value: |link| link.received,
    },
    LinkFigure {
        name: "link_dropped_events",
        help: "Events not sent to the node, since they did not fit into the queue",
        kind: Kind::Counter,
        value: |link| link.dropped,
    },
    LinkFigure {
        name: "link_gap_events",
        help: "Events of the node that are known to be missing here",
        kind: Kind::Counter,
        value: |link| link.gaps,
    },
    LinkFigure {
        name: "link_queued_events",
        help: "Events waiting to be sent to the node, or to be acknowledged by it",
        kind: Kind::Gauge,
        value: |link| link.queued,
    },
];

/// Writes the figures of all nodes to which there is a link.
pub(super) fn encode_links(
    encoder: &mut DescriptorEncoder<'_>,
    nodes: &[NodeStatus],
) -> fmt::Result {
    let links = || {
        nodes
            .iter()
            .filter_map(|node| Some((node, node.link.as_ref()?)))
    };
    for figure in &LINK_FIGURES {
        let metric_type = figure.kind.metric_type();
        let mut family = encoder.encode_descriptor(figure.name, figure.help, None, metric_type)?;
        for (node, link) in links() {
            let labels = [("node", node.name.as_str())];
            let metric = family.encode_family(&labels)?;
            encode(metric, figure.kind, (figure.value)(link))?;
        }
    }
    let help = "Time to the node and back, as last measured";
    let mut round_trips = encoder.encode_descriptor(
        "link_round_trip",
        help,
        Some(&Unit::Seconds),
        Kind::Gauge.metric_type(),
    )?;
    for (node, link) in links() {
        if let Some(milliseconds) = link.round_trip_ms {
            let labels = [("node", node.name.as_str())];
            let metric = round_trips.encode_family(&labels)?;
            ConstGauge::new(milliseconds / 1000.0).encode(metric)?;
        }
    }
    let help = "1 for the state that the link to the node is in";
    let metric_type = Kind::Gauge.metric_type();
    let mut states = encoder.encode_descriptor("link_state", help, None, metric_type)?;
    for (node, _) in links() {
        let labels = [("node", node.name.as_str()), ("state", node.state.as_str())];
        encode(states.encode_family(&labels)?, Kind::Gauge, 1)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
