//! `hearken plugin`: what operators do with a node's plugins.

mod act;
mod list;
mod show;

use clap::Subcommand;

use super::client::{Client, PluginAction};
use super::error::CliError;
use super::output::Output;

/// Look after the plugins of a node
#[derive(Debug, Subcommand)]
pub(super) enum Plugin {
    /// List the plugins and how they stand
    List,
    /// Show everything about a plugin
    Show {
        /// Name of the plugin
        name: String,
    },
    /// Load the plugin's file and manifest again, changed or not
    Reload {
        /// Name of the plugin
        name: String,
    },
    /// Hand the plugin no more events after the one in hand; its mailbox goes on filling
    Pause {
        /// Name of the plugin
        name: String,
    },
    /// End a pause or a quarantine
    Resume {
        /// Name of the plugin
        name: String,
    },
}

impl Plugin {
    pub(super) async fn run(self, client: Client, output: Output) -> Result<(), CliError> {
        match self {
            Self::List => list::run(&client, output).await,
            Self::Show { name } => show::run(&client, output, &name).await,
            Self::Reload { name } => act::run(&client, output, &name, PluginAction::Reload).await,
            Self::Pause { name } => act::run(&client, output, &name, PluginAction::Pause).await,
            Self::Resume { name } => act::run(&client, output, &name, PluginAction::Resume).await,
        }
    }
}
