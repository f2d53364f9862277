//! Figures of the sessions.

use std::borrow::Cow;
use std::fmt;

use prometheus_client::encoding::{DescriptorEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Unit;

use super::figure::{Kind, encode};
use crate::session::{Code, CountsShown, HistoriesShown, Sessions, SessionsStats};

/// A figure of the sessions.
struct Figure {
    name: &'static str,
    help: &'static str,
    kind: Kind,
    value: fn(&SessionsStats) -> u64,
}

const FIGURES: [Figure; 22] = [
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
    Figure {
        name: "session_nodes",
        help: "Other nodes with sessions",
        kind: Kind::Gauge,
        value: |stats| stats.across.nodes as u64,
    },
    Figure {
        name: "session_wanted_channels",
        help: "Channels for which other nodes are told of subscribers here",
        kind: Kind::Gauge,
        value: |stats| stats.across.wanted_here as u64,
    },
    Figure {
        name: "session_wanted_channels_elsewhere",
        help: "The same of all other nodes together",
        kind: Kind::Gauge,
        value: |stats| stats.across.wanted_elsewhere as u64,
    },
    Figure {
        name: "session_node_messages_sent",
        help: "Messages to the sessions of other nodes",
        kind: Kind::Counter,
        value: |stats| stats.across.sent,
    },
    Figure {
        name: "session_node_messages_not_sent",
        help: "Messages to the sessions of other nodes for which there was no way",
        kind: Kind::Counter,
        value: |stats| stats.across.not_sent,
    },
    Figure {
        name: "session_node_messages_received",
        help: "Messages of the sessions of other nodes",
        kind: Kind::Counter,
        value: |stats| stats.across.received,
    },
    Figure {
        name: "session_node_messages_not_read",
        help: "Messages of the sessions of other nodes that could not be understood",
        kind: Kind::Counter,
        value: |stats| stats.across.not_read,
    },
    Figure {
        name: "session_node_gaps",
        help: "How often messages of the sessions of another node were lost",
        kind: Kind::Counter,
        value: |stats| stats.across.gaps,
    },
    Figure {
        name: "session_node_publications_received",
        help: "Publications of other nodes that are in no history",
        kind: Kind::Counter,
        value: |stats| stats.across.live_received,
    },
    Figure {
        name: "session_publications_passed_on",
        help: "Publications that another node has taken, which keeps their channel's history",
        kind: Kind::Counter,
        value: |stats| stats.across.passed_on,
    },
    Figure {
        name: "session_publications_passed_again",
        help: "Publications that were sent to such a node once more, since it had not answered",
        kind: Kind::Counter,
        value: |stats| stats.across.passed_again,
    },
    Figure {
        name: "session_histories_handed_over",
        help: "Histories in memory that were handed over to another node",
        kind: Kind::Counter,
        value: |stats| stats.across.handed_over,
    },
    Figure {
        name: "session_node_requests_unanswered",
        help: "Requests to the sessions of other nodes that were not answered in time",
        kind: Kind::Counter,
        value: |stats| stats.across.unanswered,
    },
];

/// What was counted in one number.
struct Count {
    name: &'static str,
    help: &'static str,
    kind: Kind,
    value: fn(&CountsShown) -> u64,
}

const COUNTS: [Count; 8] = [
    Count {
        name: "session_partial_presence",
        help: "Looks at who is subscribed for which other nodes had not said all in time",
        kind: Kind::Counter,
        value: |counts| counts.partial,
    },
    Count {
        name: "session_subscriptions",
        help: "Subscriptions of the sessions that are connected",
        kind: Kind::Gauge,
        value: |counts| counts.subscriptions,
    },
    Count {
        name: "session_recovered_publications",
        help: "Publications that subscriptions got at once that came back",
        kind: Kind::Counter,
        value: |counts| counts.recovered_publications,
    },
    Count {
        name: "session_held_back_frames",
        help: "Frames that sessions which lag got later, because much waited for others",
        kind: Kind::Counter,
        value: |counts| counts.held_back,
    },
    Count {
        name: "session_received_messages",
        help: "Messages of clients",
        kind: Kind::Counter,
        value: |counts| counts.received.0,
    },
    Count {
        name: "session_received_bytes",
        help: "Bytes of the messages of clients",
        kind: Kind::Counter,
        value: |counts| counts.received.1,
    },
    Count {
        name: "session_sent_frames",
        help: "Frames sent to clients, of one or more messages",
        kind: Kind::Counter,
        value: |counts| counts.sent.0,
    },
    Count {
        name: "session_sent_bytes",
        help: "Bytes of the frames sent to clients",
        kind: Kind::Counter,
        value: |counts| counts.sent.1,
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
    let HistoriesShown { kept, followed } = sessions.histories();
    for (name, help, count) in [
        (
            "session_histories_kept",
            "Histories in memory that this node keeps",
            kept,
        ),
        (
            "session_histories_followed",
            "Histories in memory of other nodes that are followed, since somebody here needs them",
            followed,
        ),
    ] {
        let metric = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
        encode(metric, Kind::Gauge, count as u64)?;
    }
    let counts = sessions.counts();
    for count in &COUNTS {
        let kind = count.kind.metric_type();
        let metric = encoder.encode_descriptor(count.name, count.help, None, kind)?;
        encode(metric, count.kind, (count.value)(&counts))?;
    }
    encode_labelled(encoder, &counts)?;
    encode_times(encoder, &counts)
}

/// Writes what was counted by transport, method and code.
fn encode_labelled(encoder: &mut DescriptorEncoder<'_>, counts: &CountsShown) -> fmt::Result {
    let help = "Sessions that are connected, by transport";
    let kind = MetricType::Gauge;
    let mut there = encoder.encode_descriptor("session_connections", help, None, kind)?;
    for (transport, count) in &counts.transports {
        let labels = [("transport", *transport)];
        encode(there.encode_family(&labels)?, Kind::Gauge, *count)?;
    }
    let help =
        "Commands of clients that were answered with an error; of a plugin if the code is `own`";
    let kind = MetricType::Counter;
    let mut errors = encoder.encode_descriptor("session_errors", help, None, kind)?;
    for ((method, code), count) in &counts.errors {
        let code = text(*code);
        let labels = [("method", method.as_str()), ("code", &*code)];
        encode(errors.encode_family(&labels)?, Kind::Counter, *count)?;
    }
    for (name, help, counted) in [
        (
            "session_disconnects",
            "Sessions that the node has closed; for an application if the code is `own`",
            &counts.disconnects,
        ),
        (
            "session_unsubscribes",
            "Subscriptions that the node has ended",
            &counts.unsubscribes,
        ),
    ] {
        let mut family = encoder.encode_descriptor(name, help, None, kind)?;
        for (code, count) in counted {
            let code = text(*code);
            let labels = [("code", &*code)];
            encode(family.encode_family(&labels)?, Kind::Counter, *count)?;
        }
    }
    Ok(())
}

/// Writes how long things took.
fn encode_times(encoder: &mut DescriptorEncoder<'_>, counts: &CountsShown) -> fmt::Result {
    let (unit, kind) = (Some(&Unit::Seconds), MetricType::Histogram);
    let help = "Time to carry out a command of a client";
    let mut commands = encoder.encode_descriptor("session_command_duration", help, unit, kind)?;
    for (method, times) in &counts.commands {
        let labels = [("method", method.as_str())];
        let mut metric = commands.encode_family(&labels)?;
        metric.encode_histogram::<NoLabelSet>(times.sum, times.count, &times.classes, None)?;
    }
    let help = "Time for a client to answer a ping";
    let mut pongs = encoder.encode_descriptor("session_ping_pong_duration", help, unit, kind)?;
    let times = &counts.pongs;
    pongs.encode_histogram::<NoLabelSet>(times.sum, times.count, &times.classes, None)
}

fn text(code: Code) -> Cow<'static, str> {
    match code {
        Code::Known(code) => code.to_string().into(),
        Code::Own => "own".into(),
    }
}
