//! Tells by host events and in the log what becomes of consumers.

use std::sync::Arc;

use hearken_channel_log::{ChannelName, Epoch, Span};

use crate::bus::{Bus, Publisher};
use crate::event::cloudevent::rfc3339;
use crate::event::host_event::{HostEventType, PluginMissed, PluginRejected, PluginStalled};

/// Tells what becomes of consumers.
#[derive(Clone, Debug)]
pub(super) struct Reporter {
    node: Arc<str>,
    host: Arc<Publisher>,
}

/// An event that became a dead letter.
#[derive(Clone, Debug)]
pub(super) struct Buried {
    pub(super) sequence: u64,
    pub(super) event: String,
    pub(super) attempts: u32,
    pub(super) reason: Arc<str>,
    /// Number of the letter.
    pub(super) letter: u64,
}

/// An event that hangs, or hangs no more.
#[derive(Clone, Debug)]
pub(super) struct Hanging {
    pub(super) epoch: Option<Epoch>,
    pub(super) sequence: u64,
    pub(super) event: String,
    pub(super) attempt: u32,
    pub(super) reason: Arc<str>,
    /// When the next attempt comes, in milliseconds since the Unix epoch; nothing when it
    /// hangs no more.
    pub(super) next: Option<u64>,
}

impl Reporter {
    pub(super) fn new(bus: &Bus) -> Self {
        Self {
            node: Arc::clone(bus.node()),
            host: Arc::new(bus.host_publisher()),
        }
    }

    /// The node's name.
    pub(super) fn node(&self) -> &str {
        &self.node
    }

    pub(super) fn stalled(&self, plugin: &str, channel: &ChannelName, event: Hanging) {
        if event.next.is_some() {
            tracing::warn!(
                plugin, %channel, sequence = event.sequence, attempt = event.attempt,
                reason = %event.reason, "a plugin hangs on an event of a channel"
            );
        }
        let data = PluginStalled {
            plugin: plugin.to_owned(),
            channel: channel.to_string(),
            epoch: event.epoch.map(|epoch| epoch.to_string()),
            sequence: event.sequence,
            event: event.event,
            attempt: event.attempt,
            reason: event.reason.to_string(),
            next_attempt: event.next.map(rfc3339),
            cleared: event.next.is_none(),
        };
        self.host
            .publish_host(HostEventType::PluginStalled, plugin, &data);
    }

    pub(super) fn rejected(
        &self,
        plugin: &str,
        channel: &ChannelName,
        letters: &ChannelName,
        event: Buried,
    ) {
        tracing::warn!(
            plugin, %channel, sequence = event.sequence, attempts = event.attempts,
            reason = %event.reason, %letters, letter = event.letter,
            "an event of a channel became a dead letter"
        );
        let data = PluginRejected {
            plugin: plugin.to_owned(),
            channel: channel.to_string(),
            sequence: event.sequence,
            event: event.event,
            attempts: event.attempts,
            reason: event.reason.to_string(),
            dead_channel: letters.to_string(),
            dead_sequence: event.letter,
        };
        self.host
            .publish_host(HostEventType::PluginRejected, plugin, &data);
    }

    pub(super) fn missed(
        &self,
        plugin: &str,
        channel: &ChannelName,
        epoch: Epoch,
        gone: Span,
        count: u64,
    ) {
        tracing::warn!(
            plugin, %channel, %epoch, numbers = %gone, count,
            "a plugin misses events of a channel"
        );
        let data = PluginMissed {
            plugin: plugin.to_owned(),
            channel: channel.to_string(),
            epoch: epoch.to_string(),
            first: gone.first,
            last: gone.last,
            count,
        };
        self.host
            .publish_host(HostEventType::PluginMissed, plugin, &data);
    }
}
