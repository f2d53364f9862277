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
    #[arg(long, value_name = "NAME")]
    channel: String,
    /// The events behind this number; 0 is the beginning
    #[arg(long, value_name = "N")]
    after: u64,
    /// Up to this one, instead of the channel's last
    #[arg(long, value_name = "N")]
    until: Option<u64>,
    /// Hand them to a copy of the plugin, whose effects are logged and not done
    #[arg(long)]
    copy: bool,
}

impl Replay {
    pub(super) async fn run(self, client: &Client, mut output: Output) -> Result<(), CliError> {
        let Self {
            name,
            channel,
            after,
            until,
            copy,
        } = self;
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
