//! Tells what becomes of channels by itself: what retention drops, and what fails.

use std::collections::HashMap;
use std::sync::PoisonError;
use std::time::Duration;

use hearken_channel_log::{ChannelState, Epoch, Span};
use tokio::time::MissedTickBehavior;

use super::channels::Channels;
use super::handle::{Channel, ChannelStatus};
use crate::event::host_event::{
    ChannelDamaged, ChannelFailed, ChannelTrimmed, HostEventType, NumberSpan,
};

/// Between two looks: what is dropped of a channel is told at most that often.
const LOOK: Duration = Duration::from_secs(1);

/// Channels that are looked at before others have their turn on the thread.
const AT_ONCE: usize = 256;

/// What was told of a channel last.
#[derive(Default)]
struct Told {
    first: u64,
    failed: bool,
    damaged: Vec<Span>,
}

/// What was told.
#[derive(Default)]
pub(super) struct Observed {
    /// By the channels' epochs.
    told: HashMap<Epoch, Told>,
    /// Whether there was a look before.
    begun: bool,
}

/// A look at all channels.
struct Look {
    /// What was told of those that were not looked at yet.
    before: HashMap<Epoch, Told>,
    after: HashMap<Epoch, Told>,
    begun: bool,
    /// Why one of them takes no events.
    reason: Option<String>,
}

impl Channels {
    /// Tells by host events and in the log what becomes of channels from now on, for as long
    /// as the future is polled.
    pub fn observe(self) -> impl Future<Output = ()> + Send + 'static {
        let mut observed = Observed::default();
        self.look(&mut observed);
        async move {
            let mut looks = tokio::time::interval(LOOK);
            looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            loop {
                looks.tick().await;
                let mut look = Look::begin(&mut observed);
                for (at, channel) in self.list(None, usize::MAX).iter().enumerate() {
                    if at % AT_ONCE == AT_ONCE - 1 {
                        tokio::task::yield_now().await;
                    }
                    self.look_at(channel, &mut look);
                }
                self.end_look(look, &mut observed);
            }
        }
    }

    /// What keeps a channel from taking events, and since when it has been seen, in
    /// milliseconds since the Unix epoch; of several one.
    #[must_use]
    pub fn failure(&self) -> Option<(String, u64)> {
        let failure = self.0.failure.lock();
        failure.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Tells what has changed since the last look.
    pub(super) fn look(&self, observed: &mut Observed) {
        let mut look = Look::begin(observed);
        for channel in self.list(None, usize::MAX) {
            self.look_at(&channel, &mut look);
        }
        self.end_look(look, observed);
    }

    fn look_at(&self, channel: &Channel, look: &mut Look) {
        let Some(status) = channel.status() else {
            return;
        };
        let epoch = status.info.epoch;
        // What was dropped before the node started is no news.
        let told = look.before.remove(&epoch).unwrap_or_else(|| Told {
            first: if look.begun { 1 } else { status.info.first },
            ..Told::default()
        });
        let told = self.tell_changes(&status, told);
        look.after.insert(epoch, told);
        if let (None, ChannelState::Failed { why }) = (&look.reason, &status.info.state) {
            look.reason = Some(why.to_string());
        }
    }

    fn end_look(&self, look: Look, observed: &mut Observed) {
        observed.told = look.after;
        observed.begun = true;
        let reason = look.reason.or_else(|| {
            let undone = self.0.undone();
            let first = undone.first_key_value();
            first.map(|(name, undone)| {
                let reason = &undone.reason;
                format!("the channel `{name}` is not as the configuration declares it: {reason}")
            })
        });
        let failure = self.0.failure.lock();
        let mut failure = failure.unwrap_or_else(PoisonError::into_inner);
        let since = failure.take().map(|(_, since)| since);
        let since = since.unwrap_or_else(|| self.0.bus.now_millis());
        *failure = reason.map(|reason| (reason, since));
    }

    fn tell_changes(&self, status: &ChannelStatus, mut told: Told) -> Told {
        let info = &status.info;
        let (channel, epoch) = (info.name.to_string(), info.epoch.to_string());
        let node = self.0.bus.node().to_string();
        let host = &self.0.host;
        if let Some(last) = info
            .first
            .checked_sub(1)
            .filter(|_| told.first < info.first)
        {
            let data = ChannelTrimmed {
                channel: channel.clone(),
                epoch: epoch.clone(),
                node: node.clone(),
                first: told.first,
                last,
            };
            host.publish_host(HostEventType::ChannelTrimmed, &channel, &data);
            told.first = info.first;
        }
        let failed = match &info.state {
            ChannelState::Failed { why } => Some(why),
            ChannelState::Ok | ChannelState::Damaged { .. } => None,
        };
        if let Some(why) = failed.filter(|_| !told.failed) {
            tracing::error!(%channel, reason = %why, "a channel takes no events any more");
            let data = ChannelFailed {
                channel: channel.clone(),
                epoch: epoch.clone(),
                node: node.clone(),
                reason: why.to_string(),
            };
            host.publish_host(HostEventType::ChannelFailed, &channel, &data);
        }
        told.failed = failed.is_some();
        let damaged = match &info.state {
            ChannelState::Damaged { ranges } => ranges.clone(),
            ChannelState::Ok | ChannelState::Failed { .. } => Vec::new(),
        };
        if damaged != told.damaged && !damaged.is_empty() {
            let ranges = damaged.iter().map(|span| NumberSpan {
                first: span.first,
                last: span.last,
            });
            let ranges: Vec<NumberSpan> = ranges.collect();
            tracing::error!(%channel, ?ranges, "events of a channel are damaged");
            let data = ChannelDamaged {
                channel: channel.clone(),
                epoch,
                node,
                ranges,
            };
            host.publish_host(HostEventType::ChannelDamaged, &channel, &data);
        }
        told.damaged = damaged;
        told
    }
}

impl Look {
    fn begin(observed: &mut Observed) -> Self {
        Self {
            before: std::mem::take(&mut observed.told),
            after: HashMap::new(),
            begun: observed.begun,
            reason: None,
        }
    }
}
