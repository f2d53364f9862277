//! The well-behaved plugin beside a hostile one, which must miss nothing and not be
//! kept waiting.

use std::ops::Deref;
use std::time::Duration;

use tokio::time::Instant;

use hearken::config::{CompileSettings, NodeConfig};
use tempfile::TempDir;

use super::engines;
use super::events::Events;
use super::node::{self, TestNode};
use super::plugin::{Plugin, plugin};

/// Events that are answered one after the other in a check.
const EVENTS: usize = 100;

/// Time in which nine of ten answers come beside whatever there is, or in five times
/// as long as before the others came, if that is more. They take one or two
/// milliseconds; but other tests run meanwhile, and compile. How long the slowest may
/// take, the suite `isolation` says, which measures alone.
const PROMPT: Duration = Duration::from_millis(250);

/// A node with a recorder beside the plugin under test.
pub struct Neighbourhood {
    node: TestNode,
    recorded: Events,
    sent: u64,
    /// Time of nine of ten answers before the others came.
    alone: Duration,
    /// What the host reports of plugins.
    pub reports: Events,
}

impl Neighbourhood {
    /// Starts a node with the recorder, and drops the other plugins into its
    /// folder, so that whatever is reported of them is seen.
    pub async fn with(plugins: impl IntoIterator<Item = Plugin>) -> Self {
        let recorder = plugin("recorder").manifest("subscribe = [\"custom.good.*\"]");
        let plugins: Vec<Plugin> = plugins.into_iter().collect();
        let folders = TempDir::new().expect("a temporary folder");
        if plugins.iter().any(Plugin::is_text) {
            engines::put_into(&folders.path().join("data")).await;
        }
        engines::place([recorder], &folders.path().join("plugins"), folders.path()).await;
        let neighbourhood = Self::on(TestNode::start_in(folders).await).await;
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
        let mut neighbourhood = Self {
            node,
            recorded,
            sent: 0,
            alone: Duration::ZERO,
            reports,
        };
        neighbourhood.alone = neighbourhood.time_of_nine_in_ten().await;
        neighbourhood
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

    /// Publishes events for the recorder, and checks that it gets every one, in order
    /// and soon.
    pub async fn nothing_is_missed(&mut self) {
        let took = self.time_of_nine_in_ten().await;
        let most = PROMPT.max(self.alone * 5);
        assert!(took <= most, "{took:?}, and {:?} alone", self.alone);
        let status = self.node.status("recorder").await.expect("it is there");
        assert_eq!(status.counters.dropped, 0);
        assert_eq!(status.counters.failed, 0);
    }

    /// The time within which the recorder answers nine of ten events.
    async fn time_of_nine_in_ten(&mut self) -> Duration {
        let mut times = Vec::with_capacity(EVENTS);
        for _ in 0..EVENTS {
            let began = Instant::now();
            self.node.send("good.event", self.sent).await;
            let recorded = self.recorded.next().await;
            times.push(began.elapsed());
            assert_eq!(recorded["data"]["data"], self.sent);
            self.sent += 1;
        }
        times.sort_unstable();
        times[EVENTS * 9 / 10 - 1]
    }
}

impl Deref for Neighbourhood {
    type Target = TestNode;

    fn deref(&self) -> &TestNode {
        &self.node
    }
}
