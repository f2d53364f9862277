//! Figures of the sessions.

use std::fmt;

use prometheus_client::encoding::DescriptorEncoder;

use super::figure::{Kind, encode};
use crate::session::{Sessions, SessionsStats};

/// A figure of the sessions.
struct Figure {
    name: &'static str,
    help: &'static str,
    kind: Kind,
    value: fn(&SessionsStats) -> u64,
}

const FIGURES: [Figure; 9] = [
    Figure {
        name: "sessions",
        help: "Sessions that are connected",
        kind: Kind::Gauge,
        value: |stats| stats.sessions as u64,
    },
    Figure {
        name: "session_users",
        help: "Users with a session; all sessions without one are one together",
        kind: Kind::Gauge,
        value: |stats| stats.users as u64,
    },
    Figure {
        name: "session_channels",
        help: "Channels of sessions that are used or remembered",
        kind: Kind::Gauge,
        value: |stats| stats.channels as u64,
    },
    Figure {
        name: "session_connects",
        help: "Sessions that have connected",
        kind: Kind::Counter,
        value: |stats| stats.connected,
    },
    Figure {
        name: "session_refused_connects",
        help: "Sessions that were refused",
        kind: Kind::Counter,
        value: |stats| stats.refused,
    },
    Figure {
        name: "session_publications",
        help: "Publications to channels of sessions",
        kind: Kind::Counter,
        value: |stats| stats.published,
    },
    Figure {
        name: "session_recovered",
        help: "Subscriptions that came back and got all that they had missed",
        kind: Kind::Counter,
        value: |stats| stats.recovered,
    },
    Figure {
        name: "session_unrecovered",
        help: "Subscriptions that came back and had missed what is not kept",
        kind: Kind::Counter,
        value: |stats| stats.unrecovered,
    },
    Figure {
        name: "session_dropped_publications",
        help: "Publications that were handed to nobody, because more came than could be",
        kind: Kind::Counter,
        value: |stats| stats.dropped,
    },
];

/// Writes them, where there are sessions.
pub(super) fn encode_sessions(
    encoder: &mut DescriptorEncoder<'_>,
    sessions: &Sessions,
) -> fmt::Result {
    if !sessions.are_on() {
        return Ok(());
    }
    let stats = sessions.stats();
    for figure in &FIGURES {
        let kind = figure.kind.metric_type();
        let metric = encoder.encode_descriptor(figure.name, figure.help, None, kind)?;
        encode(metric, figure.kind, (figure.value)(&stats))?;
    }
    Ok(())
}
