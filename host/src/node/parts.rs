//! What a node shows of its parts.

use std::net::SocketAddr;
use std::sync::Arc;

use super::Node;
use crate::access::Access;
use crate::admin::ClusterAdmin;
use crate::bus::Bus;
use crate::channel::Channels;
use crate::plugin::Plugins;
use crate::session::Sessions;

impl Node {
    /// Where HTTP is served.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Who may do what on the node.
    #[must_use]
    pub fn access(&self) -> &Access {
        &self.access
    }

    /// The node's bus.
    #[must_use]
    pub fn bus(&self) -> &Bus {
        &self.bus
    }

    /// The cluster as the node sees it.
    #[must_use]
    pub fn nodes(&self) -> &Arc<dyn ClusterAdmin> {
        &self.nodes
    }

    /// The node's channels.
    #[must_use]
    pub fn channels(&self) -> &Channels {
        &self.channels
    }

    /// The node's plugins.
    #[must_use]
    pub fn plugins(&self) -> Arc<Plugins> {
        self.runner.plugins()
    }

    /// The node's sessions.
    #[must_use]
    pub fn sessions(&self) -> &Sessions {
        &self.sessions
    }
}
