//! A node between its start and its being ready.

use std::net::SocketAddr;
use std::time::Duration;

use tokio_util::task::AbortOnDropHandle;

use super::error::NodeError;
use super::{Node, channels};
use crate::gateway::Readiness;

/// A node that serves, but has no plugins yet and takes no events, which they
/// would miss.
pub struct Starting {
    pub(super) node: Node,
    pub(super) channels: channels::Closed,
    pub(super) readiness: Readiness,
    pub(super) startup_timeout: Duration,
}

impl Starting {
    /// Where HTTP is served.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.node.address
    }

    /// Opens the channels and loads every plugin in the folder; from then on the node takes
    /// events. A plugin that fails to load is reported and keeps no node from starting, nor
    /// does one that takes longer than the configuration's `startup_timeout`.
    ///
    /// # Errors
    /// [`NodeError`] when the folder cannot be read, or the channels cannot be opened.
    pub async fn load(self) -> Result<Node, NodeError> {
        let Self {
            mut node,
            channels,
            readiness,
            startup_timeout,
        } = self;
        channels.open().await?;
        let reports = tokio::spawn(node.channels.clone().observe());
        node.channel_reports = Some(AbortOnDropHandle::new(reports));
        node.runner.load_all(startup_timeout).await?;
        node.namespaces.look_at_plugins();
        // So that from then on no event is missed, of whatever node.
        node.bus.interest().known().await;
        readiness.plugins_loaded();
        tracing::info!(node = %node.bus.node(), address = %node.address, "listening");
        Ok(node)
    }
}
