//! What stands beside a gateway under test: plugins and other nodes that there are not.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use uuid::Uuid;

use crate::admin::{
    ClusterAdmin, CommandFuture, ConsumedStatus, Counters, HostRequests, LimitsStatus, LinkStatus,
    NodeState, NodeStatus, PluginAdmin, PluginCommandError, PluginState, PluginStatus,
    ReplayRequest, ReplayState, ReplayStatus, RightsStatus, StalledStatus,
};
use crate::bus::Overflow;
use crate::mesh::{Mesh, PeerNode};
use crate::script::Language;

/// Two plugins, `good` and `broken`; whatever is done to `broken` fails, and to
/// `stuck` never ends.
#[derive(Default)]
pub(super) struct FakePlugins {
    paused: Mutex<bool>,
}

impl FakePlugins {
    fn status(&self, name: &str) -> PluginStatus {
        let paused = *self.paused.lock().expect("no test panics in here");
        PluginStatus {
            name: name.to_owned(),
            version: Some("1.2.3".to_owned()),
            language: Some(Language::Component),
            state: match name {
                "good" if paused => PluginState::Paused,
                "good" => PluginState::Running,
                _ => PluginState::BackingOff,
            },
            interface: None,
            listeners: Vec::new(),
            answers: None,
            consumers: vec![ConsumedStatus {
                channel: "orders".to_owned(),
                epoch: None,
                after: 7,
                lag: 5,
                in_flight: 1,
                waiting: None,
                stalled: Some(StalledStatus {
                    sequence: 8,
                    attempts: 3,
                    reason: "it fails".to_owned(),
                    next_attempt: None,
                }),
                dead: 2,
                retried: 0,
                missed: 0,
            }],
            replay: None,
            rights: RightsStatus::default(),
            limits: LimitsStatus {
                memory_bytes: 1,
                deadline_ms: 1,
                time_slice_us: 1,
                mailbox: 1,
                overflow: Overflow::DropOldest,
                concurrency: 1,
            },
            counters: Counters {
                delivered: 42,
                ..Counters::default()
            },
            http: vec![HostRequests {
                host: "a.example".to_owned(),
                requests: [("200".to_owned(), 3)].into(),
            }],
            content_hash: None,
            memory_bytes: 65536,
            last_error: None,
            last_error_time: None,
            quarantined_until: None,
        }
    }

    fn command<'a>(&'a self, name: &'a str, pause: Option<bool>) -> CommandFuture<'a> {
        Box::pin(async move {
            match name {
                "good" => {
                    if let Some(pause) = pause {
                        *self.paused.lock().expect("no test panics in here") = pause;
                    }
                    Ok(self.status(name))
                }
                "broken" => Err(PluginCommandError::Failed("it is broken".to_owned())),
                "stuck" => std::future::pending().await,
                _ => Err(PluginCommandError::NotFound(name.to_owned())),
            }
        })
    }
}

impl PluginAdmin for FakePlugins {
    fn list(&self) -> Vec<PluginStatus> {
        vec![self.status("broken"), self.status("good")]
    }

    fn get(&self, name: &str) -> Option<PluginStatus> {
        assert_ne!(name, "panic", "something confidential");
        matches!(name, "good" | "broken").then(|| self.status(name))
    }

    fn reload<'a>(&'a self, name: &'a str) -> CommandFuture<'a> {
        self.command(name, None)
    }

    fn pause<'a>(&'a self, name: &'a str) -> CommandFuture<'a> {
        self.command(name, Some(true))
    }

    fn resume<'a>(&'a self, name: &'a str) -> CommandFuture<'a> {
        self.command(name, Some(false))
    }

    fn replay<'a>(&'a self, name: &'a str, request: ReplayRequest) -> CommandFuture<'a> {
        Box::pin(async move {
            let mut status = self.command(name, None).await?;
            status.replay = Some(ReplayStatus {
                channel: request.channel,
                after: request.after,
                until: request.until.unwrap_or(42),
                copy: request.copy,
                at: request.after,
                state: ReplayState::Running,
                handled: 0,
                failed: 0,
                missing: 0,
                last_error: None,
            });
            Ok(status)
        })
    }

    fn end_replay<'a>(&'a self, name: &'a str) -> CommandFuture<'a> {
        self.command(name, None)
    }
}

/// This node, `a`, with a link to `b` and one to `c` that is down.
pub(super) struct FakeCluster;

impl ClusterAdmin for FakeCluster {
    fn nodes(&self) -> Vec<NodeStatus> {
        let node = |name: &str, state, link| NodeStatus {
            name: name.to_owned(),
            address: format!("{name}.example:7071"),
            version: "1.2.3".to_owned(),
            incarnation: "0123456789abcdef".to_owned(),
            state,
            troubles: Vec::new(),
            link,
        };
        let busy = LinkStatus {
            round_trip_ms: Some(0.25),
            queued: 4,
            sent: 5,
            received: 6,
            dropped: 7,
            gaps: 8,
        };
        vec![
            node("a", NodeState::This, None),
            node("b", NodeState::Connected, Some(busy)),
            node("c", NodeState::Unreachable, Some(LinkStatus::default())),
        ]
    }
}

/// The way to the sessions of another node, which cannot be reached.
pub(super) struct Missing {
    pub(super) this: Arc<str>,
    pub(super) other: Arc<str>,
}

impl Mesh for Missing {
    fn this(&self) -> PeerNode {
        PeerNode {
            name: Arc::clone(&self.this),
            incarnation: Uuid::nil(),
        }
    }

    fn peers(&self) -> Vec<PeerNode> {
        Vec::new()
    }

    fn known(&self) -> Vec<Arc<str>> {
        vec![Arc::clone(&self.other)]
    }

    fn send(&self, _: &PeerNode, _: Bytes) -> bool {
        false
    }
}
