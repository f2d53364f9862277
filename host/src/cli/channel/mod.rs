//! `hearken channel`: channels of a node.

mod error;
mod flags;
mod list;
mod offline;
mod read;
mod show;

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::client::{Client, Damage};
use super::error::CliError;
use super::output::Output;
use super::render::printable;
use crate::channel::SettingsDocument;
use flags::SettingFlags;

pub(super) use error::ChannelCommandError;

/// Make channels, read them, and look after them
#[derive(Debug, Subcommand)]
pub(super) enum Channel {
    /// List the channels and their state
    List,
    /// Show everything about a channel
    Show(Name),
    /// Make a channel
    Create {
        #[command(flatten)]
        name: Name,
        #[command(flatten)]
        settings: SettingFlags,
    },
    /// Change settings of a channel; those not given stay, and `none` removes one
    Set {
        #[command(flatten)]
        name: Name,
        #[command(flatten)]
        settings: SettingFlags,
    },
    /// Remove a channel with all its events
    Delete {
        #[command(flatten)]
        name: Name,
        #[command(flatten)]
        expected: Expected,
    },
    /// Print the events of a channel
    Read(read::Read),
    /// Print the newest events of a channel
    Latest {
        #[command(flatten)]
        name: Name,
        /// How many
        #[arg(long, value_name = "N", default_value_t = 10)]
        limit: u64,
    },
    /// Drop the oldest events of a channel, for good
    Trim {
        #[command(flatten)]
        name: Name,
        /// Those with lower numbers than this
        #[arg(long, value_name = "N")]
        before: u64,
    },
    /// List the positions that clients keep in a channel
    Cursors(Name),
    /// Give a plugin its dead letters of a channel again, once
    Retry {
        #[command(flatten)]
        name: Name,
        /// Name of the plugin
        plugin: String,
    },
    /// Have a plugin continue after a number of a channel
    Seek {
        #[command(flatten)]
        name: Name,
        /// Name of the plugin
        plugin: String,
        /// The number; 0 for the beginning
        #[arg(long, value_name = "N")]
        after: u64,
    },
    /// Read every event of a channel, and tell which are damaged; exits 1 if any is
    Verify {
        #[command(flatten)]
        name: Name,
        #[command(flatten)]
        stopped: Stopped,
    },
    /// Give up the events of a channel that are damaged, for good
    Repair {
        #[command(flatten)]
        name: Name,
        /// Give them up; nothing is done without it
        #[arg(long, required = true)]
        accept_loss: bool,
        #[command(flatten)]
        stopped: Stopped,
    },
}

#[derive(Args, Debug)]
pub(super) struct Name {
    /// Name of the channel
    name: String,
}

/// Which channel is meant.
#[derive(Args, Debug)]
#[group(required = true, multiple = false)]
pub(super) struct Expected {
    /// Only if its last event has this number; exits 4 otherwise
    #[arg(long, value_name = "N")]
    expect_last: Option<u64>,
    /// Whatever its last event is
    #[arg(long)]
    force: bool,
}

#[derive(Args, Debug)]
pub(super) struct Stopped {
    /// Data folder of a node that is not running, instead of asking a node
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
}

impl Channel {
    pub(super) async fn run(self, client: Client, mut output: Output) -> Result<(), CliError> {
        match self {
            Self::List => list::run(&client, output).await,
            Self::Show(Name { name }) => {
                let channel = client.channel(&name).await?;
                output.answer(&channel, || show::describe(&channel))
            }
            Self::Create {
                name: Name { name },
                settings,
            } => {
                let settings = settings.over(SettingsDocument::default())?;
                let channel = client.set_channel(&name, &settings, true).await?;
                output.answer(&channel, || show::describe(&channel))
            }
            Self::Set {
                name: Name { name },
                settings,
            } => {
                let before = client.channel(&name).await?.settings;
                let settings = settings.over(before)?;
                let channel = client.set_channel(&name, &settings, false).await?;
                output.answer(&channel, || show::describe(&channel))
            }
            Self::Delete {
                name: Name { name },
                expected,
            } => {
                let tag = match expected.expect_last {
                    Some(last) => format!("\"{last}\""),
                    None => "*".to_owned(),
                };
                client.remove_channel(&name, &tag).await?;
                let removed = serde_json::json!({ "removed": name });
                output.answer(&removed, || format!("{}: removed", printable(&name)))
            }
            Self::Read(read) => read.run(&client, output).await,
            Self::Latest {
                name: Name { name },
                limit,
            } => {
                let page = client.latest(&name, limit).await?;
                let mut events = page.events.iter();
                events.try_for_each(|event| read::print(&mut output, event))
            }
            Self::Trim {
                name: Name { name },
                before,
            } => {
                let channel = client.trim(&name, before).await?;
                let first = channel.first;
                output.answer(&channel, || {
                    format!("{}: begins with {first}", printable(&channel.name))
                })
            }
            Self::Cursors(Name { name }) => {
                let channel = client.channel(&name).await?;
                list::cursors(channel.cursors.unwrap_or_default(), output)
            }
            Self::Retry {
                name: Name { name },
                plugin,
            } => {
                let retried = client.retry(&name, &plugin).await?;
                output.answer(&retried, || {
                    let (plugin, letters) = (printable(&retried.plugin), retried.retried);
                    format!("{plugin}: dead letters that it is given again: {letters}")
                })
            }
            Self::Seek {
                name: Name { name },
                plugin,
                after,
            } => {
                let consumer = client.seek(&name, &plugin, after).await?;
                output.answer(&consumer, || {
                    format!(
                        "{}: {}",
                        printable(&consumer.plugin),
                        show::place(&consumer)
                    )
                })
            }
            Self::Verify {
                name: Name { name },
                stopped,
            } => {
                let damage = match stopped.data {
                    Some(data) => offline::verify(&data, &name).await?,
                    None => client.verify(&name).await?,
                };
                tell(&damage, &mut output, "damaged")?;
                match damage.ranges.is_empty() {
                    true => Ok(()),
                    false => Err(ChannelCommandError::Damaged(name).into()),
                }
            }
            Self::Repair {
                name: Name { name },
                stopped,
                ..
            } => {
                let damage = match stopped.data {
                    Some(data) => offline::repair(&data, &name).await?,
                    None => client.repair(&name).await?,
                };
                tell(&damage, &mut output, "given up")
            }
        }
    }
}

fn tell(damage: &Damage, output: &mut Output, what: &str) -> Result<(), CliError> {
    output.answer(damage, || {
        let name = printable(&damage.channel);
        if damage.ranges.is_empty() {
            return format!("{name}: nothing is damaged");
        }
        let ranges = damage.ranges.iter();
        let ranges: Vec<_> = ranges.map(|range| show::numbers(*range)).collect();
        format!("{name}: {what}: {}", ranges.join(", "))
    })
}
