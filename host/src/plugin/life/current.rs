//! The version of a plugin that is in force, and what it is doing.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use hearken_channel_log::ChannelName;
use tokio::time::Instant;

use super::consumption::{self, Consumed};
use super::listener::{Listener, narrow};
use crate::bus::Filter;
use crate::config::{Bounds, Rights};
use crate::consumer::Consumer;
use crate::plugin::hooks::exported::Answering;
use crate::plugin::run::health::Health;
use crate::plugin::run::instance::Version;
use crate::plugin::run::mailbox::PluginMailbox;
use crate::plugin::run::replay::Replay;
use crate::plugin::run::running::RunningVersion;
use crate::plugin::run::runtime::Runtime;
use crate::plugin::run::slot::InstanceSlot;
use crate::plugin::run::sources::{ChannelSource, Sources};
use crate::plugin::run::trial::Trial;

/// The version in force.
pub(super) struct Current {
    /// What the node's policy said of the plugin when it was loaded.
    pub(super) bounds: Bounds,
    /// What it says now, by which it is handed events.
    heard_by: Bounds,
    /// What it listens to, as far as it might when it was loaded.
    listeners: Vec<Listener>,
    /// What of that it may hear by `heard_by`.
    heard: Vec<Listener>,
    /// What it would hear without the policy; of that, what it consumes.
    asked: Vec<Listener>,
    pub(super) version: Arc<Version>,
    pub(super) mailbox: Arc<PluginMailbox>,
    /// What it is handed of channels; nothing of a copy.
    consumed: BTreeMap<ChannelName, Consumed>,
    /// Which questions of sessions it answers, if any; of a copy none.
    answering: Option<Arc<Answering>>,
    pub(super) work: Work,
}

pub(super) enum Work {
    Running(RunningVersion),
    Paused(Vec<InstanceSlot>),
    Quarantined(Vec<InstanceSlot>, Instant),
}

impl Current {
    /// A version that was loaded when the policy said `bounds`, and whose mailbox has the
    /// filters of its listeners.
    pub(super) fn new(
        version: Arc<Version>,
        bounds: Bounds,
        listeners: Vec<Listener>,
        mailbox: Arc<PluginMailbox>,
        work: Work,
    ) -> Self {
        Self {
            heard_by: bounds.clone(),
            bounds,
            heard: listeners.clone(),
            asked: Vec::new(),
            listeners,
            version,
            mailbox,
            consumed: BTreeMap::new(),
            answering: None,
            work,
        }
    }

    /// Starts workers in the place of whatever it is doing; the first of them has the
    /// `replay` too.
    pub(super) async fn start(
        &mut self,
        runtime: &Runtime,
        health: &Arc<Health>,
        replay: Option<&Arc<Replay>>,
        trial: Option<Trial>,
    ) {
        let slots = self.end().await;
        let consumers = self.consumers(runtime, slots.len());
        let sources = slots.into_iter().enumerate().map(|(partition, slot)| {
            let feeds = consumers.iter();
            let feeds = feeds.map(|consumer| ChannelSource::Feed(consumer.feed(partition)));
            let replay = replay.filter(|_| partition == 0);
            let replay = replay.map(|replay| ChannelSource::Replay(replay.inbox()));
            let channels = feeds.chain(replay).collect();
            (slot, Sources::new(self.mailbox.inbox(partition), channels))
        });
        // Before its workers take what was asked of the version before it.
        let plugin = &self.version.plugin.name;
        match &self.answering {
            Some(answering) => runtime.hooks.open(plugin, answering),
            None => runtime.hooks.close(plugin),
        }
        let running = RunningVersion::start(runtime, &self.version, health, sources, trial);
        self.work = Work::Running(running);
    }

    /// Has it answer these questions of sessions, from its next start on.
    pub(super) fn answer(&mut self, answering: Option<Arc<Answering>>) {
        self.answering = answering;
    }

    /// Its places in the channels that it consumes, for so many workers. An operator may have
    /// removed those that it had when it last worked.
    fn consumers(&self, runtime: &Runtime, partitions: usize) -> Vec<Arc<Consumer>> {
        let consumed = self.consumed.iter();
        let consumers = consumed.map(|(channel, consumed)| {
            let Consumed { filters, settings } = consumed;
            let plugin = &self.version.plugin.name;
            let consumer = runtime.consumers.consumer(plugin, channel);
            let mut asked = filters_on(&self.asked, channel.as_str());
            if asked == *filters {
                // Nothing is withheld.
                asked.clear();
            }
            consumer.configure_within(filters.clone(), asked, *settings, partitions);
            consumer
        });
        consumers.collect()
    }

    /// Ends whatever it is doing.
    pub(super) async fn pause(&mut self) {
        let slots = self.end().await;
        self.work = Work::Paused(slots);
    }

    /// The same, and gives out the slots of the instances.
    async fn end(&mut self) -> Vec<InstanceSlot> {
        let work = std::mem::replace(&mut self.work, Work::Paused(Vec::new()));
        work.end().await
    }

    /// Has it consume what its listeners want of channels, from its next start on. `asked` is
    /// what they would hear without the node's policy.
    pub(super) fn consume(&mut self, asked: Vec<Listener>) {
        self.asked = asked;
        let manifest = &self.version.manifest;
        let channels = self.channels();
        for channel in manifest.consume.keys() {
            if !channels.contains(channel.as_str()) {
                tracing::warn!(
                    plugin = &*self.version.plugin.name,
                    "`[consume.{channel}]` of its manifest has no effect: it has no listener on \
                     that channel"
                );
            }
        }
        self.consumed = consumption::consumed(&self.listeners, manifest);
    }

    /// What it wants of the channel, and may hear by what the policy says now.
    pub(super) fn filters_on(&self, channel: &str) -> Vec<Filter> {
        filters_on(&self.heard, channel)
    }

    /// The channels that it consumes.
    pub(super) fn channels(&self) -> BTreeSet<&str> {
        let consumed = self.listeners.iter().filter_map(Listener::consumed);
        consumed.map(|(name, _)| name.as_str()).collect()
    }

    /// Until another version has taken over, nothing more comes or waits than the plugin may
    /// hear by what the policy says now: that version may take long to start. Returns whether
    /// the workers, if there are any, have to be started anew for that.
    pub(super) fn hear_within(&mut self, bounds: Bounds) -> bool {
        if !self.hold_to(bounds) {
            return false;
        }
        self.mailbox.set_filters(consumption::live(&self.heard));
        let consumed = consumption::consumed(&self.heard, &self.version.manifest);
        let is_other = self.consumed != consumed;
        self.consumed = consumed;
        is_other
    }

    /// The same for a copy, which is handed nothing but a replay. Returns whether it may hear
    /// something else from now on.
    pub(super) fn hold_to(&mut self, bounds: Bounds) -> bool {
        if self.heard_by == bounds {
            return false;
        }
        let rights = Rights::of(&self.version.manifest, &bounds);
        (self.heard, _) = narrow(self.listeners.clone(), &rights);
        self.heard_by = bounds;
        true
    }
}

/// What those of the listeners want that consume the channel.
fn filters_on(listeners: &[Listener], channel: &str) -> Vec<Filter> {
    let on_it = listeners.iter().filter(|listener| {
        let consumed = listener.consumed();
        consumed.is_some_and(|(name, _)| name.as_str() == channel)
    });
    on_it.map(|listener| listener.filter.clone()).collect()
}

impl Work {
    /// Ends it, and gives back the slots of the instances.
    pub(super) async fn end(self) -> Vec<InstanceSlot> {
        match self {
            Self::Running(running) => running.end().await,
            Self::Paused(slots) | Self::Quarantined(slots, _) => slots,
        }
    }
}

/// Waits until the plugin goes into quarantine, or its pause there is over. Holds on to
/// nothing of the instances, which cannot be looked at from several threads.
pub(super) fn quarantine_turns(
    current: Option<&Current>,
) -> impl Future<Output = ()> + Send + use<> {
    let (begins, ends) = match current.map(|current| &current.work) {
        Some(Work::Running(running)) => (Some(running.quarantined()), None),
        Some(Work::Quarantined(_, until)) => (None, Some(*until)),
        Some(Work::Paused(_)) | None => (None, None),
    };
    async move {
        match (begins, ends) {
            (Some(begins), _) => begins.await,
            (None, Some(until)) => tokio::time::sleep_until(until).await,
            (None, None) => std::future::pending().await,
        }
    }
}
