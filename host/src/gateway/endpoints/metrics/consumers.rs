//! Figures of plugins' places in channels.

use std::fmt;

use prometheus_client::encoding::DescriptorEncoder;

use super::figure::{Kind, encode};
use crate::admin::{ConsumedStatus, PluginStatus};

/// A figure that every consumer has.
struct Figure {
    name: &'static str,
    help: &'static str,
    kind: Kind,
    value: fn(&ConsumedStatus) -> u64,
}

const FIGURES: [Figure; 6] = [
    Figure {
        name: "consumer_lag_events",
        help: "Events of the channel that the plugin has not handled yet",
        kind: Kind::Gauge,
        value: |consumer| consumer.lag,
    },
    Figure {
        name: "consumer_in_flight_events",
        help: "Events of the channel that the plugin's instances have in hand",
        kind: Kind::Gauge,
        value: |consumer| consumer.in_flight as u64,
    },
    Figure {
        name: "consumer_stalled_attempts",
        help: "Attempts that have failed with the oldest event that is tried again",
        kind: Kind::Gauge,
        value: |consumer| {
            let stalled = consumer.stalled.as_ref();
            stalled.map_or(0, |stalled| stalled.attempts.into())
        },
    },
    Figure {
        name: "consumer_waiting",
        help: "1 if the channel is not there or cannot be read",
        kind: Kind::Gauge,
        value: |consumer| u64::from(consumer.waiting.is_some()),
    },
    Figure {
        name: "consumer_dead_letters",
        help: "Events that became dead letters",
        kind: Kind::Counter,
        value: |consumer| consumer.dead,
    },
    Figure {
        name: "consumer_missed_events",
        help: "Events that the channel dropped before the plugin had handled them",
        kind: Kind::Counter,
        value: |consumer| consumer.missed,
    },
];

/// Writes them.
pub(super) fn encode_consumers(
    encoder: &mut DescriptorEncoder<'_>,
    plugins: &[PluginStatus],
) -> fmt::Result {
    for figure in &FIGURES {
        let kind = figure.kind.metric_type();
        let mut family = encoder.encode_descriptor(figure.name, figure.help, None, kind)?;
        for plugin in plugins {
            for consumer in &plugin.consumers {
                let labels = [("plugin", &*plugin.name), ("channel", &*consumer.channel)];
                let metric = family.encode_family(&labels)?;
                encode(metric, figure.kind, (figure.value)(consumer))?;
            }
        }
    }
    Ok(())
}
