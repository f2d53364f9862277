//! `hearken plugin`: what operators do with a node's plugins.

mod act;
mod author;
mod list;
mod replay;
mod show;

use std::path::PathBuf;

use clap::Subcommand;

use super::client::{Client, PluginAction};
use super::error::CliError;
use super::output::Output;

/// Write plugins, and look after those of a node
#[derive(Debug, Subcommand)]
pub(super) enum Plugin {
    #[command(flatten)]
    Author(Author),
    #[command(flatten)]
    Operate(Operate),
}

/// What needs no node.
#[derive(Debug, Subcommand)]
pub(super) enum Author {
    /// Make a plugin crate that builds at once
    New {
        /// Name of the crate, and so of the plugin
        name: String,
        /// Folder to make it in
        #[arg(long, default_value = ".")]
        dir: PathBuf,
    },
    /// Compile a plugin crate and print the path of its component
    Build {
        /// Folder of the crate
        #[arg(default_value = ".")]
        dir: PathBuf,
    },
    /// Explain a component: what it needs, what it listens to, whether this host can run it
    Check {
        /// The file
        file: PathBuf,
        /// Configuration of the node whose `[policy]` says what plugins may do at most
        #[arg(long)]
        config: Option<PathBuf>,
    },
}

/// What a node is asked.
#[derive(Debug, Subcommand)]
pub(super) enum Operate {
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
    /// Hand the plugin events of a channel again, beside whatever else it is handed
    Replay(replay::Replay),
}

impl Author {
    pub(super) async fn run(self, output: Output) -> Result<(), CliError> {
        match self {
            Self::New { name, dir } => author::new(output, &dir, &name).await,
            Self::Build { dir } => author::build(output, &dir).await,
            Self::Check { file, config } => author::check(output, &file, config).await,
        }
    }
}

impl Operate {
    pub(super) async fn run(self, client: Client, output: Output) -> Result<(), CliError> {
        match self {
            Self::List => list::run(&client, output).await,
            Self::Show { name } => show::run(&client, output, &name).await,
            Self::Reload { name } => act::run(&client, output, &name, PluginAction::Reload).await,
            Self::Pause { name } => act::run(&client, output, &name, PluginAction::Pause).await,
            Self::Replay(replay) => replay.run(&client, output).await,
            Self::Resume { name } => act::run(&client, output, &name, PluginAction::Resume).await,
        }
    }
}
