//! `hearken channel show`.

use bytesize::ByteSize;

use crate::cli::client::{ChannelView, ConsumerView, Numbers};
use crate::cli::render::{printable, table};

/// Everything about a channel.
pub(super) fn describe(channel: &ChannelView) -> String {
    let settings = &channel.settings;
    let or_no_bound = |value: Option<String>| value.unwrap_or_else(|| "no bound".to_owned());
    let text = |value: &Option<String>| value.clone().unwrap_or_default();
    let state = match &channel.reason {
        Some(reason) => format!("{} ({reason})", channel.state),
        None => channel.state.clone(),
    };
    let node = match &channel.also_on[..] {
        [] => channel.node.clone(),
        others => format!(
            "{} (another of this name is on {})",
            channel.node,
            others.join(", ")
        ),
    };
    let kept = match channel.first > channel.last {
        true => format!("none; the last had the number {}", channel.last),
        false => format!("{} to {}", channel.first, channel.last),
    };
    let mut rows = vec![
        row("name", &channel.name),
        row("state", &state),
        row("events", &kept),
        row("bytes", &ByteSize(channel.bytes).to_string()),
        row("epoch", &channel.epoch),
        row("node", &node),
        row("created", &channel.created),
        row(
            "made by",
            if channel.declared {
                "configuration"
            } else {
                "command"
            },
        ),
        row("engine", &text(&settings.engine)),
        row(
            "max events",
            &or_no_bound(settings.max_events.map(|events| events.to_string())),
        ),
        row(
            "max bytes",
            &or_no_bound(settings.max_bytes.map(|bytes| ByteSize(bytes).to_string())),
        ),
        row("max age", &or_no_bound(settings.max_age.clone())),
        row("discard", &text(&settings.discard)),
        row("dedupe", &text(&settings.dedupe)),
    ];
    let damaged = channel.damaged.iter();
    rows.extend(damaged.map(|range| row("damaged", &numbers(*range))));
    let readers = settings.keep_unread.iter();
    rows.extend(readers.map(|reader| row("keeps for", reader)));
    let indexes = settings.indexes.iter();
    rows.extend(indexes.map(|(name, field)| row("index", &format!("{name} by {field}"))));
    for cursor in channel.cursors.iter().flatten() {
        let told = format!(
            "{} after {}, {} behind (of {})",
            cursor.client, cursor.after, cursor.lag, cursor.owner
        );
        rows.push(row("cursor", &told));
    }
    for consumer in channel.consumers.iter().flatten() {
        let told = format!("{} {}", consumer.plugin, place(consumer));
        rows.push(row("plugin", &told));
    }
    table(&rows)
}

/// Where a plugin is in a channel, and what keeps it.
pub(super) fn place(consumer: &ConsumerView) -> String {
    let mut told = format!("after {}, {} behind", consumer.after, consumer.lag);
    let counts = [
        (consumer.in_flight, "in hand"),
        (consumer.dead, "dead letters"),
        (consumer.retried, "given again"),
        (consumer.missed, "missed"),
    ];
    for (count, what) in counts {
        if count > 0 {
            told.push_str(&format!(", {count} {what}"));
        }
    }
    if let Some(reason) = &consumer.waiting {
        told.push_str(&format!("; waits: {reason}"));
    }
    if let Some(stalled) = &consumer.stalled {
        let (sequence, attempt) = (stalled.sequence, stalled.attempt);
        let next = match &stalled.next_attempt {
            Some(next) => format!(", next {next}"),
            None => String::new(),
        };
        let reason = &stalled.reason;
        told.push_str(&format!(
            "; hangs on {sequence} (attempts that failed: {attempt}{next}): {reason}"
        ));
    }
    told
}

/// Numbers as people read them.
pub(super) fn numbers(Numbers { first, last }: Numbers) -> String {
    if first == last {
        first.to_string()
    } else {
        format!("{first} to {last}")
    }
}

fn row(name: &str, value: &str) -> [String; 2] {
    [name.to_owned(), printable(value).into_owned()]
}
