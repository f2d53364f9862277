//! What the tests of appends share: a plugin, and channels in memory that fail where they are
//! told to.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use hearken_channel_log::ChannelName;

use crate::channel::test_engine::TestEngine;
use crate::channel::test_support::{bus, channels_on, failing_engines};
use crate::channel::{Channel, ChannelSettings, Channels};
use crate::clock::SystemClock;
use crate::config::PluginLimits;
use crate::plugin::guest::context::PluginContext;
use crate::plugin::guest::outgoing::connector::Connector;
use crate::plugin::guest::outgoing::traffic::Traffic;
use crate::store::Store;

pub(super) const A_DAY: Duration = Duration::from_secs(86_400);

/// The plugin `p`, and the channel `bills`.
pub(super) struct Billing {
    pub(super) plugin: Arc<PluginContext>,
    pub(super) channels: Channels,
    pub(super) bills: Arc<Channel>,
    pub(super) engine: Arc<TestEngine>,
}

impl Billing {
    /// That remembers ids for so long.
    pub(super) fn new(dedupe: Duration) -> Self {
        let bus = bus();
        let (engines, engine) = failing_engines();
        let mut settings = ChannelSettings::default();
        settings.log.dedupe = dedupe;
        let name = ChannelName::new("bills").unwrap();
        let channels = channels_on(&bus, engines, BTreeMap::from([(name, settings)]));
        let bills = channels.find("bills").expect("it is declared");
        let store = Store::in_memory(bus.clone(), Arc::new(SystemClock)).unwrap();
        let connector = Arc::new(Connector::system());
        let traffic = Traffic::new(connector, &PluginLimits::default());
        let plugin = PluginContext::new("p".into(), bus, &channels, &store, traffic);
        Self {
            plugin: Arc::new(plugin),
            channels,
            bills,
            engine,
        }
    }
}
