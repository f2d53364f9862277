//! The HTTP of all instances of a plugin: what it may use and has used.

use std::sync::Arc;

use super::budget::Budget;
use super::connections::Connections;
use super::connector::Connector;
use super::requests::Requests;
use crate::config::PluginLimits;

/// What all instances and versions of a plugin share.
#[derive(Debug)]
pub(crate) struct Traffic {
    pub(super) connector: Arc<Connector>,
    pub(super) connections: Arc<Connections>,
    pub(super) budget: Budget,
    pub(crate) requests: Requests,
}

impl Traffic {
    /// Nothing was sent yet.
    pub(crate) fn new(connector: Arc<Connector>, limits: &PluginLimits) -> Self {
        Self {
            connector,
            connections: Arc::new(Connections::new(limits.http_requests)),
            budget: Budget::new(limits.http_bytes),
            requests: Requests::default(),
        }
    }
}
