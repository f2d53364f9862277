//! What everything that answers a request shares.

use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use prometheus_client::registry::Registry;
use tokio::sync::Semaphore;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::caller::denials::Denials;
use super::endpoints::channels::ChannelRefusal;
use super::endpoints::channels::elsewhere::Ways;
use super::endpoints::metrics::counted::GatewayMetrics;
use super::endpoints::session::Inboxes;
use super::endpoints::stream::memory::StreamMemory;
use super::endpoints::stream::rendering::Renderings;
use super::limits::GatewayLimits;
use super::readiness::Readiness;
use super::rejection::Rejection;
use super::serve::hosts::AllowedHosts;
use super::serve::memory::Memory;
use super::serve::slots::Slots;
use super::shared_secret::SharedSecret;
use crate::access::{Access, Act, Held, Identity};
use crate::admin::{ClusterAdmin, PluginAdmin};
use crate::bus::Bus;
use crate::channel::{Channel, Channels, NoChannel};
use crate::consumer::Consumers;
use crate::passing::Elsewhere;
use crate::session::Sessions;

/// What handlers share.
pub(super) struct Context {
    pub(super) bus: Bus,
    pub(super) access: Access,
    pub(super) denials: Denials,
    pub(super) plugins: Arc<dyn PluginAdmin>,
    pub(super) channels: Channels,
    pub(super) consumers: Consumers,
    pub(super) sessions: Sessions,
    /// The key with which servers of applications come.
    pub(super) server_key: Option<SharedSecret>,
    /// Commands of those that cannot send them over their own connection.
    pub(super) inboxes: Arc<Inboxes>,
    /// Those of other nodes.
    pub(super) elsewhere: Arc<dyn Elsewhere>,
    /// The ways to them.
    pub(super) ways: Ways,
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
    /// Turns of those who read pages of channels.
    pub(super) reads: Semaphore,
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

    /// The channel of this name, for somebody who may know of every channel.
    pub(super) fn channel(&self, name: &str) -> Result<Arc<Channel>, Rejection> {
        Ok(self.find_channel(name)?.map_err(ChannelRefusal::from)?)
    }

    /// The channel of this name, for somebody who may read it.
    pub(super) fn readable(
        &self,
        identity: &Identity,
        name: &str,
    ) -> Result<Arc<Channel>, Rejection> {
        let may = |name: &str| identity.check(&Act::Read(name)).is_ok();
        let found = self.find_channel(name)?;
        let found = found.map_err(|missing| missing.told_to(may));
        Ok(found.map_err(ChannelRefusal::from)?)
    }

    /// Finds a channel, once all are there.
    pub(super) fn find_channel(
        &self,
        name: &str,
    ) -> Result<Result<Arc<Channel>, NoChannel>, Rejection> {
        // Asked first, so that one that is just being opened is not taken for missing.
        let are_open = self.channels.is_open();
        match self.channels.find(name) {
            Err(_) if !are_open => Err(Rejection::Starting),
            Err(missing) => {
                let beside = self.elsewhere.names_beside(name);
                Ok(Err(missing.among(beside.iter().map(|name| &**name))))
            }
            found => Ok(found),
        }
    }

    /// The same for who waits for it, and looks again with every change: what may have been
    /// meant instead is not looked for.
    pub(super) fn awaited_channel(&self, name: &str) -> Result<Option<Arc<Channel>>, Rejection> {
        // As above.
        let are_open = self.channels.is_open();
        match self.channels.get(name) {
            None if !are_open => Err(Rejection::Starting),
            found => Ok(found),
        }
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
