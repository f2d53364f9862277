//! Figures that are read from the bus, the plugins, the channels, the cluster and the gateway's
//! bounds at each scrape of `/metrics`.

use std::fmt;
use std::sync::Arc;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Registry;

use super::channels::encode_channels;
use super::consumers::encode_consumers;
use super::figure::{Kind, encode};
use super::links::encode_links;
use super::sessions::encode_sessions;
use crate::admin::{ClusterAdmin, PluginAdmin, PluginState, PluginStatus};
use crate::bus::{Bus, ReceiverKind};
use crate::channel::Channels;
use crate::gateway::serve::slots::Slots;
use crate::session::Sessions;

/// What is read.
pub(in crate::gateway) struct NodeCollector {
    pub(in crate::gateway) bus: Bus,
    pub(in crate::gateway) plugins: Arc<dyn PluginAdmin>,
    pub(in crate::gateway) cluster: Arc<dyn ClusterAdmin>,
    pub(in crate::gateway) channels: Channels,
    pub(in crate::gateway) sessions: Sessions,
    /// Kinds of long requests: their name and their places.
    pub(in crate::gateway) open: [(&'static str, Arc<Slots>); 2],
}

/// A figure that every plugin has.
struct PluginFigure {
    name: &'static str,
    help: &'static str,
    kind: Kind,
    value: fn(&PluginStatus) -> u64,
}

const PLUGIN_FIGURES: [PluginFigure; 8] = [
    PluginFigure {
        name: "plugin_delivered_events",
        help: "Live events that the plugin's handler finished, failed ones included",
        kind: Kind::Counter,
        value: |plugin| plugin.counters.delivered,
    },
    PluginFigure {
        name: "plugin_failed_events",
        help: "Live events whose handler failed; of channels see the consumer's figures",
        kind: Kind::Counter,
        value: |plugin| plugin.counters.failed,
    },
    PluginFigure {
        name: "plugin_dropped_events",
        help: "Events that the plugin's mailbox dropped",
        kind: Kind::Counter,
        value: |plugin| plugin.counters.dropped,
    },
    PluginFigure {
        name: "plugin_sent_events",
        help: "Events that the plugin published",
        kind: Kind::Counter,
        value: |plugin| plugin.counters.sent,
    },
    PluginFigure {
        name: "plugin_refused_events",
        help: "Events that the plugin was not allowed to publish",
        kind: Kind::Counter,
        value: |plugin| plugin.counters.refused,
    },
    PluginFigure {
        name: "plugin_restarts",
        help: "Instances that replaced one that died",
        kind: Kind::Counter,
        value: |plugin| plugin.counters.restarts,
    },
    PluginFigure {
        name: "plugin_queued_events",
        help: "Events waiting in the plugin's mailbox",
        kind: Kind::Gauge,
        value: |plugin| plugin.counters.queued,
    },
    PluginFigure {
        name: "plugin_memory_bytes",
        help: "Linear memory that the plugin's instances hold",
        kind: Kind::Gauge,
        value: |plugin| plugin.memory_bytes,
    },
];

impl NodeCollector {
    pub(in crate::gateway) fn register(self, registry: &mut Registry) {
        registry
            .sub_registry_with_prefix("hearken")
            .register_collector(Box::new(self));
    }
}

impl Collector for NodeCollector {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let bus = [
            (
                "published_events",
                "Events published on this node",
                self.bus.published(),
            ),
            (
                "published_bytes",
                "Bytes of the events published on this node, attributes included",
                self.bus.published_bytes(),
            ),
        ];
        for (name, help, value) in bus {
            let metric = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
            encode(metric, Kind::Counter, value)?;
        }
        let help = "Receivers registered with the bus";
        let mut receivers =
            encoder.encode_descriptor("receivers", help, None, MetricType::Gauge)?;
        for kind in ReceiverKind::ALL {
            let labels = [("kind", kind.as_str())];
            let value = self.bus.receivers(kind);
            encode(receivers.encode_family(&labels)?, Kind::Gauge, value)?;
        }
        let help = "Requests for an event stream or a wait that are open";
        let mut open = encoder.encode_descriptor("http_open", help, None, MetricType::Gauge)?;
        for (kind, slots) in &self.open {
            let labels = [("kind", *kind)];
            encode(
                open.encode_family(&labels)?,
                Kind::Gauge,
                slots.taken() as u64,
            )?;
        }
        let plugins = self.plugins.list();
        encode_plugins(&mut encoder, &plugins)?;
        encode_consumers(&mut encoder, &plugins)?;
        encode_channels(&mut encoder, &self.channels)?;
        encode_sessions(&mut encoder, &self.sessions)?;
        encode_links(&mut encoder, &self.cluster.nodes())
    }
}

fn encode_plugins(encoder: &mut DescriptorEncoder<'_>, plugins: &[PluginStatus]) -> fmt::Result {
    for figure in &PLUGIN_FIGURES {
        let mut family =
            encoder.encode_descriptor(figure.name, figure.help, None, figure.kind.metric_type())?;
        for plugin in plugins {
            let labels = [("plugin", plugin.name.as_str())];
            let metric = family.encode_family(&labels)?;
            encode(metric, figure.kind, (figure.value)(plugin))?;
        }
    }
    let help = "HTTP requests of the plugin by host, and by the status of the answer or what else became of them";
    let name = "plugin_http_requests";
    let mut requests = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
    for plugin in plugins {
        for host in &plugin.http {
            for (status, count) in &host.requests {
                let labels = [
                    ("plugin", plugin.name.as_str()),
                    ("host", host.host.as_str()),
                    ("status", status.as_str()),
                ];
                encode(requests.encode_family(&labels)?, Kind::Counter, *count)?;
            }
        }
    }
    let help = "1 for the state that the plugin is in";
    let mut states = encoder.encode_descriptor("plugin_state", help, None, MetricType::Gauge)?;
    for plugin in plugins {
        let labels = [
            ("plugin", plugin.name.as_str()),
            ("state", state(plugin.state)),
        ];
        encode(states.encode_family(&labels)?, Kind::Gauge, 1)?;
    }
    Ok(())
}

/// The state as the API writes it.
fn state(state: PluginState) -> &'static str {
    match state {
        PluginState::Loading => "loading",
        PluginState::Running => "running",
        PluginState::Paused => "paused",
        PluginState::BackingOff => "backing-off",
        PluginState::Quarantined => "quarantined",
        PluginState::Failed => "failed",
    }
}

impl fmt::Debug for NodeCollector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NodeCollector").finish_non_exhaustive()
    }
}
