//! `hearken run`.

use clap::Args;

use super::error::CliError;
use super::greeting::{Entrance, greet, program, say};
use super::invitation::invitation;
use super::process::with_log_and_signals;
use crate::config::{ConfigSource, NodeFlags};
use crate::node::{Listeners, Node};

/// Run a node
#[derive(Args, Debug)]
pub(super) struct Run {
    #[command(flatten)]
    node: NodeFlags,
}

impl Run {
    pub(super) fn run(self) -> Result<(), CliError> {
        let source = ConfigSource::of(&self.node);
        with_log_and_signals(source.read()?, async |config, stop| {
            let cluster = config.cluster.clone();
            let followed = config.clone();
            let entrance = Entrance::of(&config);
            let starting = async {
                let listeners = Listeners::bind(&config).await?;
                Ok::<_, CliError>(Node::start(config, listeners).await?)
            };
            // Told to stop meanwhile, it ends at once: nothing is in hand yet.
            let Some(node) = stop.run_until_cancelled(starting).await else {
                return Ok(());
            };
            let mut node = node?;
            node.follow(source, followed);
            greet(&node, &entrance);
            if let Some(this) = node.nodes().nodes().first() {
                say(&invitation(&program(), &cluster, &this.address));
            }
            Ok(node.run(stop).await?)
        })
    }
}
