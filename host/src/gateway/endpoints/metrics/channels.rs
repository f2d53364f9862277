//! Figures of the channels and of what keeps them.

use std::fmt;

use hearken_channel_log::{ChannelState, Counters};
use prometheus_client::encoding::DescriptorEncoder;

use super::figure::{Kind, encode};
use crate::channel::{ChannelStatus, Channels};

/// A figure that everything of one kind has.
struct Figure<T> {
    name: &'static str,
    help: &'static str,
    kind: Kind,
    value: fn(&T) -> u64,
}

const CHANNEL_FIGURES: [Figure<ChannelStatus>; 7] = [
    Figure {
        name: "channel_first_sequence",
        help: "Number of the oldest event that the channel keeps",
        kind: Kind::Gauge,
        value: |channel| channel.info.first,
    },
    Figure {
        name: "channel_last_sequence",
        help: "Number of the channel's last event",
        kind: Kind::Gauge,
        value: |channel| channel.info.last,
    },
    Figure {
        name: "channel_bytes",
        help: "Bytes that the channel's events take",
        kind: Kind::Gauge,
        value: |channel| channel.info.bytes,
    },
    Figure {
        name: "channel_appended_events",
        help: "Events appended to the channel",
        kind: Kind::Counter,
        value: |channel| channel.appended,
    },
    Figure {
        name: "channel_duplicate_events",
        help: "Events that were sent to the channel again and are stored once",
        kind: Kind::Counter,
        value: |channel| channel.duplicates,
    },
    Figure {
        name: "channel_refused_appends",
        help: "Appends that the channel refused or that failed",
        kind: Kind::Counter,
        value: |channel| channel.refused,
    },
    Figure {
        name: "channel_troubled",
        help: "1 if the channel has failed or is damaged",
        kind: Kind::Gauge,
        value: |channel| u64::from(channel.info.state != ChannelState::Ok),
    },
];

const ENGINE_FIGURES: [Figure<Counters>; 7] = [
    Figure {
        name: "channels_appends",
        help: "Appends that stored something",
        kind: Kind::Counter,
        value: |counters| counters.appends,
    },
    Figure {
        name: "channels_events",
        help: "Events that were stored",
        kind: Kind::Counter,
        value: |counters| counters.events,
    },
    Figure {
        name: "channels_event_bytes",
        help: "Bytes of the events that were stored",
        kind: Kind::Counter,
        value: |counters| counters.bytes,
    },
    Figure {
        name: "channels_groups",
        help: "Groups of appends that were made durable together",
        kind: Kind::Counter,
        value: |counters| counters.groups,
    },
    Figure {
        name: "channels_sync_microseconds",
        help: "Time spent on making appends durable",
        kind: Kind::Counter,
        value: |counters| counters.sync_micros,
    },
    Figure {
        name: "channels_dedupe_keys",
        help: "Ids of publishers that are remembered",
        kind: Kind::Gauge,
        value: |counters| counters.dedupe_keys,
    },
    Figure {
        name: "channels_dedupe_given_way",
        help: "Ids of publishers that were forgotten before their time, to make room",
        kind: Kind::Counter,
        value: |counters| counters.dedupe_given_way,
    },
];

/// Writes them.
pub(super) fn encode_channels(
    encoder: &mut DescriptorEncoder<'_>,
    channels: &Channels,
) -> fmt::Result {
    let statuses = channels.statuses();
    for figure in &CHANNEL_FIGURES {
        let kind = figure.kind.metric_type();
        let mut family = encoder.encode_descriptor(figure.name, figure.help, None, kind)?;
        for status in &statuses {
            let labels = [("channel", status.info.name.as_str())];
            let metric = family.encode_family(&labels)?;
            encode(metric, figure.kind, (figure.value)(status))?;
        }
    }
    let counters = channels.counters();
    for figure in &ENGINE_FIGURES {
        let kind = figure.kind.metric_type();
        let mut family = encoder.encode_descriptor(figure.name, figure.help, None, kind)?;
        for (engine, counters) in &counters {
            let labels = [("engine", engine.as_str())];
            let metric = family.encode_family(&labels)?;
            encode(metric, figure.kind, (figure.value)(counters))?;
        }
    }
    Ok(())
}
