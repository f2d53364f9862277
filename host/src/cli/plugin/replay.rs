//! `hearken plugin replay`.

use clap::Args;

use crate::admin::ReplayRequest;
use crate::cli::client::Client;
use crate::cli::error::CliError;
use crate::cli::output::Output;
use crate::cli::render::printable;

#[derive(Args, Debug)]
pub(in crate::cli) struct Replay {
    /// Name of the plugin
    name: String,
    /// The channel, on which the plugin has a listener
    #[arg(long, value_name = "NAME", required_unless_present = "stop")]
    channel: Option<String>,
    /// The events after this number; 0 is the beginning
    #[arg(long, value_name = "N", required_unless_present = "stop")]
    after: Option<u64>,
    /// Up to this one, instead of the channel's last
    #[arg(long, value_name = "N")]
    until: Option<u64>,
    /// Hand them to a copy of the plugin, whose effects are logged and not done
    #[arg(long)]
    copy: bool,
    /// End the replay, also that to a copy
    #[arg(long, conflicts_with_all = ["channel", "after", "until", "copy"])]
    stop: bool,
}

impl Replay {
    pub(super) async fn run(self, client: &Client, mut output: Output) -> Result<(), CliError> {
        let Self {
            name,
            channel,
            after,
            until,
            copy,
            stop: _,
        } = self;
        let (Some(channel), Some(after)) = (channel, after) else {
            return end(client, output, &name).await;
        };
        let request = ReplayRequest {
            channel,
            after,
            until,
            copy,
        };
        let status = client.replay(&name, &request).await?;
        output.answer(&status, || {
            let until = status.replay.as_ref().map_or(after, |replay| replay.until);
            format!(
                "{}: is handed what follows number {after} of {}, up to number {until}",
                printable(&status.name),
                printable(&request.channel),
            )
        })
    }
}

async fn end(client: &Client, mut output: Output, name: &str) -> Result<(), CliError> {
    let status = client.end_replay(name).await?;
    output.answer(&status, || {
        let name = printable(&status.name);
        match &status.replay {
            Some(replay) => format!(
                "{name}: is handed no more of {}; it came to number {}",
                printable(&replay.channel),
                replay.at
            ),
            None => format!("{name}: is handed nothing again"),
        }
    })
}
