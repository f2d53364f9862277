//! A start of the node, and what happens until it ends.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use hearken::bus::{Bus, BusConfig};
use hearken::channel::{ChannelSettings, Channels, Engines};
use hearken::clock::Clock;
use hearken::consumer::Consumers;
use hearken::event::{Draft, EventType};
use hearken_channel_log::{ChannelName, Environment, Expected, LogSettings};
use hearken_channel_model::Random;
use hearken_channel_model::disk::{Disk, Faults};
use tokio::time::{Instant, sleep};

use super::ledger::Ledger;
use super::note;
use super::plugin::{Host, Plugin};
use super::worker::Habits;

/// The plugins that there are, or the first of them.
const PLUGINS: [&str; 2] = ["shop", "stock"];

pub(super) const CHANNEL: &str = "orders";

/// Subjects of the events; without one is a subject too.
const SUBJECTS: [&str; 6] = ["", "a", "b", "c", "d", "odd"];

/// The subject whose events some versions do not want.
pub(super) const ODD: &str = "odd";

/// Events that are appended together at most.
const MAX_BATCH: u64 = 12;

/// How long everything takes that is left.
const LEFT: Duration = Duration::from_secs(30);

/// How often a disk fails that does, of a thousand operations.
const FAILING: Faults = Faults {
    read: 4,
    write: 4,
    sync: 8,
    full: 0,
    full_inside: 0,
    sync_full: 0,
    short: 50,
};

/// What is likely in a life.
#[derive(Clone, Copy, Debug)]
pub(super) struct Mood {
    pub(super) habits: Habits,
    pub(super) acts: u64,
    /// Of a thousand acts.
    seeks: u64,
    pub(super) seeks_forward: bool,
    pub(super) other_filters: bool,
    /// Whether the oldest events are dropped now and then.
    trims: bool,
    /// Whether the disk is full now and then,
    fills: bool,
    /// and whether it fails in the end, which only a crash mends.
    fails: bool,
}

/// A start of the node.
pub(super) struct Life {
    random: Random,
    mood: Mood,
    /// Those of the plugins that there are.
    ledgers: Vec<Arc<Mutex<Ledger>>>,
    /// Most events that the channel keeps.
    max_events: Option<u64>,
    /// What the logs lie on, unless that never fails.
    disk: Option<Disk>,
    /// Whether that is full.
    is_full: bool,
}

/// The node while it lives.
struct Node {
    host: Host,
    plugins: Vec<Plugin>,
}

/// Chance, of a seed.
#[derive(Debug)]
struct Chance(Mutex<Random>);

/// A clock for which nothing depends on the day.
struct Someday;

impl Environment for Chance {
    fn now_millis(&self) -> u64 {
        1_700_000_000_000
    }

    fn monotonic_millis(&self) -> u64 {
        self.now_millis()
    }

    fn random(&self) -> u64 {
        self.0.lock().expect("nobody panics with it").bits()
    }
}

impl Clock for Someday {
    fn now_millis(&self) -> u64 {
        1_700_000_000_000
    }
}

impl Mood {
    pub(super) fn any(random: &mut Random, crashes: bool) -> Self {
        let mut often = |most: u64| random.below(most);
        Self {
            habits: Habits {
                fails: often(400),
                rejects: often(60),
                is_slow: often(300),
                is_gone: often(40),
            },
            acts: 10 + often(60),
            seeks: often(4) * 10,
            seeks_forward: often(5) == 0,
            other_filters: often(3) == 0,
            trims: often(3) == 0,
            fills: often(3) == 0,
            fails: often(4) == 0 && crashes,
        }
    }

    /// Everything is handled at once.
    pub(super) fn calm() -> Self {
        Self {
            habits: Habits::default(),
            acts: 0,
            seeks: 0,
            seeks_forward: false,
            other_filters: false,
            trims: false,
            fills: false,
            fails: false,
        }
    }
}

impl Life {
    pub(super) fn new(
        seed: u64,
        mood: Mood,
        ledgers: &[Arc<Mutex<Ledger>>],
        max_events: Option<u64>,
    ) -> Self {
        Self {
            random: Random::new(seed),
            mood,
            ledgers: ledgers.to_vec(),
            max_events,
            disk: None,
            is_full: false,
        }
    }

    /// What the logs lie on can fail.
    pub(super) fn on(mut self, disk: Option<Disk>) -> Self {
        self.disk = disk;
        self
    }

    /// Lives as it likes, and stops, unless it crashes.
    pub(super) async fn play(mut self, engines: Engines, crashes: bool) -> Result<(), String> {
        let mut node = self.start(engines).await?;
        for _ in 0..self.mood.acts {
            self.act(&mut node).await?;
            for plugin in &mut node.plugins {
                plugin.replace_workers(&node.host, (&self.mood, &mut self.random));
                let now = node.host.begun.elapsed();
                note(&plugin.ledger, |it| it.pass(now))?;
            }
        }
        if !crashes {
            if self.is_full {
                // What waited for room is made up for.
                self.fill(&node)?;
                sleep(LEFT).await;
            }
            node.stop().await;
        }
        Ok(())
    }

    /// Has everything handled that is left, and looks at what has become of all.
    pub(super) async fn finish(mut self, engines: Engines) -> Result<(), String> {
        let mut node = self.start(engines).await?;
        // What cannot be read any more is given up.
        let verified = node.host.orders.verify().await;
        verified.map_err(|error| error.to_string())?;
        let repaired = node.host.orders.repair().await;
        repaired.map_err(|error| error.to_string())?;
        for _ in 0..2 {
            sleep(LEFT).await;
            for plugin in &node.plugins {
                plugin.retry(&node.host).await?;
            }
        }
        sleep(LEFT).await;
        for plugin in &mut node.plugins {
            plugin
                .finish(&node.host, (&self.mood, &mut self.random))
                .await?;
        }
        node.stop().await;
        Ok(())
    }

    async fn start(&mut self, engines: Engines) -> Result<Node, String> {
        for ledger in &self.ledgers {
            note(ledger, Ledger::begin)?;
        }
        let bus = Bus::new(BusConfig {
            node: "a".into(),
            incarnation: "i".into(),
            max_event_bytes: 1 << 20,
            clock: Arc::new(Someday),
        });
        let channels = Channels::new(&bus);
        let opened = channels.open(engines, BTreeMap::new()).await;
        opened.map_err(|error| error.to_string())?;
        let name = ChannelName::new(CHANNEL).map_err(|error| error.to_string())?;
        let settings = ChannelSettings {
            log: LogSettings {
                max_events: self.max_events,
                ..LogSettings::default()
            },
            ..ChannelSettings::default()
        };
        let made = channels.set(&name, settings, None, false);
        let (orders, _) = made.await.map_err(|error| error.to_string())?;
        let environment = Arc::new(Chance(Mutex::new(Random::new(self.random.bits()))));
        let host = Host {
            consumers: Consumers::new(&channels, &bus, environment),
            publisher: Arc::new(bus.publisher("/sim", "sim")),
            channels,
            orders,
            begun: Instant::now(),
        };
        let ledgers = PLUGINS.into_iter().zip(&self.ledgers);
        let plugins = ledgers.map(|(name, ledger)| Plugin::new(name, Arc::clone(ledger)));
        let mut plugins: Vec<Plugin> = plugins.collect();
        for plugin in &mut plugins {
            plugin.load(&host, (&self.mood, &mut self.random)).await?;
        }
        Ok(Node { host, plugins })
    }

    async fn act(&mut self, node: &mut Node) -> Result<(), String> {
        let host = &node.host;
        let index = usize::try_from(self.random.below(node.plugins.len() as u64)).unwrap_or(0);
        let plugin = &mut node.plugins[index];
        match self.random.below(100) {
            0..40 => self.append(host).await,
            40..80 => {
                sleep(Duration::from_millis(self.random.below(400))).await;
                Ok(())
            }
            80..85 => {
                note(&plugin.ledger, |it| it.counts.reloads += 1)?;
                plugin.load(host, (&self.mood, &mut self.random)).await
            }
            85..88 if self.mood.trims => self.trim(node).await,
            88..91 => self.trouble(node),
            // What becomes of these on a full disk is not told at once.
            91..95 if !self.is_full => plugin.retry(host).await,
            _ if !self.is_full && self.random.chance(self.mood.seeks * 10) => {
                plugin.seek(host, (&self.mood, &mut self.random)).await
            }
            _ => Ok(()),
        }
    }

    async fn append(&mut self, host: &Host) -> Result<(), String> {
        let drafts = (0..=self.random.below(MAX_BATCH)).map(|_| {
            let index = usize::try_from(self.random.below(SUBJECTS.len() as u64)).unwrap_or(0);
            let subject = SUBJECTS[index];
            let event_type = if subject == ODD { "odd" } else { "plain" };
            let event_type = EventType::custom(event_type).expect("valid");
            Draft {
                subject: Some(subject).filter(|it| !it.is_empty()).map(Into::into),
                ..Draft::new(event_type)
            }
        });
        let drafts: Vec<Draft<'_>> = drafts.collect();
        let publisher = Arc::clone(&host.publisher);
        // A node that crashes amid it, or whose disk is full, has no answer or another.
        let _ = host
            .orders
            .append(publisher, "sim", drafts, Expected::Any)
            .await;
        Ok(())
    }

    /// Drops the oldest events, handled or not.
    async fn trim(&mut self, node: &Node) -> Result<(), String> {
        let Some(bounds) = node.host.orders.bounds() else {
            return Ok(());
        };
        let before = bounds.first + self.random.below(15);
        // What the disk says of it is no rule's.
        let _ = node.host.orders.trim(before.min(bounds.last + 1)).await;
        for plugin in &node.plugins {
            note(&plugin.ledger, |it| it.counts.trims += 1)?;
        }
        Ok(())
    }

    /// The disk is full, or has room again; or it begins to fail.
    fn trouble(&mut self, node: &Node) -> Result<(), String> {
        if self.mood.fails {
            if let Some(disk) = &self.disk {
                disk.set_faults(FAILING);
                return self.note_trouble(node);
            }
            return Ok(());
        }
        if self.mood.fills {
            self.fill(node)?;
        }
        Ok(())
    }

    /// The disk is full, or has room again.
    fn fill(&mut self, node: &Node) -> Result<(), String> {
        let Some(disk) = &self.disk else {
            return Ok(());
        };
        if self.is_full {
            disk.set_room(u64::MAX);
        } else {
            disk.fill();
        }
        self.is_full = !self.is_full;
        self.note_trouble(node)
    }

    fn note_trouble(&self, node: &Node) -> Result<(), String> {
        let now = node.host.begun.elapsed();
        for plugin in &node.plugins {
            note(&plugin.ledger, |it| it.troubled(now))?;
        }
        Ok(())
    }
}

impl Node {
    /// Stops in good order; the logs are closed by whoever has opened them.
    async fn stop(mut self) {
        for plugin in &mut self.plugins {
            plugin.stop().await;
        }
        let deadline = Instant::now() + Duration::from_secs(60);
        self.host.consumers.close(deadline).await;
        self.host.channels.finish(deadline).await;
    }
}
