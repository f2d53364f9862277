//! What everything that answers a request shares.

use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use prometheus_client::registry::Registry;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::caller::denials::Denials;
use super::endpoints::channels::ChannelRefusal;
use super::endpoints::metrics::counted::GatewayMetrics;
use super::endpoints::stream::memory::StreamMemory;
use super::endpoints::stream::rendering::Renderings;
use super::limits::GatewayLimits;
use super::readiness::Readiness;
use super::rejection::Rejection;
use super::serve::hosts::AllowedHosts;
use super::serve::memory::Memory;
use super::serve::slots::Slots;
use crate::access::{Access, Held, Identity};
use crate::admin::{ClusterAdmin, PluginAdmin};
use crate::bus::Bus;
use crate::channel::{Channel, Channels};

/// What handlers share.
pub(super) struct Context {
    pub(super) bus: Bus,
    pub(super) access: Access,
    pub(super) denials: Denials,
    pub(super) plugins: Arc<dyn PluginAdmin>,
    pub(super) channels: Channels,
    pub(super) cluster: Arc<dyn ClusterAdmin>,
    pub(super) readiness: Readiness,
    pub(super) hosts: AllowedHosts,
    pub(super) limits: GatewayLimits,
    /// Open `GET /v1/events`.
    pub(super) streams: Arc<Slots>,
    /// Open `GET /v1/wait`.
    pub(super) waiters: Arc<Slots>,
    /// For request bodies and large heads.
    pub(super) bodies: Arc<Memory>,
    pub(super) renderings: Renderings,
    pub(super) stream_memory: Arc<StreamMemory>,
    /// Cancelled once the gateway drains.
    pub(super) draining: CancellationToken,
    /// When streams of a draining gateway end, whatever waits in them.
    pub(super) grace_ends: OnceLock<Instant>,
    pub(super) registry: Registry,
    pub(super) metrics: Arc<GatewayMetrics>,
    pub(super) openapi: Bytes,
}

impl Context {
    /// Takes a stream or a wait out of somebody's budget.
    pub(super) fn hold_stream(&self, identity: &Identity) -> Result<Held, Rejection> {
        identity.budget().stream().map_err(|over| {
            self.denials.over_budget();
            over.into()
        })
    }

    /// The channel of this name.
    pub(super) fn channel(&self, name: &str) -> Result<Arc<Channel>, Rejection> {
        let found = self.channels.find(name);
        // Those that are not there yet are not taken for missing.
        if found.is_err() && !self.channels.is_open() {
            return Err(Rejection::Starting);
        }
        Ok(found.map_err(ChannelRefusal::from)?)
    }

    /// Takes nothing any more, and ends streams and waits.
    pub(super) fn drain(&self) {
        // Set before it is looked at.
        let _ = self.grace_ends.set(Instant::now() + self.limits.grace);
        self.draining.cancel();
        self.stream_memory.close();
    }

    /// Whether the gateway drains, and streams had their time.
    pub(super) fn grace_is_over(&self) -> bool {
        self.grace_ends
            .get()
            .is_some_and(|grace_ends| *grace_ends <= Instant::now())
    }
}
