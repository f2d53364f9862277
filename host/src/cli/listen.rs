//! `hearken listen`.

use std::io::{self, IsTerminal};
use std::num::NonZeroU64;

use clap::Args;

use super::client::{Client, StreamFilter};
use super::error::CliError;
use super::output::{Output, note};
use super::render;

/// Print events as they come, until --count or Ctrl-C
#[derive(Args, Debug)]
pub(super) struct Listen {
    /// Pattern on the type: `*` matches any run of characters, `{a,b}` is an alternative
    #[arg(default_value = "*")]
    pattern: String,

    /// Only events with exactly this subject
    #[arg(long)]
    subject: Option<String>,

    /// Only events of this channel
    #[arg(long)]
    channel: Option<String>,

    /// Only events published on the node itself
    #[arg(long)]
    local_only: bool,

    /// Stop after so many events
    #[arg(long, value_name = "N")]
    count: Option<NonZeroU64>,
}

impl Listen {
    pub(super) async fn run(self, client: Client, mut output: Output) -> Result<(), CliError> {
        let mut stream = client
            .listen(&StreamFilter {
                pattern: &self.pattern,
                subject: self.subject.as_deref(),
                channel: self.channel.as_deref(),
                local_only: self.local_only,
            })
            .await?;
        if io::stderr().is_terminal() {
            note(&format!("listening to {}; Ctrl-C ends it", self.pattern));
        }
        let mut left = self.count.map(NonZeroU64::get);
        while left != Some(0) {
            let event = stream.next().await?;
            if output.json() {
                output.line(&event)?;
            } else {
                output.line(&render::event_line(&event))?;
            }
            left = left.map(|left| left - 1);
        }
        Ok(())
    }
}
