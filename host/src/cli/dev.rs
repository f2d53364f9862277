//! `hearken dev`: a node on the plugins that are being written.

use std::path::Path;

use clap::Args;

use super::error::CliError;
use super::greeting::{Entrance, greet, greet_builder, say};
use super::output::note;
use super::process::with_log_and_signals;
use crate::authoring::{
    CompilerOutput, Dev as Builder, DevReport, Placement, discover, ensure_target,
};
use crate::config::{ConfigSource, LogFormat, NodeConfig, NodeFlags};
use crate::node::{Listeners, Node};

/// Run a node on the plugins that are being written: each save reloads a text or rebuilds a crate
#[derive(Args, Debug)]
pub(super) struct Dev {
    #[command(flatten)]
    node: NodeFlags,
}

impl Dev {
    pub(super) fn run(self) -> Result<(), CliError> {
        let source = ConfigSource::of(&self.node);
        let followed = source.read()?;
        let mut config = followed.clone();
        // An author reads it, whatever it is piped through.
        if config.log.format == LogFormat::Auto {
            config.log.format = LogFormat::Text;
        }
        allow_sessions(&mut config);
        with_log_and_signals(config, async |config, stop| {
            let entrance = Entrance::of(&config);
            let Some(started) = stop.run_until_cancelled(start(config)).await else {
                return Ok(());
            };
            let (builder, mut node) = started?;
            node.follow(source, followed);
            greet(&node, &entrance);
            say("Edit a plugin and it is reloaded. Ctrl-C stops.\n");
            let building = tokio::spawn(builder.run(stop.clone()));
            let ran = node.run(stop.clone()).await;
            stop.cancel();
            building
                .await
                .map_err(|panic| CliError::Runtime(panic.into()))?;
            Ok(ran?)
        })
    }
}

/// Lets whoever tries the node on this machine have a session, where nothing says who may.
fn allow_sessions(config: &mut NodeConfig) {
    let is_on_this_machine = config.listen.ip().is_loopback();
    if is_on_this_machine && !config.sessions.are_on() && !config.access.is_configured() {
        config.sessions.anonymous = true;
    }
}

async fn start(config: NodeConfig) -> Result<(Builder, Node), CliError> {
    // First: a port in use is told before minutes of compiling, and who asks
    // meanwhile is told that the node is not ready.
    let listeners = Listeners::bind(&config).await?;
    let plugins = config.plugins.clone();
    let entrance = Entrance::of(&config);
    let node = Node::serve_dev(config, listeners)?;
    greet_builder(node.address(), &entrance, &plugins);
    // Texts need no Rust.
    if discover(&plugins).is_ok_and(|crates| !crates.is_empty()) {
        ensure_target(&plugins, note).await?;
    }
    let mut builder = Builder::new(&plugins, CompilerOutput::Shown, report)?;
    builder.build_all().await;
    Ok((builder, node.load().await?))
}

/// Tells the author how the builds go; the compiler speaks for itself.
fn report(report: DevReport) {
    match report {
        DevReport::Building(names) => note(&format!("building {}", names.join(", "))),
        DevReport::Note(text) => note(&text),
        DevReport::Compiled {
            name,
            done,
            of,
            after,
        } => note(&format!(
            "built {name} ({done} of {of}) after {:.1} s",
            after.as_secs_f64()
        )),
        DevReport::Ready { name, placement } => {
            if placement == Placement::Unchanged {
                note(&format!("{name} is up to date"));
            }
        }
        DevReport::BuildFailed { folder, error } => {
            let error = error.to_string();
            // Behind what a tool has to say it would be taken for a part of that.
            let and = if error.contains('\n') { "\n" } else { "; " };
            note(&format!(
                "{}: {error}{and}an older version keeps running",
                shown(&folder)
            ));
        }
        DevReport::PlaceFailed { name, error } => note(&format!("{name}: {error}")),
        DevReport::Removed { name } => {
            note(&format!("{name} is gone, and so is its component"));
        }
        DevReport::NotKept { error } => {
            note(&format!(
                "cannot keep the components in step with their crates: {error}"
            ));
        }
        DevReport::NoTypes { error } => {
            note(&format!("cannot write the types for editors: {error}"));
        }
        DevReport::NotWatched { folder, error } => {
            let folder = shown(&folder);
            note(&format!("{folder} is not watched for changes: {error}"));
        }
    }
}

fn shown(folder: &Path) -> String {
    let here = std::env::current_dir().unwrap_or_default();
    folder
        .strip_prefix(&here)
        .unwrap_or(folder)
        .display()
        .to_string()
}
