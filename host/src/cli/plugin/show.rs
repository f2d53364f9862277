//! `hearken plugin show`.

use std::time::Duration;

use bytesize::ByteSize;
use humantime::format_duration;

use crate::admin::{
    ConsumedStatus, DeliveryStatus, ListenerStatus, PluginState, PluginStatus, ReplayStatus,
};
use crate::bus::Overflow;
use crate::cli::client::Client;
use crate::cli::error::CliError;
use crate::cli::output::Output;
use crate::cli::render::{printable, printable_lines, table};
use crate::script::Language;

pub(super) async fn run(client: &Client, mut output: Output, name: &str) -> Result<(), CliError> {
    let status = client.plugin(name).await?;
    output.answer(&status, || describe(&status))
}

/// The state in a word.
pub(super) fn state(state: PluginState) -> &'static str {
    match state {
        PluginState::Loading => "loading",
        PluginState::Running => "running",
        PluginState::Paused => "paused",
        PluginState::BackingOff => "backing-off",
        PluginState::Quarantined => "quarantined",
        PluginState::Failed => "failed",
    }
}

fn describe(status: &PluginStatus) -> String {
    let counters = &status.counters;
    let state = match &status.quarantined_until {
        Some(until) => format!("{} (one event is tried after {until})", state(status.state)),
        None => state(status.state).to_owned(),
    };
    let mut rows = vec![
        row("name", &status.name),
        row("state", &state),
        row("version", status.version.as_deref().unwrap_or("-")),
        row("language", status.language.map_or("-", Language::as_str)),
        row("interface", status.interface.as_deref().unwrap_or("-")),
    ];
    for (nth, listener) in status.listeners.iter().enumerate() {
        rows.push(row(
            if nth == 0 { "listens to" } else { "" },
            &describe_listener(listener),
        ));
    }
    if let Some(answers) = &status.answers {
        rows.push(row("answers", &answers.to_string()));
    }
    for consumed in &status.consumers {
        rows.push(row("consumes", &describe_consumed(consumed)));
    }
    if let Some(replay) = &status.replay {
        rows.push(row("replay", &describe_replay(replay)));
    }
    let rights = status.rights.lines().into_iter();
    let rights = rights.map(|(right, what)| ("may", format!("{right} {what}")));
    let withheld = status.rights.withheld.iter();
    let withheld = withheld.map(|withheld| ("may not", withheld.to_string()));
    rows.extend(rights.chain(withheld).map(|(may, what)| row(may, &what)));
    rows.push(row("limits", &describe_limits(status)));
    rows.push(row(
        "events",
        &format!(
            "{} delivered, {} failed, {} dropped, {} queued, {} sent, {} refused",
            counters.delivered,
            counters.failed,
            counters.dropped,
            counters.queued,
            counters.sent,
            counters.refused,
        ),
    ));
    for host in &status.http {
        let requests = host.requests.iter();
        let requests: Vec<_> = requests
            .map(|(what, count)| format!("{count} {what}"))
            .collect();
        rows.push(row(
            "http",
            &format!("{}: {}", host.host, requests.join(", ")),
        ));
    }
    rows.push(row("restarts", &counters.restarts.to_string()));
    rows.push(row("memory", &ByteSize(status.memory_bytes).to_string()));
    rows.push(row(
        "content",
        status.content_hash.as_deref().unwrap_or("-"),
    ));
    let mut text = table(&rows);
    if let Some(error) = &status.last_error {
        let time = status.last_error_time.as_deref().unwrap_or("unknown time");
        let error = printable_lines(error).replace('\n', "\n  ");
        text.push_str(&format!("\nlast error, at {}:\n  {error}", printable(time)));
    }
    text
}

fn describe_listener(listener: &ListenerStatus) -> String {
    let mut text = listener.pattern.clone();
    if let Some(subject) = &listener.subject {
        text.push_str(&format!(" subject={subject}"));
    }
    if let Some(channel) = &listener.channel {
        text.push_str(&format!(" channel={channel}"));
    }
    if listener.local_only {
        text.push_str(" local only");
    }
    if listener.delivery == DeliveryStatus::Channel {
        text.push_str(" consumed");
    }
    format!("{text} ({})", listener.name)
}

fn describe_consumed(consumed: &ConsumedStatus) -> String {
    let ConsumedStatus {
        channel,
        after,
        lag,
        in_flight,
        dead,
        ..
    } = consumed;
    let mut text =
        format!("{channel} after {after}, {lag} behind, {in_flight} in hand, {dead} dead letters");
    if consumed.retried > 0 {
        text.push_str(&format!(", {} of them retried", consumed.retried));
    }
    if consumed.missed > 0 {
        text.push_str(&format!(", {} missed", consumed.missed));
    }
    if let Some(reason) = &consumed.waiting {
        text.push_str(&format!("; waiting: {reason}"));
    }
    if let Some(stalled) = &consumed.stalled {
        let next = match &stalled.next_attempt {
            Some(time) => format!(", the next at {time}"),
            None => String::new(),
        };
        text.push_str(&format!(
            "; stalled on {} after {} attempts{next}: {}",
            stalled.sequence, stalled.attempts, stalled.reason
        ));
    }
    text
}

fn describe_replay(replay: &ReplayStatus) -> String {
    let mut text = format!(
        "{} from {} to {}: {} at {}, {} handled, {} failed, {} missing",
        replay.channel,
        replay.after.saturating_add(1),
        replay.until,
        replay.state.as_str(),
        replay.at,
        replay.handled,
        replay.failed,
        replay.missing,
    );
    if replay.copy {
        text.push_str("; by a copy");
    }
    if let Some(error) = &replay.last_error {
        text.push_str(&format!("; last error: {error}"));
    }
    text
}

fn describe_limits(status: &PluginStatus) -> String {
    let limits = &status.limits;
    let overflow = match limits.overflow {
        Overflow::DropOldest => "drop-oldest",
        Overflow::DropNewest => "drop-newest",
        Overflow::Disconnect => "disconnect",
    };
    format!(
        "memory {}, deadline {}, time slice {}, mailbox {} ({overflow}), concurrency {}",
        ByteSize(limits.memory_bytes),
        format_duration(Duration::from_millis(limits.deadline_ms)),
        format_duration(Duration::from_micros(limits.time_slice_us)),
        limits.mailbox,
        limits.concurrency,
    )
}

fn row(name: &str, value: &str) -> [String; 2] {
    [name.to_owned(), printable(value).into_owned()]
}
