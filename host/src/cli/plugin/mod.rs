//! `hearken plugin`: what operators do with a node's plugins.

mod act;
mod attempt;
mod author;
mod data;
mod list;
mod project;
mod replay;
mod show;
mod text;
mod workers;

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::client::{Client, PluginAction};
use super::error::CliError;
use super::output::Output;
use crate::script::Language;
use data::Data;
use project::Given;
use text::Target;
pub(super) use workers::compile_workers;

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
    /// Make a plugin that works at once: a file, or a crate
    New(New),
    /// Make a component of a crate or a text, and print its path
    Build(Build),
    /// Explain a plugin: what it needs, what it listens to, whether this host can run it
    Check {
        /// The file, or the folder of a text or a project
        file: PathBuf,
        /// Configuration of the node whose `[policy]` says what plugins may do at most
        #[arg(long)]
        config: Option<PathBuf>,
        #[command(flatten)]
        data: Data,
    },
    /// Hand a plugin one event, without a node, and print what it sends
    Try(attempt::Try),
}

/// What a new plugin is to be.
#[derive(Args, Debug)]
pub(super) struct New {
    /// Name of the plugin
    name: String,

    /// Folder to make it in
    #[arg(long, default_value = ".")]
    dir: PathBuf,

    /// A JavaScript file
    #[arg(long, group = "language")]
    js: bool,

    /// A TypeScript file
    #[arg(long, group = "language")]
    ts: bool,

    /// A Python file
    #[arg(long, group = "language")]
    python: bool,

    /// A Rust crate, as without any of these
    #[arg(long, group = "language")]
    rust: bool,

    /// A folder with packages and tests, and not a single file
    #[arg(long, conflicts_with = "rust")]
    project: bool,
}

/// Of what a component is to be made.
#[derive(Args, Debug)]
pub(super) struct Build {
    /// Folder of a crate, a text or a project, or a .js, .ts or .py file
    #[arg(default_value = ".")]
    of: PathBuf,

    /// Where to put the component of a text; target/NAME.wasm if not given
    #[arg(long)]
    out: Option<PathBuf>,

    /// Evaluate a text now, and not whenever an instance of it starts
    #[arg(long)]
    snapshot: bool,

    #[command(flatten)]
    data: Data,
}

impl New {
    fn language(&self) -> Option<Language> {
        let chosen = [
            (self.js, Language::JavaScript),
            (self.ts, Language::TypeScript),
            (self.python, Language::Python),
        ];
        let chosen = chosen.into_iter().find(|(is_chosen, _)| *is_chosen);
        chosen.map(|(_, language)| language)
    }
}

/// What a node is asked.
#[derive(Debug, Subcommand)]
pub(super) enum Operate {
    /// List the plugins and their state
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
    /// Hand the plugin no more events after the one in hand; its mailbox keeps filling
    Pause {
        /// Name of the plugin
        name: String,
    },
    /// End a pause or a quarantine
    Resume {
        /// Name of the plugin
        name: String,
    },
    /// Hand the plugin events of a channel again, in addition to everything else
    Replay(replay::Replay),
}

impl Author {
    pub(super) async fn run(self, output: Output) -> Result<(), CliError> {
        match self {
            Self::New(new) => match new.language() {
                language if new.project => {
                    let language = language.unwrap_or(Language::TypeScript);
                    project::new(output, &new.dir, &new.name, language)
                }
                Some(language) => text::new(output, &new.dir, &new.name, language),
                None => author::new(output, &new.dir, &new.name).await,
            },
            Self::Build(build) => {
                let of = Given::find(&build.of).await?.into_text();
                match of {
                    Some(given) => {
                        let target = Target {
                            of: &build.of,
                            out: build.out,
                            snapshot: build.snapshot,
                            data: &build.data,
                        };
                        text::build(output, &given.file, target).await
                    }
                    None if build.snapshot => Err(CliError::NoSnapshot(build.of)),
                    None => author::build(output, &build.of).await,
                }
            }
            Self::Check { file, config, data } => author::check(output, &file, config, &data).await,
            Self::Try(attempt) => attempt.run(output).await,
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
