//! A plugin of the node: its workers, its dead letters, and what operators do to it.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use hearken::bus::{Filter, Publisher};
use hearken::channel::{Channel, Channels, ReadAmount, ReadFilter};
use hearken::consumer::{ConsumeSettings, Consumer, Consumers, From};
use hearken::event::Pattern;
use hearken_channel_model::Random;
use hearken_wire::EventRef;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::ledger::Ledger;
use super::life::{CHANNEL, Mood, ODD};
use super::note;
use super::worker::Worker;

/// What plugins live on.
pub(super) struct Host {
    pub(super) channels: Channels,
    pub(super) consumers: Consumers,
    pub(super) orders: Arc<Channel>,
    pub(super) publisher: Arc<Publisher>,
    pub(super) begun: Instant,
}

/// A plugin.
pub(super) struct Plugin {
    name: &'static str,
    pub(super) ledger: Arc<Mutex<Ledger>>,
    workers: Vec<Option<JoinHandle<()>>>,
    /// Those of versions before.
    leaving: Vec<JoinHandle<()>>,
    settings: ConsumeSettings,
    stop: CancellationToken,
}

impl Plugin {
    pub(super) fn new(name: &'static str, ledger: Arc<Mutex<Ledger>>) -> Self {
        Self {
            name,
            ledger,
            workers: Vec::new(),
            leaving: Vec::new(),
            settings: ConsumeSettings::default(),
            stop: CancellationToken::new(),
        }
    }

    pub(super) fn consumer(&self, host: &Host) -> Arc<Consumer> {
        host.consumers.consumer(self.name, host.orders.name())
    }

    /// Loads a (new) version: the old one finishes what it has in hand, or not yet.
    pub(super) async fn load(
        &mut self,
        host: &Host,
        (mood, random): (&Mood, &mut Random),
    ) -> Result<(), String> {
        self.stop.cancel();
        self.leaving.extend(self.workers.drain(..).flatten());
        if random.chance(500) {
            self.have_left().await;
        }
        self.stop = CancellationToken::new();
        let is_odd = mood.other_filters && random.chance(500);
        let pattern = if is_odd { "custom.plain" } else { "*" };
        let pattern = Pattern::new(pattern).map_err(|error| error.to_string())?;
        if is_odd {
            note(&self.ledger, |it| it.unwanted = Some(ODD.to_owned()))?;
        }
        let windows = [2, 5, 20, 1024];
        let window = usize::try_from(random.below(4)).unwrap_or(0);
        self.settings = ConsumeSettings {
            // So that what is dropped before it has a place is told too.
            from: From::After(0),
            attempts: 1 + u32::try_from(random.below(4)).unwrap_or(0),
            backoff: Duration::from_millis(20),
            max_backoff: Duration::from_millis(200),
            window: windows[window],
            dead_letters: random.chance(900) || mood.acts == 0,
        };
        let partitions = 1 + usize::try_from(random.below(4)).unwrap_or(0);
        let consumer = self.consumer(host);
        consumer.configure(vec![Filter::new(pattern)], self.settings, partitions);
        self.workers = (0..partitions).map(|_| None).collect();
        self.replace_workers(host, (mood, random));
        Ok(())
    }

    /// Puts workers where there are none, or are none any more.
    pub(super) fn replace_workers(&mut self, host: &Host, (mood, random): (&Mood, &mut Random)) {
        let consumer = self.consumer(host);
        for (partition, worker) in self.workers.iter_mut().enumerate() {
            if worker.as_ref().is_some_and(|worker| !worker.is_finished()) {
                continue;
            }
            let new = Worker {
                feed: consumer.feed(partition),
                settings: self.settings,
                habits: mood.habits,
                random: Random::new(random.bits()),
                ledger: Arc::clone(&self.ledger),
                begun: host.begun,
                stop: self.stop.clone(),
            };
            *worker = Some(tokio::spawn(new.work()));
        }
    }

    /// Has its dead letters given again.
    pub(super) async fn retry(&self, host: &Host) -> Result<(), String> {
        let letters = self.letters(host).await?;
        let of = letters.into_iter().map(|(_, of)| of).collect();
        // Before it happens, since the node may crash amid it.
        note(&self.ledger, |it| it.retrying(of))?;
        let count = host.consumers.retry(self.name, CHANNEL).await;
        let Ok(count) = count else {
            // Nothing was given again, or the disk has stopped.
            return Ok(());
        };
        let until = match host.channels.find(&self.letters_name()) {
            Ok(letters) => letters.retried(CHANNEL).await.unwrap_or(0),
            Err(_) => 0,
        };
        let letters = self.letters(host).await?;
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

    pub(super) async fn seek(
        &self,
        host: &Host,
        (mood, random): (&Mood, &mut Random),
    ) -> Result<(), String> {
        let before = self.consumer(host).status().after;
        let last = host.orders.bounds().map_or(0, |bounds| bounds.last);
        let after = if mood.seeks_forward && random.chance(500) {
            before + random.below(last.saturating_sub(before) + 1)
        } else {
            before.saturating_sub(random.below(15))
        };
        // Before it happens, since what is handed over then may be a repeat already.
        note(&self.ledger, |it| it.sought(after, before))?;
        let _ = host.consumers.seek(self.name, CHANNEL, after, None).await;
        note(&self.ledger, Ledger::arrived)
    }

    /// Looks at what has become of all events, when nothing is left to be done.
    pub(super) async fn finish(
        &mut self,
        host: &Host,
        (mood, random): (&Mood, &mut Random),
    ) -> Result<(), String> {
        self.replace_workers(host, (mood, random));
        let again = host.consumers.retry(self.name, CHANNEL).await;
        if !matches!(again, Ok(0)) {
            return Err(format!("letters were given again and are again: {again:?}"));
        }
        let status = self.consumer(host).status();
        let last = host.orders.bounds().map_or(0, |bounds| bounds.last);
        if status.after != last || status.in_flight != 0 || status.stalled.is_some() {
            return Err(format!("it is not at the end, {last}: {status:?}"));
        }
        let log = host.events().await?;
        let letters = self.letters(host).await?;
        let letters: Vec<u64> = letters.into_iter().map(|(_, of)| of).collect();
        let missed = status.missed;
        note(&self.ledger, |it| it.finish((&log, last), &letters, missed))
    }

    fn letters_name(&self) -> String {
        format!("dead.{}", self.name)
    }

    /// The dead letters: their numbers, and those of their events.
    async fn letters(&self, host: &Host) -> Result<Vec<(u64, u64)>, String> {
        let Ok(letters) = host.channels.find(&self.letters_name()) else {
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

    /// Ends all its workers.
    pub(super) async fn stop(&mut self) {
        self.stop.cancel();
        self.leaving.extend(self.workers.drain(..).flatten());
        self.have_left().await;
    }
}

impl Host {
    /// The events of the channel: their numbers and subjects.
    async fn events(&self) -> Result<Vec<(u64, String)>, String> {
        let of = |event: EventRef<'_>| {
            let subject = event.subject().unwrap_or_default().to_owned();
            (event.sequence().unwrap_or_default(), subject)
        };
        read(&self.orders, of).await
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
