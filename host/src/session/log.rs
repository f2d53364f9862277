//! The log of a durable channel, on this node or on another.

use std::sync::Arc;

use hearken_channel_log::{Bounds, ChannelState, Epoch};

use super::far_log::FarLog;
use crate::channel::Channel;

/// The log of a durable channel.
#[derive(Clone, Debug)]
pub(super) enum Log {
    /// On this node.
    Near(Arc<Channel>),
    /// On another.
    Far(Arc<FarLog>),
}

impl Log {
    /// Whether both are the same. One that was removed and made again is another.
    pub(super) fn is(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Near(one), Self::Near(other)) => Arc::ptr_eq(one, other),
            (Self::Far(one), Self::Far(other)) => Arc::ptr_eq(one, other),
            _ => false,
        }
    }

    /// Which log it is.
    pub(super) fn epoch(&self) -> Epoch {
        match self {
            Self::Near(channel) => channel.epoch(),
            Self::Far(log) => log.epoch,
        }
    }

    /// How far it goes; `None` if it was removed.
    pub(super) fn bounds(&self) -> Option<Bounds> {
        match self {
            Self::Near(channel) => channel.bounds(),
            Self::Far(log) => {
                let state = log.state();
                (!state.is_removed).then_some(state.bounds)
            }
        }
    }

    /// Number up to which events are known to be missing.
    pub(super) fn missing(&self) -> u64 {
        match self {
            Self::Near(channel) => channel.missing(),
            Self::Far(log) => log.state().missing,
        }
    }

    /// Events up to that number are missing.
    pub(super) fn note_missing(&self, number: u64) {
        match self {
            Self::Near(channel) => channel.note_missing(number),
            Self::Far(log) => log.note_missing(number),
        }
    }

    /// Number up to which some events are damaged; 0 if none are.
    pub(super) fn damaged(&self) -> u64 {
        match self {
            Self::Near(channel) => match channel.info().map(|info| info.state) {
                Ok(ChannelState::Damaged { ranges }) => {
                    let last = ranges.iter().map(|range| range.last).max();
                    last.unwrap_or_default()
                }
                Ok(ChannelState::Ok | ChannelState::Failed { .. }) => 0,
                Err(_) => u64::MAX,
            },
            Self::Far(log) => log.state().damaged,
        }
    }

    /// Waits until there is more than up to that number; whether it is still there.
    pub(super) async fn beyond(&self, position: u64) -> bool {
        match self {
            Self::Near(channel) => channel.beyond(position).await.is_ok(),
            Self::Far(log) => log.beyond(position).await,
        }
    }

    /// Name of the channel.
    pub(super) fn name(&self) -> &str {
        match self {
            Self::Near(channel) => channel.name().as_str(),
            Self::Far(log) => log.name.as_str(),
        }
    }
}
