//! All consumers of a node.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hearken_channel_log::{ChannelName, Environment};
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::drive::drive;
use super::handle::Consumer;
use super::handling::Round;
use super::report::Reporter;
use super::status::ConsumerStatus;
use crate::bus::{Bus, Publisher};
use crate::channel::Channels;
use crate::panics::keep_going;

/// The consumers of a node; cloning shares them.
#[derive(Clone)]
pub struct Consumers(pub(super) Arc<Shared>);

/// A plugin and a channel.
type Pair = (Arc<str>, ChannelName);

/// What the handles share.
pub(super) struct Shared {
    pub(super) channels: Channels,
    publisher: Arc<Publisher>,
    reporter: Reporter,
    environment: Arc<dyn Environment>,
    all: Mutex<BTreeMap<Pair, Arc<Consumer>>>,
    tasks: TaskTracker,
    closing: CancellationToken,
}

impl Consumers {
    /// Of the plugins of a node. The environment gives the time of day and chance.
    #[must_use]
    pub fn new(channels: &Channels, bus: &Bus, environment: Arc<dyn Environment>) -> Self {
        Self(Arc::new(Shared {
            channels: channels.clone(),
            publisher: Arc::new(bus.host_publisher()),
            reporter: Reporter::new(bus),
            environment,
            all: Mutex::default(),
            tasks: TaskTracker::new(),
            closing: CancellationToken::new(),
        }))
    }

    /// The consumer of a plugin on a channel: one for each pair, over all versions of the
    /// plugin. To be called within the runtime, since it works in a task of its own.
    #[must_use]
    pub fn consumer(&self, plugin: &str, channel: &ChannelName) -> Arc<Consumer> {
        let shared = &self.0;
        let mut all = shared.all();
        let pair = (Arc::from(plugin), channel.clone());
        let consumer = all.entry(pair).or_insert_with(|| {
            let consumer = Arc::new(Consumer::new(
                plugin,
                channel,
                Arc::clone(&shared.environment),
                shared.reporter.clone(),
                shared.closing.child_token(),
            ));
            let (channels, publisher) = (shared.channels.clone(), Arc::clone(&shared.publisher));
            let driven = Arc::clone(&consumer);
            shared.tasks.spawn(async move {
                let work = || {
                    drive(
                        Arc::clone(&driven),
                        channels.clone(),
                        Arc::clone(&publisher),
                    )
                };
                keep_going("who feeds a plugin with a channel", work).await;
            });
            consumer
        });
        Arc::clone(consumer)
    }

    /// The round of a replay that begins.
    #[must_use]
    pub fn replay_round(&self) -> Round {
        Round::Replay(self.0.environment.random())
    }

    /// How the consumers of a plugin stand, by channel.
    #[must_use]
    pub fn of_plugin(&self, plugin: &str) -> Vec<ConsumerStatus> {
        let all = self.0.all();
        let of_plugin = all.values().filter(|consumer| consumer.plugin() == plugin);
        of_plugin.map(|consumer| consumer.status()).collect()
    }

    /// How all of them stand, for metrics.
    #[must_use]
    pub fn statuses(&self) -> Vec<ConsumerStatus> {
        let all = self.0.all();
        all.values().map(|consumer| consumer.status()).collect()
    }

    /// Those of a channel.
    pub(super) fn of_channel_name(&self, channel: &ChannelName) -> Vec<Arc<Consumer>> {
        let all = self.0.all();
        let of_channel = all
            .values()
            .filter(|consumer| consumer.channel() == channel);
        of_channel.map(Arc::clone).collect()
    }

    /// Ends a consumer that has no feeds, for who has its turn; whether it had none.
    pub(super) fn retire(&self, consumer: &Consumer) -> bool {
        let mut all = self.0.all();
        if *consumer.feeds.borrow() > 0 {
            return false;
        }
        let mut state = consumer.state();
        (state.removed, state.closed) = (true, true);
        drop(state);
        consumer.gone.cancel();
        all.remove(&(Arc::from(consumer.plugin()), consumer.channel().clone()));
        true
    }

    /// Gives out no more events and writes where each consumer is, until `deadline`. To be
    /// called when the plugins have settled what they had in hand, and before the channels
    /// are closed.
    pub async fn close(&self, deadline: Instant) {
        let shared = &self.0;
        shared.tasks.close();
        shared.closing.cancel();
        if timeout_at(deadline, shared.tasks.wait()).await.is_err() {
            tracing::warn!(
                "could not write where plugins are in channels as the node ends; they will be \
                 given again what they handled last"
            );
        }
    }
}

impl Shared {
    pub(super) fn all(&self) -> MutexGuard<'_, BTreeMap<Pair, Arc<Consumer>>> {
        // Changed by one insertion or removal at a time.
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Consumers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Consumers").finish_non_exhaustive()
    }
}
