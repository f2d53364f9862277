//! The well-behaved plugin beside a hostile one, which must miss nothing.

use std::ops::Deref;

use hearken::config::{CompileSettings, NodeConfig};
use tempfile::TempDir;

use super::events::Events;
use super::node::{self, TestNode};
use super::plugin::{Plugin, plugin};

/// A node with a recorder beside the plugin under test.
pub struct Neighbourhood {
    node: TestNode,
    recorded: Events,
    sent: u64,
    /// What the host reports of plugins.
    pub reports: Events,
}

impl Neighbourhood {
    /// Starts a node with the recorder, and drops the other plugins into its
    /// folder, so that whatever is reported of them is seen.
    pub async fn with(plugins: impl IntoIterator<Item = Plugin>) -> Self {
        let recorder = plugin("recorder").manifest("subscribe = [\"custom.good.*\"]");
        let neighbourhood = Self::on(TestNode::start([recorder]).await).await;
        for plugin in plugins {
            neighbourhood.place(&plugin);
        }
        neighbourhood
    }

    /// Starts a node that has the recorder and these plugins from the start, and
    /// compiles them so.
    pub async fn beside(
        plugins: impl IntoIterator<Item = Plugin>,
        settings: CompileSettings,
    ) -> Self {
        let recorder = plugin("recorder").manifest("subscribe = [\"custom.good.*\"]");
        let folders = TempDir::new().expect("a temporary folder");
        std::fs::create_dir(folders.path().join("plugins")).expect("a new folder");
        for plugin in plugins.into_iter().chain([recorder]) {
            plugin.place(&folders.path().join("plugins"));
        }
        let config = NodeConfig {
            compile: settings,
            ..node::config(folders.path())
        };
        Self::on(TestNode::start_with(config, folders).await).await
    }

    async fn on(node: TestNode) -> Self {
        let recorded = node.listen("custom.recorded.custom.good.*").await;
        let reports = node.listen("plugin.*").await;
        Self {
            node,
            recorded,
            sent: 0,
            reports,
        }
    }

    /// As [`Neighbourhood::with`], and waits until the plugins run.
    pub async fn of(plugins: impl IntoIterator<Item = Plugin>) -> Self {
        let plugins: Vec<Plugin> = plugins.into_iter().collect();
        let names: Vec<String> = plugins.iter().map(|plugin| plugin.name.clone()).collect();
        let mut neighbourhood = Self::with(plugins).await;
        for _ in &names {
            neighbourhood
                .reports
                .until(|event| {
                    event["type"] == "plugin.started"
                        && names.iter().any(|name| event["subject"] == name.as_str())
                })
                .await;
        }
        neighbourhood
    }

    /// Publishes events for the recorder and checks that it gets every one, in order.
    pub async fn nothing_is_missed(&mut self) {
        const EVENTS: u64 = 100;
        let numbers = self.sent..self.sent + EVENTS;
        self.sent += EVENTS;
        for number in numbers.clone() {
            self.node.send("good.event", number).await;
        }
        for number in numbers {
            let recorded = self.recorded.next().await;
            assert_eq!(recorded["data"]["data"], number);
        }
        let status = self.node.status("recorder").await.expect("it is there");
        assert_eq!(status.counters.dropped, 0);
        assert_eq!(status.counters.failed, 0);
    }
}

impl Deref for Neighbourhood {
    type Target = TestNode;

    fn deref(&self) -> &TestNode {
        &self.node
    }
}
