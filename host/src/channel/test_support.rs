//! What the tests of channels share: a bus, and engines in memory.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures_util::FutureExt;
use hearken_channel_log::memory::{Memory, MemorySettings};
use hearken_channel_log::{ChannelName, Engine};

use super::test_engine::TestEngine;
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

fn memory() -> Memory {
    let environment = Arc::new(NodeEnvironment::new(Arc::new(SystemClock)));
    Memory::new(environment, MemorySettings::default())
}

/// Engines that both keep their logs in memory.
pub(crate) fn engines() -> Engines {
    Engines {
        disk: Arc::new(memory()),
        memory: Arc::new(memory()),
    }
}

/// The same, of which the one for the disk fails and hangs where it is told to.
pub(crate) fn failing_engines() -> (Engines, Arc<TestEngine>) {
    let disk = TestEngine::new(memory());
    let engines = Engines {
        disk: Arc::clone(&disk) as Arc<dyn Engine>,
        memory: Arc::new(memory()),
    };
    (engines, disk)
}

/// Channels on engines of their own, of which these are declared.
pub(crate) fn channels_of(bus: &Bus, declared: BTreeMap<ChannelName, ChannelSettings>) -> Channels {
    channels_on(bus, engines(), declared)
}

/// Channels on these engines, of which these are declared.
pub(crate) fn channels_on(
    bus: &Bus,
    engines: Engines,
    declared: BTreeMap<ChannelName, ChannelSettings>,
) -> Channels {
    let channels = Channels::new(bus);
    let opened = channels.open(engines, declared).now_or_never();
    opened
        .expect("nothing in memory waits")
        .expect("the declared channels are in order");
    channels
}
