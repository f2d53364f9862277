//! A start of the node, and what happens until it ends.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use hearken::bus::{Bus, BusConfig, Filter, Publisher};
use hearken::channel::{Channel, ChannelSettings, Channels, Engines, ReadAmount, ReadFilter};
use hearken::clock::Clock;
use hearken::consumer::{ConsumeSettings, Consumer, Consumers};
use hearken::event::{Draft, EventType, Pattern};
use hearken_channel_log::{ChannelName, Environment, Expected};
use hearken_channel_model::Random;
use hearken_wire::EventRef;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use super::ledger::Ledger;
use super::note;
use super::worker::{Habits, Worker};

const PLUGIN: &str = "shop";
const CHANNEL: &str = "orders";

/// Subjects of the events; without one is a subject too.
const SUBJECTS: [&str; 6] = ["", "a", "b", "c", "d", "odd"];

/// The subject whose events some versions do not want.
const ODD: &str = "odd";

/// Events that are appended together at most.
const TOGETHER: u64 = 12;

/// How long everything takes that is left.
const LEFT: Duration = Duration::from_secs(30);

/// What is likely in a life.
#[derive(Clone, Copy, Debug)]
pub(super) struct Mood {
    habits: Habits,
    acts: u64,
    /// Of a thousand acts.
    seeks: u64,
    seeks_forward: bool,
    other_filters: bool,
}

/// A start of the node.
pub(super) struct Life {
    random: Random,
    mood: Mood,
    ledger: Arc<Mutex<Ledger>>,
}

/// The node while it lives.
struct Node {
    channels: Channels,
    consumers: Consumers,
    orders: Arc<Channel>,
    publisher: Arc<Publisher>,
    begun: Instant,
    workers: Vec<Option<JoinHandle<()>>>,
    /// Those of versions before.
    leaving: Vec<JoinHandle<()>>,
    settings: ConsumeSettings,
    stop: CancellationToken,
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
    pub(super) fn any(random: &mut Random) -> Self {
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
        }
    }
}

impl Life {
    pub(super) fn new(seed: u64, mood: Mood, ledger: Arc<Mutex<Ledger>>) -> Self {
        Self {
            random: Random::new(seed),
            mood,
            ledger,
        }
    }

    /// Lives as it likes, and stops, unless it crashes.
    pub(super) async fn play(mut self, engines: Engines, crashes: bool) -> Result<(), String> {
        let mut node = self.start(engines).await?;
        for _ in 0..self.mood.acts {
            self.act(&mut node).await?;
            node.replace_workers(&mut self);
            note(&self.ledger, |it| it.pass(node.begun.elapsed()))?;
        }
        if !crashes {
            node.stop().await;
        }
        Ok(())
    }

    /// Has everything handled that is left, and looks at what has become of all.
    pub(super) async fn finish(mut self, engines: Engines) -> Result<(), String> {
        let mut node = self.start(engines).await?;
        for _ in 0..2 {
            sleep(LEFT).await;
            self.retry(&node).await?;
        }
        sleep(LEFT).await;
        node.replace_workers(&mut self);
        let again = node.consumers.retry(PLUGIN, CHANNEL).await;
        if !matches!(again, Ok(0)) {
            return Err(format!("letters were given again and are again: {again:?}"));
        }
        let status = node.consumer().status();
        let last = node.orders.bounds().map_or(0, |bounds| bounds.last);
        if status.after != last || status.in_flight != 0 || status.stalled.is_some() {
            return Err(format!("it is not at the end, {last}: {status:?}"));
        }
        let log = node.events(&node.orders).await?;
        let letters = node.letters().await?;
        let letters: Vec<u64> = letters.into_iter().map(|(_, of)| of).collect();
        note(&self.ledger, |it| it.finish(&log, &letters))?;
        node.stop().await;
        Ok(())
    }

    async fn start(&mut self, engines: Engines) -> Result<Node, String> {
        note(&self.ledger, Ledger::begin)?;
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
        let made = channels.set(&name, ChannelSettings::default(), None, false);
        let (orders, _) = made.await.map_err(|error| error.to_string())?;
        let environment = Arc::new(Chance(Mutex::new(Random::new(self.random.bits()))));
        let mut node = Node {
            consumers: Consumers::new(&channels, &bus, environment),
            publisher: Arc::new(bus.publisher("/sim", "sim")),
            channels,
            orders,
            begun: Instant::now(),
            workers: Vec::new(),
            leaving: Vec::new(),
            settings: ConsumeSettings::default(),
            stop: CancellationToken::new(),
        };
        self.load(&mut node).await?;
        Ok(node)
    }

    async fn act(&mut self, node: &mut Node) -> Result<(), String> {
        match self.random.below(100) {
            0..40 => self.append(node).await,
            40..85 => {
                sleep(Duration::from_millis(self.random.below(400))).await;
                Ok(())
            }
            85..91 => {
                note(&self.ledger, |it| it.counts.reloads += 1)?;
                self.load(node).await
            }
            91..95 => self.retry(node).await,
            _ if self.random.chance(self.mood.seeks * 10) => self.seek(node).await,
            _ => Ok(()),
        }
    }

    async fn append(&mut self, node: &Node) -> Result<(), String> {
        let drafts = (0..=self.random.below(TOGETHER)).map(|_| {
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
        let publisher = Arc::clone(&node.publisher);
        // A node that crashes amid it has no answer.
        let _ = node
            .orders
            .append(publisher, "sim", drafts, Expected::Any)
            .await;
        Ok(())
    }

    /// Loads a (new) version: the old one finishes what it has in hand, or not yet.
    async fn load(&mut self, node: &mut Node) -> Result<(), String> {
        node.stop.cancel();
        node.leaving.extend(node.workers.drain(..).flatten());
        if self.random.chance(500) {
            node.have_left().await;
        }
        node.stop = CancellationToken::new();
        let is_odd = self.mood.other_filters && self.random.chance(500);
        let pattern = if is_odd { "custom.plain" } else { "*" };
        let pattern = Pattern::new(pattern).map_err(|error| error.to_string())?;
        if is_odd {
            note(&self.ledger, |it| it.unwanted = Some(ODD.to_owned()))?;
        }
        let windows = [2, 5, 20, 1024];
        let window = usize::try_from(self.random.below(4)).unwrap_or(0);
        node.settings = ConsumeSettings {
            attempts: 1 + u32::try_from(self.random.below(4)).unwrap_or(0),
            backoff: Duration::from_millis(20),
            max_backoff: Duration::from_millis(200),
            window: windows[window],
            dead_letters: self.random.chance(900) || self.mood.acts == 0,
            ..ConsumeSettings::default()
        };
        let partitions = 1 + usize::try_from(self.random.below(4)).unwrap_or(0);
        let consumer = node.consumer();
        consumer.configure(vec![Filter::new(pattern)], node.settings, partitions);
        node.workers = (0..partitions).map(|_| None).collect();
        node.replace_workers(self);
        Ok(())
    }

    async fn retry(&mut self, node: &Node) -> Result<(), String> {
        let letters = node.letters().await?;
        let of = letters.into_iter().map(|(_, of)| of).collect();
        // Before it happens, since the node may crash amid it.
        note(&self.ledger, |it| it.retrying(of))?;
        let count = node.consumers.retry(PLUGIN, CHANNEL).await;
        let Ok(count) = count else {
            // Nothing was given again, or the disk has stopped.
            return Ok(());
        };
        let until = match node.channels.find("dead.shop") {
            Ok(letters) => letters.retried(CHANNEL).await.unwrap_or(0),
            Err(_) => 0,
        };
        let letters = node.letters().await?;
        let given = letters.iter().filter(|(place, _)| *place <= until);
        let given: Vec<u64> = given.map(|(_, of)| *of).collect();
        let new = usize::try_from(count).unwrap_or(usize::MAX);
        let Some(before) = given.len().checked_sub(new) else {
            return Err(format!(
                "{count} letters were given again of {}",
                given.len()
            ));
        };
        note(&self.ledger, |it| it.retried(&given[before..]))
    }

    async fn seek(&mut self, node: &Node) -> Result<(), String> {
        let before = node.consumer().status().after;
        let last = node.orders.bounds().map_or(0, |bounds| bounds.last);
        let after = if self.mood.seeks_forward && self.random.chance(500) {
            before + self.random.below(last.saturating_sub(before) + 1)
        } else {
            before.saturating_sub(self.random.below(15))
        };
        // Before it happens, since what is handed over then may be a repeat already.
        note(&self.ledger, |it| it.sought(after, before))?;
        let _ = node.consumers.seek(PLUGIN, CHANNEL, after, None).await;
        note(&self.ledger, Ledger::arrived)
    }
}

impl Node {
    fn consumer(&self) -> Arc<Consumer> {
        let name = self.orders.name();
        self.consumers.consumer(PLUGIN, name)
    }

    /// Puts workers where there are none, or are none any more.
    fn replace_workers(&mut self, life: &mut Life) {
        let consumer = self.consumer();
        for (partition, worker) in self.workers.iter_mut().enumerate() {
            if worker.as_ref().is_some_and(|worker| !worker.is_finished()) {
                continue;
            }
            let new = Worker {
                feed: consumer.feed(partition),
                settings: self.settings,
                habits: life.mood.habits,
                random: Random::new(life.random.bits()),
                ledger: Arc::clone(&life.ledger),
                begun: self.begun,
                stop: self.stop.clone(),
            };
            *worker = Some(tokio::spawn(new.work()));
        }
    }

    /// The events of a channel: their numbers and subjects.
    async fn events(&self, channel: &Channel) -> Result<Vec<(u64, String)>, String> {
        let of = |event: EventRef<'_>| {
            let subject = event.subject().unwrap_or_default().to_owned();
            (event.sequence().unwrap_or_default(), subject)
        };
        read(channel, of).await
    }

    /// The dead letters: their numbers, and those of their events.
    async fn letters(&self) -> Result<Vec<(u64, u64)>, String> {
        let Ok(letters) = self.channels.find("dead.shop") else {
            return Ok(Vec::new());
        };
        let of = |event: EventRef<'_>| {
            let mut extensions = event.extensions();
            let of = extensions.find(|(name, ..)| *name == "deadsequence");
            let of = of.and_then(|(_, _, text)| text.parse().ok());
            (event.sequence().unwrap_or_default(), of.unwrap_or_default())
        };
        read(&letters, of).await
    }

    /// Waits for the workers that are to stop.
    async fn have_left(&mut self) {
        for worker in self.leaving.drain(..) {
            // It panics only when a rule is broken, which is told.
            let _ = worker.await;
        }
    }

    /// Stops in good order; the logs are closed by whoever has opened them.
    async fn stop(mut self) {
        self.stop.cancel();
        self.leaving.extend(self.workers.drain(..).flatten());
        self.have_left().await;
        let deadline = Instant::now() + Duration::from_secs(60);
        self.consumers.close(deadline).await;
        self.channels.finish(deadline).await;
    }
}

/// Reads all of a channel.
async fn read<T>(channel: &Channel, of: impl Fn(EventRef<'_>) -> T) -> Result<Vec<T>, String> {
    let mut all = Vec::new();
    let mut after = 0;
    loop {
        let page = channel
            .read(after, ReadAmount::events(1000), &ReadFilter::default())
            .await
            .map_err(|error| error.to_string())?;
        let events = page.events.iter();
        all.extend(events.map(|event| of(EventRef::assume_encoded(event))));
        if page.next >= page.last {
            return Ok(all);
        }
        after = page.next;
    }
}
