//! `hearken channel read`.

use std::time::Duration;

use clap::Args;
use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::time::sleep;

use super::error::ChannelCommandError;
use super::show::numbers;
use crate::cli::client::{Client, EventPage, ReadQuery};
use crate::cli::error::CliError;
use crate::cli::output::{Output, note};
use crate::cli::render;
use crate::clock::{Clock, SystemClock};
use crate::event::cloudevent::rfc3339;

/// Events that are asked for at once.
const PAGE: u64 = 1000;

/// Pause before a node is asked again that does not answer whoever follows a channel; each later
/// one is twice as long, up to the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(100);

/// Longest such pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// How long the node is asked to wait for an event, again and again.
const WAIT: &str = "30s";

/// Print the events of a channel, by default from its beginning
#[derive(Args, Debug)]
pub(in crate::cli) struct Read {
    /// Name of the channel
    name: String,

    /// Only events after this number, or EPOCH-NUMBER
    #[arg(long, value_name = "N", conflicts_with = "since")]
    after: Option<String>,

    /// Only events recorded since then: a time (RFC 3339), or how long ago, e.g. 2h
    #[arg(long, value_name = "TIME", conflicts_with = "client")]
    since: Option<String>,

    /// Stop after so many events
    #[arg(long, value_name = "N")]
    limit: Option<u64>,

    /// Go on with new events, until Ctrl-C
    #[arg(long)]
    follow: bool,

    /// Keep the position at the node under this name, and go on from there
    #[arg(long, value_name = "ID")]
    client: Option<String>,

    /// Only types that match: `*` matches any run of characters, `{a,b}` is an alternative
    #[arg(long = "type", value_name = "PATTERN")]
    event_type: Option<String>,

    /// Only events with exactly this subject
    #[arg(long)]
    subject: Option<String>,
}

impl Read {
    pub(super) async fn run(self, client: &Client, mut output: Output) -> Result<(), CliError> {
        let since = self.since.as_deref().map(time).transpose()?;
        let mut query = ReadQuery {
            after: self.after.clone(),
            since,
            limit: PAGE,
            client: self.client.clone(),
            wait: None,
            event_type: self.event_type.clone(),
            subject: self.subject.clone(),
        };
        let mut left = self.limit;
        let (mut began, mut pause) = (false, FIRST_PAUSE);
        while left != Some(0) {
            query.limit = left.map_or(PAGE, |left| left.min(PAGE));
            let page = match client.read_channel(&self.name, &query).await {
                // It has answered before: it starts again, or has too much to do.
                Err(error) if self.follow && began && error.may_be_repeated() => {
                    if pause == FIRST_PAUSE {
                        note(&format!("hearken: {error}; trying again"));
                    }
                    sleep(pause).await;
                    pause = (pause * 2).min(LONGEST_PAUSE);
                    continue;
                }
                page => page?,
            };
            began = true;
            pause = FIRST_PAUSE;
            if let Some(gap) = page.gap {
                note(&format!(
                    "hearken: the events {} are not kept any more",
                    numbers(gap)
                ));
            }
            for event in &page.events {
                print(&mut output, event)?;
            }
            let printed = page.events.len() as u64;
            left = left.map(|left| left.saturating_sub(printed));
            let EventPage {
                epoch, next, last, ..
            } = page;
            let is_over = left == Some(0) || (next >= last && !self.follow);
            if is_over {
                return self.keep(client, &format!("{epoch}-{next}")).await;
            }
            // What was printed is not printed again, whoever goes on.
            query.after = Some(format!("{epoch}-{next}"));
            query.since = None;
            query.wait = (self.follow && next >= last).then(|| WAIT.to_owned());
        }
        Ok(())
    }

    /// Notes at the node how far it was read.
    async fn keep(&self, client: &Client, after: &str) -> Result<(), CliError> {
        if let Some(name) = &self.client {
            client.set_cursor(&self.name, name, after).await?;
        }
        Ok(())
    }
}

/// Prints an event of a channel on one line.
pub(super) fn print(output: &mut Output, event: &RawValue) -> Result<(), CliError> {
    #[derive(Deserialize)]
    struct Numbered {
        sequence: Option<u64>,
    }

    let event = event.get();
    if output.json() {
        return output.line(event);
    }
    let numbered: Option<Numbered> = serde_json::from_str(event).ok();
    let number = numbered.and_then(|numbered| numbered.sequence);
    let number = number.map_or_else(String::new, |number| format!("{number} "));
    output.line(&format!("{number}{}", render::event_line(event)))
}

/// A time as the API takes it, of one or of how long ago it was.
fn time(text: &str) -> Result<String, ChannelCommandError> {
    if text.contains('T') {
        return Ok(text.to_owned());
    }
    let ago: Duration =
        humantime::parse_duration(text).map_err(|error| ChannelCommandError::Flag {
            flag: "since",
            value: text.to_owned(),
            reason: format!("{error}; write e.g. 2026-01-31T12:00:00Z or 2h"),
        })?;
    let ago = u64::try_from(ago.as_millis()).unwrap_or(u64::MAX);
    Ok(rfc3339(SystemClock.now_millis().saturating_sub(ago)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_one_or_how_long_ago_it_was() {
        assert_eq!(
            time("2026-01-31T12:00:00Z").unwrap(),
            "2026-01-31T12:00:00Z"
        );
        let ago = time("2h").unwrap();
        assert!(ago.ends_with('Z') && ago.contains('T'), "{ago}");
        assert!(time("yesterday").unwrap_err().is_senseless());
    }
}
