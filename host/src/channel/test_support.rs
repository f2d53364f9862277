//! What the tests of channels share: a bus, and engines in memory.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures_util::FutureExt;
use hearken_channel_log::ChannelName;
use hearken_channel_log::memory::{Memory, MemorySettings};

use super::{ChannelSettings, Channels, Engines, NodeEnvironment};
use crate::bus::{Bus, BusConfig};
use crate::clock::SystemClock;

/// The bus of the node `a`.
pub(crate) fn bus() -> Bus {
    Bus::new(BusConfig {
        node: "a".into(),
        incarnation: "i".into(),
        max_event_bytes: 1 << 20,
        clock: Arc::new(SystemClock),
    })
}

/// Engines that both keep their logs in memory.
pub(crate) fn engines() -> Engines {
    let memory = || {
        let environment = Arc::new(NodeEnvironment::new(Arc::new(SystemClock)));
        Arc::new(Memory::new(environment, MemorySettings::default()))
    };
    Engines {
        disk: memory(),
        memory: memory(),
    }
}

/// Channels on engines of their own, of which these are declared.
pub(crate) fn channels_of(bus: &Bus, declared: BTreeMap<ChannelName, ChannelSettings>) -> Channels {
    let channels = Channels::new(bus);
    let opened = channels.open(engines(), declared).now_or_never();
    opened
        .expect("nothing in memory waits")
        .expect("the declared channels are in order");
    channels
}
