//! `hearken channel list` and `cursors`.

use bytesize::ByteSize;

use crate::cli::client::{ChannelView, Client, CursorView};
use crate::cli::error::CliError;
use crate::cli::output::Output;
use crate::cli::render::{printable, table};

pub(super) async fn run(client: &Client, mut output: Output) -> Result<(), CliError> {
    let channels = client.channels().await?;
    if output.json() {
        return channels
            .iter()
            .try_for_each(|channel| output.answer(channel, String::new));
    }
    if channels.is_empty() {
        return output.line("no channels; `hearken channel create NAME` makes one");
    }
    let heads = [
        "NAME", "FIRST", "LAST", "BYTES", "STATE", "ENGINE", "MADE BY",
    ];
    let mut rows = vec![heads.map(str::to_owned)];
    rows.extend(channels.iter().map(row));
    output.line(&table(&rows))
}

fn row(channel: &ChannelView) -> [String; 7] {
    [
        printable(&channel.name).into_owned(),
        channel.first.to_string(),
        channel.last.to_string(),
        ByteSize(channel.bytes).to_string(),
        printable(&channel.state).into_owned(),
        printable(channel.settings.engine.as_deref().unwrap_or("-")).into_owned(),
        if channel.declared {
            "configuration".to_owned()
        } else {
            "command".to_owned()
        },
    ]
}

/// Lists positions.
pub(super) fn cursors(cursors: Vec<CursorView>, mut output: Output) -> Result<(), CliError> {
    if output.json() {
        return cursors
            .iter()
            .try_for_each(|cursor| output.answer(cursor, String::new));
    }
    if cursors.is_empty() {
        return output.line("no client keeps a position in the channel");
    }
    let heads = ["CLIENT", "AFTER", "LAG", "OWNER"];
    let mut rows = vec![heads.map(str::to_owned)];
    rows.extend(cursors.iter().map(|cursor| {
        [
            printable(&cursor.client).into_owned(),
            cursor.after.to_string(),
            cursor.lag.to_string(),
            printable(&cursor.owner).into_owned(),
        ]
    }));
    output.line(&table(&rows))
}
